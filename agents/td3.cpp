#include "agents/td3.h"

#include <algorithm>

#include "backends/dense/kernels.h"
#include "envs/error.h"

namespace costate {

void Td3Config::describe(Options& options) {
  OffPolicyConfig::describe(options, "td3.", /*searches=*/true);
  options.add("td3.policy_delay", policy_delay, Range::between(1, 1000),
              "critic updates for each update of actor and targets");
  options.add("td3.tau", tau, Range::between(0, 1), "how far targets follow in an update");
  options.add("td3.target_noise", target_noise, Range::at_least(0),
              "deviation of what is added to the target's action");
  options.add("td3.target_clip", target_clip, Range::at_least(0), "bound of what is added");
}

Td3::Td3(const Td3Config& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
         VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
         std::int64_t total_steps, ThreadPool& pool)
    : OffPolicy(config, "td3.", networks, runtime, environments, policy, seed, total_steps, pool),
      config_(config),
      target_policy_(parameters_) {
  if (distribution_.name() != "squashed" || networks.state_dependent_std) {
    throw UsageError(
        "td3 acts by the mode of a squashed Gaussian with one deviation, expected " +
        std::string("policy = squashed and network.state_dependent_std = false, not ") +
        std::string(distribution_.name()) + " and " +
        (networks.state_dependent_std ? "true" : "false"));
  }
}

void Td3::take_modes(Slice& s) {
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto p = static_cast<std::size_t>(distribution_.parameter_size());
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.n); ++i) {
    distribution_.mode(std::span(s.distribution).subspan(i * p, p),
                       std::span(s.raw_actions).subspan(i * a, a));
  }
  execute(s);
}

void Td3::next_values(Slice& s) {
  policy_.policy(target_policy_, s.next_observations.data(), s.n, s.distribution.data(), *s.actor);
  take_modes(s);
  for (float& action : s.executed) {
    const double noise = std::clamp(config_.target_noise * s.random.normal(), -config_.target_clip,
                                    config_.target_clip);
    action = std::clamp(action + static_cast<float>(noise), -1.0f, 1.0f);
  }
  encode(s, s.next_observations);
  least(s, target_parameters_);
}

void Td3::improve_policy() {
  if (updates() % config_.policy_delay != 0) return;
  step_policy([this](Slice& slice, bool gradient) { policy_slice(slice, gradient); });
  const auto tau = static_cast<float>(config_.tau);
  kernels::approach(critic_parameters_, tau, target_parameters_);
  kernels::approach(parameters_, tau, target_policy_);
}

void Td3::policy_slice(Slice& s, bool gradient) {
  if (gradient) {
    begin_policy(s);
  } else {
    policy_.policy(parameters_, s.observations.data(), s.n, s.distribution.data(), *s.actor);
  }
  take_modes(s);
  encode(s, s.observations);
  const auto q = s.q_of(0);
  critic_.forward(critic_parameters_, 0, s.inputs.data(), s.n, q.data(), s.critics);
  s.loss = regularizer_loss(s, 0.0);
  for (const float value : q) s.loss -= static_cast<double>(value);
  if (!gradient) return;

  for (const float value : q) s.sums.policy_q += value;
  distribution_.entropy(s.distribution, s.per_dimension);
  for (const float entropy : s.per_dimension) s.sums.entropy += entropy;
  std::ranges::fill(s.dq, -1.0f / static_cast<float>(batch()));
  std::ranges::fill(s.d_executed, 0.0f);
  add_action_gradient(s, 0);
  // At the mode the path of the action is that of the mean alone.
  std::ranges::fill(s.weights, 0.0f);
  distribution_.pathwise_gradient(s.distribution, s.raw_actions, s.d_executed, {}, s.weights,
                                  s.d_distribution);
  end_policy(s, 0.0);
}

void Td3::save(Checkpoint& checkpoint) const {
  OffPolicy::save(checkpoint);
  checkpoint.put("policy/target", std::span<const float>(target_policy_));
}

void Td3::load(const Checkpoint& checkpoint) {
  OffPolicy::load(checkpoint);
  checkpoint.read("policy/target", std::span<float>(target_policy_));
}

}  // namespace costate
