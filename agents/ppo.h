// Proximal policy optimisation with the clipped surrogate (Schulman et al. 2017), with the details
// that make it work (Huang et al., "The 37 Implementation Details of Proximal Policy Optimization",
// 2022).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agents/learner.h"
#include "backends/dense/adam.h"
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
  double clip = 0.2;
  double value_clip = 0.0;
  std::string value_loss = "mse";
  double value_coefficient = 0.5;
  double entropy_coefficient = 0.0;
  double max_gradient_norm = 0.5;
  double learning_rate = 3e-4;
  bool anneal = true;
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
  MetricValues update() override;
  Runtime& runtime() override { return runtime_; }
  bool done() const override;
  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  std::span<const float> parameters() const { return parameters_; }

 private:
  struct Slice;
  struct Sums;

  void compute_advantages();
  /// One gradient step on the rows indices_[first, first + count). Returns its measurements.
  Sums step_minibatch(int first, int count, double learning_rate);
  void run_slice(Slice& slice, std::span<const int> rows, int minibatch);

  PpoConfig config_;
  const ActorCritic& policy_;
  ThreadPool& pool_;
  std::int64_t total_steps_;
  Runtime runtime_;
  std::vector<float> parameters_;
  std::vector<float> gradients_;
  Adam optimizer_;
  RandomStream minibatch_stream_;
  std::vector<std::unique_ptr<Slice>> slices_;
  std::vector<float> advantages_;  // [N·T]
  std::vector<float> targets_;     // [N·T] what the values are fitted to
  std::vector<int> indices_;       // [N·T] a permutation of the rows
  float advantage_mean_ = 0.0f;    // of the present minibatch
  float advantage_scale_ = 1.0f;
};

}  // namespace costate
