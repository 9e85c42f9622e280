// Whole episodes under a policy that no longer changes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "envs/env_config.h"
#include "envs/normalizer.h"
#include "envs/thread_pool.h"
#include "logs/checkpoint_file.h"
#include "logs/rollout_file.h"
#include "policies/actor_critic.h"

namespace costate {

/// A policy with its parameters and the observation statistics that it was trained with.
class FrozenPolicy {
 public:
  /// `config` and `normalize` as in the run that wrote the checkpoint.
  FrozenPolicy(const PolicyConfig& config, const EnvSpec& spec, bool normalize,
               const Checkpoint& checkpoint);

  const ActorCritic& network() const { return network_; }
  const Distribution& distribution() const { return network_.distribution(); }

  /// Distribution parameters [rows, P] of observations [rows, obs] as the environment gives them.
  /// `rows` is at most what the workspace was made for.
  void act(std::span<const float> observations, int rows, std::span<float> distribution,
           ActorCritic::Workspace& workspace) const;
  /// The critic's values [rows] of the same, in the units of the learner's rewards; 0 where the
  /// policy comes without one.
  void value(std::span<const float> observations, int rows, std::span<float> values,
             ActorCritic::Workspace& workspace) const;

 private:
  /// Observations as the network takes them: `observations` themselves, or what `scratch` then
  /// holds.
  std::span<const float> normalize(std::span<const float> observations,
                                   std::vector<float>& scratch) const;

  ActorCritic network_;
  bool normalize_;
  ObservationNormalizer normalizer_;
  std::vector<float> parameters_;
};

struct EvaluationOptions {
  std::int64_t episodes = 10;
  bool deterministic = true;  ///< take the mode; otherwise sample
  std::uint64_t seed = 0;
  bool keep_observations = false;
  bool keep_actions = false;
  bool measure_power = false;
};

struct EvaluatedEpisode {
  double episode_return = 0.0;
  std::int64_t length = 0;
  std::vector<float> observations;  ///< [length, obs], where kept
  /// [length, action_size] as executed, before they are mapped to the environment's bounds, and
  /// [length, P] of the distributions that they came from; where actions are kept.
  std::vector<float> actions;
  std::vector<float> parameters;
  /// Mean over the steps of Env::actuator_power, in the state in which each action was taken; where
  /// power is measured.
  double power = 0.0;
};

/// Runs exactly `episodes` episodes, episode i seeded from {seed, i}, so that neither the number of
/// threads nor the lengths of other episodes matter: short episodes are not over-represented. A
/// cost that grows over training (action_cost_ramp) counts in full.
std::vector<EvaluatedEpisode> evaluate(const EnvConfig& env, const FrozenPolicy& policy,
                                       const EvaluationOptions& options, ThreadPool& pool);

struct RecordingOptions {
  std::int64_t episodes = 10;
  /// "mode", "sample", or "both": of two episodes the first by the mode, the second by samples.
  std::string actions = "sample";
  std::uint64_t seed = 0;
};

/// Runs episodes as evaluate() does and appends them to a rollout file, in their order.
void record(const EnvConfig& env, const FrozenPolicy& policy, const RecordingOptions& options,
            RolloutWriter& file, ThreadPool& pool);

}  // namespace costate
