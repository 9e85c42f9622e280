// What off-policy actor-critic learners share: environment steps go into a replay buffer,
// minibatches come out of it, and critics are fitted to n-step returns
//   y = Σ_k γᵏ r_k + γⁿ (1 − terminal)·V(s'),   loss ½ (Q_j(s, a) − y)²
// with V from slowly following copies of the critics. What V is and how the policy improves is the
// learner's own (Sac, Mpo).
//
// There is no separate phase of uniform actions: until `learning_starts` the initial policy acts,
// which is broad.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agents/action_statistics.h"
#include "agents/learner.h"
#include "agents/learning_rate.h"
#include "agents/regularizer.h"
#include "agents/replay_buffer.h"
#include "agents/sliced_optimizer.h"
#include "envs/options.h"
#include "policies/actor_critic.h"
#include "policies/critic.h"

namespace costate {

struct OffPolicyConfig {
  OffPolicyConfig() { optimizer.epsilon = 1e-8; }

  std::int64_t buffer = 1000000;
  std::int64_t learning_starts = 1000;
  std::int64_t rollout_steps = 1;
  double updates_per_step = 1.0;
  std::int64_t batch = 256;
  std::int64_t slices = 2;
  std::int64_t critics = 2;
  std::int64_t n_step = 1;
  double gamma = 0.99;
  double learning_rate = 3e-4;
  double critic_learning_rate = 3e-4;
  ScheduleConfig schedule;
  KlConfig kl;
  OptimizerConfig optimizer;
  double max_gradient_norm = 0.0;
  PriorityConfig priority;
  std::int64_t report_steps = 1000;

  /// Keys `<prefix>buffer`, …. `searches` as for OptimizerConfig.
  void describe(Options& options, const std::string& prefix, bool searches);
};

class OffPolicy : public Learner {
 public:
  ~OffPolicy() override;

  void collect() override;
  const MetricValues& update() override;
  bool reports() const override { return reports_; }
  Runtime* runtime() override { return &runtime_; }
  std::int64_t steps() const override { return runtime_.steps(); }
  bool done() const override;
  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  std::span<const float> parameters() const { return parameters_; }
  std::int64_t updates() const { return updates_; }

 protected:
  /// Sums over rows, divided by their number when reported.
  struct Sums {
    double critic_loss = 0.0;
    double q = 0.0;
    double target = 0.0;
    double critic_rows = 0.0;
    double policy_q = 0.0;
    double entropy = 0.0;
    double reference_kl = 0.0;
    double policy_rows = 0.0;
    double critic_norm = 0.0;  // per gradient step
    double critic_steps = 0.0;
    double policy_norm = 0.0;
    double policy_steps = 0.0;
    SaturationSums saturation;  // of rollouts, not of slices

    void add(const Sums& other);
  };

  /// One piece of a minibatch: rows first … first + n − 1 and its scratch.
  struct Slice {
    Slice(int index, int first, int n, const ActorCritic& policy, const Critic& critic,
          const Regularizers& list, std::uint64_t seed);
    /// The values of one critic, [n].
    std::span<float> q_of(int k);

    int index;
    int first;
    int n;
    RandomStream random;
    std::unique_ptr<ActorCritic::Workspace> actor;
    Critic::Workspace critics;
    Regularizers::Scratch regularizers;
    std::vector<float> observations;       // [n, obs] as the policy sees them
    std::vector<float> next_observations;  // [n, obs]
    std::vector<float> raw_actions;        // [n, action]
    std::vector<float> executed;           // [n, action]
    std::vector<float> distribution;       // [n, P]
    std::vector<float> d_distribution;     // [n, P]
    std::vector<float> reference;          // [n, P] where the regularisers have one
    std::vector<float> per_dimension;      // [n, D]
    std::vector<float> inputs;             // [n, critic inputs]
    std::vector<float> d_inputs;           // [n, critic inputs]
    std::vector<float> d_executed;         // [n, action]
    std::vector<float> q;                  // [critics, n]
    std::vector<float> dq;                 // [n] of one critic
    std::vector<float> rewards;            // [n] and so on
    std::vector<float> factors;
    std::vector<float> targets;
    std::vector<float> log_probs;
    std::vector<float> values;
    std::vector<float> weights;
    double loss = 0.0;  // a sum over rows
    Sums sums;
  };

  /// `prefix` names the learner in keys and messages: "sac.". `policy` has no value; it,
  /// `environments` and `pool` outlive the learner, which takes `total_steps` environment steps
  /// (rounded down to a multiple of the number of environments).
  OffPolicy(const OffPolicyConfig& config, std::string prefix, const PolicyConfig& networks,
            const RuntimeConfig& runtime, VectorEnv& environments, const ActorCritic& policy,
            std::uint64_t seed, std::int64_t total_steps, ThreadPool& pool);

