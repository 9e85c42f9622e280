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
// What a clipping head draws beyond the box is executed all alike, so that no critic calls it back,
// while its entropy grows with the distance. A cost on that distance, c·E‖raw − executed‖², bounds
// both.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/off_policy.h"

namespace costate {

struct SacConfig : OffPolicyConfig {
  std::int64_t policy_delay = 1;
  double tau = 0.005;
  std::string estimator = "auto";
  double gumbel_temperature = 1.0;
  double temperature = 1.0;
  bool tune_temperature = true;
  double temperature_learning_rate = 3e-4;
  std::string target_entropy = "auto";
  double bounds_penalty = 1.0;

  void describe(Options& options);
};

class Sac final : public OffPolicy {
 public:
  /// As OffPolicy. Throws UsageError where the policy has not the estimator that is asked for, or
  /// cannot reach the target entropy.
  Sac(const SacConfig& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
      VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
      std::int64_t total_steps, ThreadPool& pool);

  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

  double temperature() const;

 private:
  /// Scratch of one slice beyond the shared one.
  struct Scratch {
    std::vector<float> sampled;  // [n, action] the executed actions, while others take their place
    std::vector<float> d_raw;    // [n, action], empty where nothing depends on raw actions
    std::vector<float> values_of_all;  // [n, D, K]
  };

  void next_values(Slice& slice) override;
  void improve_policy() override;
  void measure(MetricValues& metrics) override;
  void policy_slice(Slice& slice);
  /// Adds dL/d(distribution parameters) of −E[min Q]/batch.
  void raise_value(Slice& slice, Scratch& scratch);

  SacConfig config_;
  Estimator estimator_;
  double target_entropy_;
  std::vector<float> log_temperature_;  // [1], a block of parameters like the others
  Optimizer temperature_optimizer_;
  std::vector<Scratch> scratch_;    // one a slice
  std::vector<float> all_actions_;  // [M, action], where the estimator sums over them
};

}  // namespace costate
