// Soft actor-critic (Haarnoja et al., "Soft Actor-Critic Algorithms and Applications", 2018) for
// every family of action distributions.
//
// Critics are fitted to y = R + γⁿ(1 − terminal)·[min_j Q'_j(s', a') − α log π(a'|s')], a' ~ π; the
// actor minimises E_s[−α H(π(·|s)) − E_{a~π} min_j Q_j(s, a)]. How the second expectation is
// differentiated is the estimator's business (policies/distribution.h): pathwise for densities, and
// for discrete heads one of those of Seyde et al., "Is Bang-Bang Control All You Need?" (NeurIPS
// 2021) and its baselines. The temperature α moves the entropy towards a target that the family can
// reach.
//
// There is no separate phase of uniform actions: until `learning_starts` the initial policy acts,
// which is broad.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/learner.h"
#include "agents/replay_buffer.h"
#include "agents/sliced_optimizer.h"
#include "envs/options.h"
#include "policies/actor_critic.h"
#include "policies/critic.h"

namespace costate {

struct SacConfig {
  SacConfig() { optimizer.epsilon = 1e-8; }

  std::int64_t buffer = 1000000;
  std::int64_t learning_starts = 1000;
  std::int64_t rollout_steps = 1;
  double updates_per_step = 1.0;
  std::int64_t policy_delay = 1;
  std::int64_t batch = 256;
  std::int64_t slices = 2;
  std::int64_t critics = 2;
  std::int64_t n_step = 1;
  double gamma = 0.99;
  double tau = 0.005;
  double learning_rate = 3e-4;
  double critic_learning_rate = 3e-4;
  bool anneal = false;
  OptimizerConfig optimizer;
  double max_gradient_norm = 0.0;
  std::string estimator = "auto";
  double gumbel_temperature = 1.0;
  double temperature = 1.0;
  bool tune_temperature = true;
  double temperature_learning_rate = 3e-4;
  std::string target_entropy = "auto";
  PriorityConfig priority;
  std::int64_t report_steps = 1000;

  void describe(Options& options);
};

class Sac final : public Learner {
 public:
  /// A learner that takes `total_steps` environment steps (rounded down to a multiple of the number
  /// of environments). `policy`, without a value, `environments` and `pool` outlive it. Throws
  /// UsageError where the policy has not the estimator that is asked for, or cannot reach the
  /// target entropy.
  Sac(const SacConfig& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
      VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
      std::int64_t total_steps, ThreadPool& pool);
  ~Sac() override;

  void collect() override;
  const MetricValues& update() override;
  bool reports() const override { return reports_; }
  Runtime& runtime() override { return runtime_; }
  std::int64_t steps() const override { return runtime_.steps(); }
  bool done() const override;
  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  std::span<const float> parameters() const { return parameters_; }
  std::int64_t updates() const { return updates_; }
  double temperature() const;

 private:
  struct Slice;
  struct Sums;

  /// One gradient step of the critics, and, where it is due, of the actor and the temperature.
  void step();
  void critic_slice(Slice& slice);
  void actor_slice(Slice& slice);
  /// Samples actions for the slice's present distribution rows: raw, executed and log-probability.
  void sample(Slice& slice);
  /// Inputs of the critics for `observations` [n, obs] and the slice's executed actions.
  void encode(Slice& slice, std::span<const float> observations);
  /// min_j Q_j of the slice's inputs under `parameters`, [n]; slice.q keeps each.
  void least(Slice& slice, std::span<const float> parameters, std::span<float> values);
  /// Adds dL/d(distribution parameters) of −E[min Q]/batch.
  void improve(Slice& slice);
  double learning_rate(double initial) const;

  SacConfig config_;
  const ActorCritic& policy_;
  const Distribution& distribution_;
  Critic critic_;
  ThreadPool& pool_;
  std::int64_t total_steps_;
  Estimator estimator_;
  double target_entropy_;
  Runtime runtime_;
  ReplayBuffer replay_;
  RolloutBuffer rollout_;
  AlignedFloats parameters_;
  AlignedFloats critic_parameters_;
  AlignedFloats target_parameters_;
  std::vector<float> log_temperature_;  // [1], a block of parameters like the others
  SlicedOptimizer actor_optimizer_;
  SlicedOptimizer critic_optimizer_;
  Optimizer temperature_optimizer_;
  RandomStream draw_stream_;
  std::vector<std::unique_ptr<Slice>> slices_;
  std::vector<float> all_actions_;   // [M, action], where the estimator sums over them
  std::vector<std::int64_t> slots_;  // [batch] of the present minibatch
  std::vector<float> weights_;       // [batch]
  std::vector<float> errors_;        // [batch] |y − Q|
  double owed_ = 0.0;                // updates that the steps so far have earned, but not got
  std::int64_t updates_ = 0;
  std::int64_t reported_ = 0;  // steps at the last report
  bool reports_ = false;
  std::unique_ptr<Sums> sums_;  // since the last report
  MetricValues metrics_;
};

}  // namespace costate
