// The runtime: actors that step environments and fill a rollout buffer.
//
// The N environments are cut into shards of a fixed size. One worker takes a shard through all T
// steps — inference, sampling, stepping, storing — without waiting for the others. Parameters and
// normaliser statistics are frozen meanwhile; each shard's moments are merged afterwards in shard
// order. The shard, not the number of threads, fixes the shape of every matrix product and the
// order of every sum, so the bits do not depend on threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agents/episode_statistics.h"
#include "agents/rollout_buffer.h"
#include "agents/rollout_logger.h"
#include "envs/normalizer.h"
#include "envs/thread_pool.h"
#include "envs/vector_env.h"
#include "logs/checkpoint_file.h"
#include "policies/actor_critic.h"

namespace costate {

struct RuntimeConfig {
  std::int64_t envs = 8;
  std::int64_t shard = 4;
  bool overlap = false;
  bool normalize_observations = true;
  bool normalize_rewards = true;

  void describe(Options& options);
  /// The one key that matters to a learner which takes no steps of its own.
  void describe_observations(Options& options);
};

class Runtime {
 public:
  /// `gamma` is the discount of the reward normaliser. `policy` and `pool` outlive the runtime.
  Runtime(const RuntimeConfig& config, VectorEnv& environments, std::uint64_t seed, double gamma,
          const ActorCritic& policy, ThreadPool& pool);
  ~Runtime();

  /// Takes every environment through `steps` steps under the policy of `parameters` and fills
  /// buffer(). Throws Error where an environment gives a number that is not finite.
  void collect(std::span<const float> parameters, int steps);

  /// The same in pieces, for a learner that uses the pool at the same time: `begin`, then
  /// `run_shard` once for each of shards(), on any threads, then `end`. `parameters` must not
  /// change before that.
  void begin(std::span<const float> parameters, int steps);
  int shards() const { return static_cast<int>(shards_.size()); }
  void run_shard(int index);
  void end();

  const RolloutBuffer& buffer() const { return buffer_; }
  /// Exchanges the buffer for `other`, so that the rollout can be kept while the next one is
  /// collected.
  void swap_buffer(RolloutBuffer& other) { std::swap(buffer_, other); }
  const EpisodeStatistics& statistics() const { return statistics_; }
  /// Environment steps taken so far, all environments together.
  std::int64_t steps() const { return steps_; }
  int envs() const { return environments_.size(); }

  /// An observation [obs] as the environment gives it → as the policy sees it.
  void normalize(std::span<const float> raw, std::span<float> out) const;
  /// Where environment `env` stands, as the environment gives it.
  std::span<const float> observation(int env) const;
  /// The final observation of the episode that ended at `row` of the last rollout.
  std::span<const float> final_observation(int row) const;

  /// Logs rollouts from here on. `logger` outlives the runtime. To be called before the first
  /// collect, or after load with a logger that continues from the same checkpoint.
  void attach(RolloutLogger& logger);
  /// Hands the logger the episodes that still run, at the end of a run, before its last save.
  void finish_logging();

  /// Everything but the parameters and the logger: environments, random streams, normalisers,
  /// statistics.
  void save(Checkpoint& checkpoint) const;
  void load(const Checkpoint& checkpoint);

 private:
  struct Shard;

  void act(Shard& shard, int t);
  void store_step(Shard& shard, int t);
  void evaluate(Shard& shard);

  RuntimeConfig config_;
  VectorEnv& environments_;
  const ActorCritic& policy_;
  ThreadPool& pool_;
  int observation_size_;
  int action_size_;
  int parameter_size_;
  ObservationNormalizer observation_normalizer_;
  RewardNormalizer reward_normalizer_;
  std::vector<RandomStream> action_streams_;  // [N]
  std::vector<std::unique_ptr<Shard>> shards_;
  std::span<const float> parameters_;  // of the rollout that is being collected
  RolloutBuffer buffer_;
  EpisodeStatistics statistics_;
  RolloutLogger* logger_ = nullptr;
  std::int64_t steps_ = 0;
};

}  // namespace costate
