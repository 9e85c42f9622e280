// Twin delayed deep deterministic policy gradient (Fujimoto et al., "Addressing Function
// Approximation Error in Actor-Critic Methods", ICML 2018).
//
// The policy acts by tanh μ(s): the mode of a squashed Gaussian, whose deviation, the same in every
// state and never trained (though adamw decays it), is the exploration: network.log_std, before the
// tanh. Critics are fitted to y = R + γⁿ(1 − terminal)·min_j Q'_j(s', clip(tanh μ'(s') + ε, ±1))
// with ε = clip(N(0, target_noise²), ±target_clip), and the actor raises Q_1(s, tanh μ(s)). Actor
// and targets move at every `policy_delay`th update of the critics.
#pragma once

#include "agents/off_policy.h"

namespace costate {

struct Td3Config : OffPolicyConfig {
  std::int64_t policy_delay = 2;
  double tau = 0.005;
  double target_noise = 0.2;
  double target_clip = 0.5;

  void describe(Options& options);
};

class Td3 final : public OffPolicy {
 public:
  /// As OffPolicy. Throws UsageError where the policy is not a squashed Gaussian with one deviation
  /// for all states.
  Td3(const Td3Config& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
      VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
      std::int64_t total_steps, ThreadPool& pool);

  void save(Checkpoint& checkpoint) const override;
  void load(const Checkpoint& checkpoint) override;

 private:
  void next_values(Slice& slice) override;
  void improve_policy() override;
  void measure(MetricValues&) override {}
  void policy_slice(Slice& slice, bool gradient);
  /// The slice's present distribution → its modes, raw and executed.
  void take_modes(Slice& slice);

  Td3Config config_;
  AlignedFloats target_policy_;
};

}  // namespace costate
