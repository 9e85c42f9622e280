// Behaviour cloning: a policy of any family fitted to what another one did.
//
// Every action a becomes two labels v and w in each dimension, w with a share y, and the loss is
//   −Σ_d [y_d log π_d(w_d) + (1 − y_d) log π_d(v_d)].
// - A head with finitely many values a dimension takes the two next to the action, v < a ≤ w, and
//   y = (a − v)/(w − v): the loss is least where the head's mean is the demonstrated mean. For a
//   Bernoulli y = (1 + a)/2 (Seyde et al., "Is Bang-Bang Control All You Need?", NeurIPS 2021,
//   distil this way to take exploration out of the comparison). Hard labels, their ablation, take
//   the nearer value: y = 1[a > 0].
// - A density takes a ∓ ε with y = 1/2. For a normal that is the expected log-likelihood of the
//   action with noise of deviation ε, least at σ² = E(a − μ)² + ε². Without it the likelihood of a
//   teacher without noise has no maximum, and the states where σ falls to 0 drown all others.
// - An index is its own label: cross-entropy.
//
// A part of the episodes is held out, and tells how the policy does on what it has not seen.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agents/demonstrations.h"
#include "agents/learner.h"
#include "agents/learning_rate.h"
#include "agents/sliced_optimizer.h"
#include "envs/normalizer.h"
#include "envs/options.h"
#include "envs/thread_pool.h"
#include "policies/actor_critic.h"

namespace costate {

struct ImitationConfig {
  ImitationConfig() { optimizer.epsilon = 1e-8; }

  // Where demonstrations come from: one of the two.
  std::string teacher;   ///< a run folder or checkpoint
  std::string rollouts;  ///< rollout files, separated by commas
  // Of the teacher.
  std::int64_t episodes = 100;
  std::string actions = "both";

  std::string labels = "soft";
  double smoothing = 0.05;
  double holdout = 0.1;
  std::int64_t minibatch = 256;
  std::int64_t slices = 2;
  double learning_rate = 1e-3;
  ScheduleConfig schedule{.kind = "linear"};
  OptimizerConfig optimizer;
  double max_gradient_norm = 0.0;
  std::int64_t report_steps = 20000;
  std::int64_t patience = 0;

  void describe(Options& options);
};

/// The loss above and its gradient with respect to a head's parameters.
class ImitationLoss {
 public:
  /// An executed action beyond ±kSquashedEdge counts as that for a squashed Gaussian, whose sample
  /// would have to be infinite to be executed as ±1.
  static constexpr float kSquashedEdge = 0.999f;

  /// For up to `max_rows` rows at a time; `smoothing` is the ε of densities, on their raw actions.
  /// `distribution` outlives the loss.
  ImitationLoss(const Distribution& distribution, bool hard_labels, double smoothing, int max_rows);

  /// The sum over rows of the loss of executed actions [n, A] under parameters [n, P].
  double value(std::span<const float> parameters, std::span<const float> actions);
  /// The same; gradient [n, P] += weight·∇.
  double add_gradient(std::span<const float> parameters, std::span<const float> actions,
                      float weight, std::span<float> gradient);

 private:
  void label(std::span<const float> actions);

  const Distribution& distribution_;
  bool hard_;
  float smoothing_;
  std::vector<float> lower_;     // [n, A]
  std::vector<float> upper_;     // [n, A]
  std::vector<float> share_;     // [n, A] of the upper one
  std::vector<int> order_;       // [n, A] dimensions by falling share
  std::vector<float> labels_;    // [n, A]
  std::vector<float> weights_;   // [n]
  std::vector<float> of_lower_;  // [n, D]
  std::vector<float> of_upper_;  // [n, D]
};

/// A step of this learner is a demonstrated one that is learned from: with S of them each has been
/// learned from once after S steps, and twice after 2·S. It takes none of its own.
class Imitation final : public Learner {
 public:
  /// `demonstrations` are of the policy's environment; empty where load() will give them.
  /// `policy` and `pool` outlive the learner. Throws UsageError where early stopping is asked for
  /// and no episode is held out.
  Imitation(const ImitationConfig& config, bool normalize_observations, const ActorCritic& policy,
            std::uint64_t seed, std::int64_t total_steps, ThreadPool& pool,
            Demonstrations demonstrations);
  ~Imitation() override;

  void collect() override {}
  const MetricValues& update() override;
  bool reports() const override { return reports_; }
  Runtime* runtime() override { return nullptr; }
  std::int64_t steps() const override { return steps_; }
  bool done() const override { return stopped_ || steps_ >= total_steps_; }
  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  std::span<const float> parameters() const { return parameters_; }
  const ObservationNormalizer& normalizer() const { return normalizer_; }
  std::int64_t held_out_episodes() const { return held_out_episodes_; }

 private:
  struct Slice;

  /// Cuts off the held-out episodes and takes the normaliser's statistics from the others.
  void prepare();
  void shuffle();
  double learning_rate() const {
    return learning_rate_.at(config_.learning_rate,
                             static_cast<double>(steps_) / static_cast<double>(total_steps_));
  }
  /// The rows' observations, normalised, their actions, and the policy's outputs on them.
  void run(Slice& slice, std::span<const std::int64_t> rows);
  /// The mean loss over the held-out rows; NaN where there are none.
  double validate();
  void report();

  ImitationConfig config_;
  bool normalize_;
  const ActorCritic& policy_;
  ThreadPool& pool_;
  std::uint64_t seed_;
  std::int64_t total_steps_;
  Demonstrations demonstrations_;
  ObservationNormalizer normalizer_;
  std::int64_t held_out_episodes_ = 0;
  std::vector<std::int64_t> rows_;      // to learn from, in the order of the present epoch
  std::vector<std::int64_t> held_out_;  // rows

  AlignedFloats parameters_;
  SlicedOptimizer optimizer_;
  LearningRate learning_rate_;
  std::vector<std::unique_ptr<Slice>> slices_;

  std::int64_t steps_ = 0;
  std::int64_t epoch_ = 0;
  std::int64_t position_ = 0;  // in rows_
  bool stopped_ = false;
  AlignedFloats best_;  // parameters of the lowest validation loss, where it can stop early
  double best_loss_;
  std::int64_t waited_ = 0;  // reports since

  bool reports_ = false;
  std::int64_t reported_ = 0;  // steps at the last report
  double loss_ = 0.0;          // sums since
  double norm_ = 0.0;
  std::int64_t updates_ = 0;
  MetricValues metrics_;
};

}  // namespace costate
