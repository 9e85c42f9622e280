// The regularisers of a policy, one list for every learner: to its loss they add
//
//   −β·H(π)  +  c·KL(ref‖π)   (direction forward)   or   c·KL(π‖ref)   (reverse),
//
// means over states, where ref is an earlier policy:
//
//   fixed     the one that the run began with, or that of another run
//   previous  the one before the present update()
//   pivot:N   a copy taken at every Nth update()
//
// With a target, c is a dual variable that keeps the mean KL there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agents/dual_variable.h"
#include "envs/normalizer.h"
#include "envs/options.h"
#include "logs/checkpoint_file.h"
#include "policies/actor_critic.h"

namespace costate {

struct KlConfig {
  double coefficient = 0.0;
  std::string direction = "forward";
  std::string reference = "fixed";
  std::string run{};
  double target = 0.0;
  double dual_learning_rate = 1e-2;

  /// Keys `<prefix>kl.coefficient`, ….
  void describe(Options& options, const std::string& prefix);
  /// How many updates lie between two copies of the reference; 0: it is never replaced. Throws
  /// UsageError where these values do not fit together.
  std::int64_t period(const std::string& prefix) const;
};

class Regularizers {
 public:
  /// Scratch of one thread.
  struct Scratch {
    std::vector<float> per_dimension;  // [n, D]
    std::vector<float> weights;        // [n]
  };

  /// `prefix` names the learner in messages: "ppo.". Throws UsageError as KlConfig::period.
  /// `policy` outlives the regularisers.
  Regularizers(const KlConfig& config, const std::string& prefix, const ActorCritic& policy);

  /// For up to `max_rows` rows.
  Scratch make_scratch(int max_rows) const;

  /// Whether there is a reference: where the coefficient is 0 nothing below is to be called but
  /// add_gradient, begin_update, save and load.
  bool has_reference() const { return coefficient_ > 0.0; }
  /// Whether the reference sees observations in its own way, as the policy of another run does:
  /// it then wants what observe() makes of them, otherwise what the policy sees.
  bool observes() const { return has_reference() && !run_.empty(); }
  /// Rows [n, obs] as the environment gives them → as the reference sees them.
  void observe(std::span<const float> raw, std::span<float> out) const;

  /// To be called as an update() begins, with the policy's parameters. The first call also fetches
  /// the parameters of another run, where one is named.
  void begin_update(std::span<const float> parameters);

  /// out [n, P] ← distribution parameters of the reference, for observations [n, obs].
  void refer(const float* observations, int n, float* out, ActorCritic::Workspace& workspace) const;
  /// The sum of the KLs of rows [n, P].
  double divergence(std::span<const float> distribution, std::span<const float> reference,
                    Scratch& scratch) const;
  /// gradient [n, P] += share · the derivative of both terms, for β = `entropy`. `reference` may be
  /// empty where there is none.
  void add_gradient(std::span<const float> distribution, std::span<const float> reference,
                    double entropy, float share, Scratch& scratch, std::span<float> gradient) const;

  /// c.
  double coefficient() const { return dual_ ? dual_->value() : coefficient_; }
  /// After a gradient step, with the mean KL that it found.
  void step_dual(double divergence);

  /// Entries reference/…; none without a reference.
  void save(Checkpoint& checkpoint) const;
  void load(const Checkpoint& checkpoint);

 private:
  void fetch_run();
  void set_normalizer(std::span<const std::byte> state);

  const ActorCritic& policy_;
  double coefficient_;
  bool forward_;
  std::int64_t period_;
  std::string run_;
  double target_;
  double dual_learning_rate_;
  std::int64_t updates_ = 0;  // begun
  std::vector<float> reference_;
  std::optional<ObservationNormalizer> normalizer_;  // of the other run, where it had one
  std::optional<DualVariable> dual_;
};

}  // namespace costate
