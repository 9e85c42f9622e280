// Maximum a posteriori policy optimisation (Abdolmaleki et al., ICLR 2018; "Relative Entropy
// Regularized Policy Iteration", 2018) for every family of action distributions.
//
// With π_t the policy's slowly copied target, one update
//   fits the critics to V(s') = mean_j Q'(s', a_j), a_j ~ π_t,
//   E-step: weighs actions of each state by q(a) ∝ π_t(a)·exp(Q'(s, a)/η),
//   M-step: minimises −E_q[log π] + α·KL(π_t‖π),
// where the temperature η solves min η·(ε + mean_s log E_{π_t} exp(Q'/η)) and α keeps the KL at its
// bound. Actions are samples, or all of them where they are few enough to be enumerated: then the
// E-step is exact.
//
// Families with a location and a spread (Gaussians) have a KL and a bound for each, with the other
// one held at the target, so that the spread does not collapse while the mean still moves.
#pragma once

#include "agents/dual_variable.h"
#include "agents/off_policy.h"

namespace costate {

struct MpoConfig : OffPolicyConfig {
  MpoConfig() {
    critics = 1;
    n_step = 5;
    max_gradient_norm = 40.0;
  }

  std::int64_t samples = 20;
  std::int64_t target_period = 100;
  double epsilon = 0.1;
  double epsilon_policy = 2.5e-3;
  double epsilon_spread = 1e-5;
  double entropy_coefficient = 0.0;
  double initial_dual = 3.0;
  double dual_learning_rate = 1e-2;

  void describe(Options& options);
};

class Mpo final : public OffPolicy {
 public:
  /// As OffPolicy.
  Mpo(const MpoConfig& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
      VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
      std::int64_t total_steps, ThreadPool& pool);

  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  double temperature() const { return duals_[0].value(); }

 private:
  /// A range of a row of distribution parameters that has a KL of its own.
  struct Part {
    std::size_t first;
    std::size_t count;
    double bound;
  };
  /// Scratch of one slice beyond the shared one.
  struct Scratch {
    std::vector<float> target;       // [n, P] of π_t
    std::vector<float> mixed;        // [n, P] of π_t, but one part of π
    std::vector<float> d_mixed;      // [n, P]
    std::vector<float> raw_actions;  // [M, n, action]
    std::vector<float> log_ref;      // [n, M]
    std::vector<float> values;       // [n, M]
    // Sums over rows for the duals.
    double log_partition = 0.0;
    double weighted_value = 0.0;
    std::vector<double> divergence;  // [parts]
  };

  void next_values(Slice& slice) override;
  void improve_policy() override;
  void measure(MetricValues& metrics) override;
  /// The E-step: weighs the actions that it considers.
  void weigh_slice(Slice& slice);
  /// The M-step's loss, where anyone asks for it, and its gradient, where wanted.
  void policy_slice(Slice& slice, bool gradient);
  /// Draws or enumerates the M actions of the slice's observations and values them.
  void consider(Slice& slice, Scratch& scratch);
  void step_duals();

  MpoConfig config_;
  std::vector<Part> parts_;
  std::vector<float> all_actions_;  // [M, action] executed, where they are enumerated
  std::size_t count_;               // M
  AlignedFloats target_policy_;
  std::vector<DualVariable> duals_;  // the temperature, then the weight of each part's KL
  std::vector<Scratch> scratch_;     // one a slice
  std::vector<double>
      divergence_;            // [parts] sums of the means of each update since the last report
  double divergences_ = 0.0;  // how many
};

}  // namespace costate
