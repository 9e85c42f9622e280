// Proximal policy optimisation (Schulman et al. 2017), with the clipped surrogate or another
// objective, and with the details that make it work (Huang et al., "The 37 Implementation Details
// of Proximal Policy Optimization", 2022).
//
// With runtime.overlap, rollout k + 1 is collected while the update on rollout k runs, by the
// parameters from before that update: data are one update old, always exactly one, whatever the
// number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/learner.h"
#include "agents/learning_rate.h"
#include "agents/objective.h"
#include "agents/regularizer.h"
#include "agents/sliced_optimizer.h"
#include "envs/options.h"
#include "policies/actor_critic.h"

namespace costate {

struct PpoConfig {
  std::int64_t rollout_steps = 256;
  std::int64_t epochs = 10;
  std::int64_t minibatch = 64;
  std::int64_t slices = 2;
  double gamma = 0.99;
  double lambda = 0.95;
  ObjectiveConfig objective;
  double value_clip = 0.0;
  std::string value_loss = "mse";
  double value_coefficient = 0.5;
  double entropy_coefficient = 0.0;
  KlConfig kl;
  double max_gradient_norm = 0.5;
  double learning_rate = 3e-4;
  ScheduleConfig schedule{.kind = "linear"};
  OptimizerConfig optimizer;
  double target_kl = 0.0;
  bool normalize_advantages = true;

  void describe(Options& options);
};

class Ppo final : public Learner {
 public:
  /// A learner that takes `total_steps` environment steps (rounded down to a multiple of the number
  /// of environments). `environments`, `policy` and `pool` outlive it.
  Ppo(const PpoConfig& config, const RuntimeConfig& runtime, VectorEnv& environments,
      const ActorCritic& policy, std::uint64_t seed, std::int64_t total_steps, ThreadPool& pool);
  ~Ppo() override;

  void collect() override;
  const MetricValues& update() override;
  Runtime* runtime() override { return &runtime_; }
  std::int64_t steps() const override { return steps_; }
  bool done() const override;
  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  std::span<const float> parameters() const { return parameters_; }
  /// What the last `collect` left to learn from.
  const RolloutBuffer& rollout() const { return rollout_; }

 private:
  struct Slice;
  struct Sums;

  /// Steps of each environment in the next rollout; 0 where none is left to take.
  int next_rollout_steps() const;
  /// Sets one of the measurements that update() returns.
  void measure(std::string_view name, double value);
  void compute_advantages();
  /// Distribution parameters of the reference for every row of the rollout.
  void refer(ThreadPool& pool);
  /// All epochs over the rollout, on `pool`.
  void learn(ThreadPool& pool);
  /// One gradient step on the rows indices_[first, first + count). Returns its measurements.
  Sums step_minibatch(int first, int count, double learning_rate, ThreadPool& pool);
  /// The rows' losses into the slice's sums and, where wanted, their gradient into the optimiser's.
  void run_slice(int index, std::span<const int> rows, int minibatch, bool gradient);

  PpoConfig config_;
  bool overlap_;
  const ActorCritic& policy_;
  ThreadPool& pool_;
  ThreadPool own_thread_{1};  // for an update that runs beside the collection
  std::int64_t total_steps_;
  std::int64_t steps_ = 0;  // learned from
  Runtime runtime_;
  AlignedFloats parameters_;
  AlignedFloats acting_parameters_;  // overlap: those of the rollout that is being collected
  SlicedOptimizer optimizer_;
  LearningRate learning_rate_;
  Objective objective_;
  Regularizers regularizers_;
  RandomStream minibatch_stream_;
  std::vector<std::unique_ptr<Slice>> slices_;
  RolloutBuffer rollout_;
  bool collected_ahead_ = false;   // the runtime's buffer holds the next rollout
  std::vector<float> advantages_;  // [N·T]
  std::vector<float> targets_;     // [N·T] what the values are fitted to
  std::vector<float> reference_;   // [N·T, P] where the regularisers have a reference
  std::vector<int> indices_;       // [N·T] a permutation of the rows
  std::vector<float> action_;      // [action]
  float advantage_mean_ = 0.0f;    // of the present minibatch
  float advantage_scale_ = 1.0f;
  MetricValues metrics_;
};

}  // namespace costate