  /// values [n] ← V of the slice's next_observations.
  virtual void next_values(Slice& slice) = 0;
  /// After a step of the critics: the policy's part, and what follows from both.
  virtual void improve_policy() = 0;
  /// Adds the learner's own measurements since the last report: always the same names.
  virtual void measure(MetricValues& metrics) = 0;

  /// Draws actions for the slice's present distribution rows, raw and executed.
  void draw(Slice& slice);
  /// The same with their log-probabilities.
  void sample(Slice& slice);
  /// Raw actions → executed ones.
  void execute(Slice& slice);
  /// Inputs of the critics for `observations` [n, obs] and the slice's executed actions.
  void encode(Slice& slice, std::span<const float> observations);
  /// values [n] ← min_j Q_j of the slice's inputs under `parameters`; slice.q keeps each.
  void least(Slice& slice, std::span<const float> parameters);
  /// d_executed [n, action] += dL/d(executed action) through critic k, for its dL/dq in the slice's
  /// dq, after a forward pass of that critic.
  void add_action_gradient(Slice& slice, int k);
  /// The policy's pass over the slice's observations, with d_distribution made 0 …
  void begin_policy(Slice& slice);
  /// … and back, once the loss has been added there: adds the regularisers, with an entropy bonus
  /// of weight `entropy`, and leaves the gradient in the slice's.
  void end_policy(Slice& slice, double entropy);
  /// −β·H + c·KL of the slice's present distribution, summed over rows.
  double regularizer_loss(Slice& slice, double entropy);
  /// The gradient step of the policy on the mean of what `work(slice, gradient)` leaves in each
  /// slice's loss and, where `gradient`, by begin_policy and end_policy; as SlicedOptimizer::step.
  template <class Work>
  void step_policy(const Work& work) {
    finish_policy_step(policy_optimizer_.step(
        parameters_, learning_rate(config_.learning_rate), config_.max_gradient_norm, pool_,
        [&](bool gradient) { return mean_loss([&](Slice& slice) { work(slice, gradient); }); }));
  }
  /// Calls work(slice) for every slice, on the pool.
  template <class Work>
  void for_slices(const Work& work) {
    pool_.parallel_for(static_cast<int>(slices_.size()),
                       [&](int i) { work(*slices_[static_cast<std::size_t>(i)]); });
  }
  /// What the rule makes of an initial rate at the present step.
  double learning_rate(double initial) const;
  /// Calls work(slice) for every slice and returns the mean over the batch of their losses.
  template <class Work>
  double mean_loss(const Work& work) {
    for_slices(work);
    double sum = 0.0;
    for (const auto& slice : slices_) sum += slice->loss;
    return sum / static_cast<double>(config_.batch);
  }
  std::int64_t batch() const { return config_.batch; }
  const std::vector<std::unique_ptr<Slice>>& slices() const { return slices_; }

  const ActorCritic& policy_;
  const Distribution& distribution_;
  Critic critic_;
  ThreadPool& pool_;
  AlignedFloats parameters_;
  AlignedFloats critic_parameters_;
  AlignedFloats target_parameters_;  // of the critics
  SlicedOptimizer policy_optimizer_;

 private:
  /// One gradient step of the critics, then improve_policy().
  void step();
  /// The n-step targets of the slice's rows.
  void target_slice(Slice& slice);
  /// The critics' loss and, where wanted, its gradient.
  void critic_slice(Slice& slice, bool gradient);
  void finish_policy_step(double norm);
  double check(double norm, const char* key) const;

  OffPolicyConfig config_;
  std::string prefix_;
  std::int64_t total_steps_;
  Runtime runtime_;
  ReplayBuffer replay_;
  RolloutBuffer rollout_;
  SlicedOptimizer critic_optimizer_;
  LearningRate learning_rate_;
  Regularizers regularizers_;
  RandomStream draw_stream_;
  std::vector<std::unique_ptr<Slice>> slices_;
  std::vector<std::int64_t> slots_;  // [batch] of the present minibatch
  std::vector<float> weights_;       // [batch]
  std::vector<float> errors_;        // [batch] |y − Q|
  double owed_ = 0.0;                // updates that the steps so far have earned, but not got
  std::int64_t updates_ = 0;
  std::int64_t reported_ = 0;  // steps at the last report
  bool reports_ = false;
  Sums sums_;  // since the last report
  MetricValues metrics_;
};

}  // namespace costate
