#include "agents/sac.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "backends/dense/kernels.h"
#include "envs/error.h"

namespace costate {

void SacConfig::describe(Options& options) {
  // Its actor's loss is a sample, which differs each time that it is evaluated.
  OffPolicyConfig::describe(options, "sac.", /*searches=*/false);
  options.add("sac.policy_delay", policy_delay, Range::between(1, 1000),
              "critic updates for each update of actor and temperature");
  options.add("sac.tau", tau, Range::between(0, 1), "how far target critics follow in an update");
  std::vector<std::string> estimators = {"auto"};
  estimators.insert(estimators.end(), estimator_names().begin(), estimator_names().end());
  options.add(
      "sac.estimator", estimator, estimators,
      "of the gradient of E[Q] through a sampled action; auto: pathwise for densities, local "
      "for discrete heads of up to 8 dimensions, else straight-through");
  options.add("sac.gumbel_temperature", gumbel_temperature, Range::above(0),
              "of the relaxed sample (estimator gumbel)");
  options.add("sac.temperature", temperature, Range::above(0), "initial weight of the entropy");
  options.add("sac.tune_temperature", tune_temperature,
              "whether the temperature follows the entropy's distance from its target");
  options.add("sac.temperature_learning_rate", temperature_learning_rate, Range::above(0),
              "of its logarithm");
  options.add("sac.target_entropy", target_entropy, {},
              "in nats; auto: minus the number of dimensions for densities, a quarter of the "
              "greatest for discrete heads");
  options.add("sac.bounds_penalty", bounds_penalty, Range::at_least(0),
              "cost of the squared distance of a raw action from the box, for heads that clip");
}

namespace {

Estimator choose_estimator(const std::string& name, const Distribution& distribution) {
  constexpr int kMostLocal = 8;
  constexpr Estimator kAll[] = {Estimator::kPathwise, Estimator::kStraightThrough,
                                Estimator::kGumbel,   Estimator::kLocal,
                                Estimator::kEnum,     Estimator::kScore};
  if (name == "auto") {
    if (distribution.has(Estimator::kPathwise)) return Estimator::kPathwise;
    if (distribution.has(Estimator::kLocal) && distribution.dimensions() <= kMostLocal) {
      return Estimator::kLocal;
    }
    return distribution.has(Estimator::kStraightThrough) ? Estimator::kStraightThrough
                                                         : Estimator::kScore;
  }
  std::string known;
  for (const Estimator each : kAll) {
    if (!distribution.has(each)) continue;
    if (estimator_name(each) == name) return each;
    known += (known.empty() ? "" : ", ") + std::string(estimator_name(each));
  }
  throw UsageError("sac.estimator is \"" + name + "\", which the policy " +
                   std::string(distribution.name()) + " does not have; it has " + known);
}

double choose_target_entropy(const std::string& text, const Distribution& distribution) {
  const Distribution::EntropyRange range = distribution.entropy_range();
  const bool discrete = std::isfinite(range.low) && std::isfinite(range.high);
  if (text == "auto")
    return discrete ? 0.25 * range.high : -static_cast<double>(distribution.dimensions());
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw UsageError("sac.target_entropy is \"" + text + "\", expected auto or a number");
  }
  if (value <= range.low || value >= range.high) {
    throw UsageError("sac.target_entropy is " + text + ", but the entropy of the policy " +
                     std::string(distribution.name()) + " lies between " +
                     std::to_string(range.low) + " and " + std::to_string(range.high));
  }
  return value;
}

}  // namespace

Sac::Sac(const SacConfig& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
         VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
         std::int64_t total_steps, ThreadPool& pool)
    : OffPolicy(config, "sac.", networks, runtime, environments, policy, seed, total_steps, pool),
      config_(config),
      estimator_(choose_estimator(config.estimator, distribution_)),
      target_entropy_(choose_target_entropy(config.target_entropy, distribution_)),
      log_temperature_{static_cast<float>(std::log(config.temperature))},
      temperature_optimizer_(config.optimizer, 1) {
  if (estimator_ == Estimator::kEnum) all_actions_ = distribution_.enumerate();
  for (const auto& slice : slices()) {
    Scratch& scratch = scratch_.emplace_back();
    scratch.sampled.resize(slice->executed.size());
    if (distribution_.clips()) scratch.d_raw.resize(slice->executed.size());
    scratch.values_of_all.resize(slice->per_dimension.size() *
                                 static_cast<std::size_t>(distribution_.values_per_dimension()));
  }
}

double Sac::temperature() const {
  return std::exp(static_cast<double>(log_temperature_[0]));
}

void Sac::next_values(Slice& s) {
  policy_.policy(parameters_, s.next_observations.data(), s.n, s.distribution.data(), *s.actor);
  sample(s);
  encode(s, s.next_observations);
  least(s, target_parameters_);
  const auto alpha = static_cast<float>(temperature());
  for (std::size_t i = 0; i < s.values.size(); ++i) s.values[i] -= alpha * s.log_probs[i];
}

void Sac::improve_policy() {
  if (updates() % config_.policy_delay == 0) {
    step_policy([this](Slice& slice, bool) { policy_slice(slice); });
    if (config_.tune_temperature) {
      double entropy = 0.0;
      for (const auto& slice : slices()) entropy += slice->sums.entropy;
      const auto gradient =
          static_cast<float>(entropy / static_cast<double>(batch()) - target_entropy_);
      temperature_optimizer_.step(log_temperature_, {&gradient, 1},
                                  learning_rate(config_.temperature_learning_rate));
    }
  }
  kernels::approach(critic_parameters_, static_cast<float>(config_.tau), target_parameters_);
}

void Sac::measure(MetricValues& metrics) {
  metrics.emplace_back("temperature", temperature());
}

void Sac::policy_slice(Slice& s) {
  begin_policy(s);
  sample(s);
  encode(s, s.observations);
  raise_value(s, scratch_[static_cast<std::size_t>(s.index)]);
  // The pathwise gradient has the entropy in it, along the same path; elsewhere it is in closed
  // form.
  const bool pathwise = estimator_ == Estimator::kPathwise;
  if (pathwise) {
    for (const float log_prob : s.log_probs) s.sums.entropy -= log_prob;
  } else {
    distribution_.entropy(s.distribution, s.per_dimension);
    for (const float entropy : s.per_dimension) s.sums.entropy += entropy;
  }
  end_policy(s, pathwise ? 0.0 : temperature());
}

void Sac::raise_value(Slice& s, Scratch& scratch) {
  const auto n = static_cast<std::size_t>(s.n);
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const float share = 1.0f / static_cast<float>(batch());
  const std::span<const float> parameters = critic_parameters_;

  if (estimator_ == Estimator::kLocal) {
    const auto d = static_cast<std::size_t>(distribution_.dimensions());
    const auto k = static_cast<std::size_t>(distribution_.values_per_dimension());
    scratch.sampled = s.executed;
    for (std::size_t dimension = 0; dimension < d; ++dimension) {
      for (std::size_t value = 0; value < k; ++value) {
        s.executed = scratch.sampled;
        for (std::size_t i = 0; i < n; ++i) {
          s.executed[i * a + dimension] = distribution_.bins().empty()
                                              ? static_cast<float>(value)
                                              : distribution_.bins()[value];
        }
        encode(s, s.observations);
        least(s, parameters);
        for (std::size_t i = 0; i < n; ++i) {
          scratch.values_of_all[(i * d + dimension) * k + value] = -share * s.values[i];
          if (dimension == 0 && s.executed[i * a] == scratch.sampled[i * a])
            s.sums.policy_q += s.values[i];
        }
      }
    }
    distribution_.expectation_gradient(s.distribution, scratch.values_of_all, s.d_distribution);
    return;
  }
  if (estimator_ == Estimator::kEnum) {
    for (std::size_t first = 0; first < all_actions_.size(); first += a) {
      for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(all_actions_.begin() + static_cast<std::ptrdiff_t>(first), a,
                    s.executed.begin() + static_cast<std::ptrdiff_t>(i * a));
      }
      encode(s, s.observations);
      least(s, parameters);
      distribution_.log_prob(s.distribution, s.executed, s.per_dimension);
      distribution_.joint(s.per_dimension, s.log_probs);
      for (std::size_t i = 0; i < n; ++i) {
        const float expected = std::exp(s.log_probs[i]) * s.values[i];
        s.weights[i] = -share * expected;
        s.sums.policy_q += expected;
      }
      distribution_.log_prob_gradient(s.distribution, s.executed, s.weights, s.d_distribution);
    }
    return;
  }

  least(s, parameters);
  double total = 0.0;
  for (const float value : s.values) total += value;
  s.sums.policy_q += total;
  if (estimator_ == Estimator::kScore) {
    const auto baseline = static_cast<float>(total / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) s.weights[i] = -share * (s.values[i] - baseline);
    distribution_.log_prob_gradient(s.distribution, s.raw_actions, s.weights, s.d_distribution);
    return;
  }

  // dL/d(executed action), through the critic that gave the least value of each row.
  std::ranges::fill(s.d_executed, 0.0f);
  for (int k = 0; k < critic_.count(); ++k) {
    const auto q = s.q_of(k);
    for (std::size_t i = 0; i < n; ++i) {
      bool is_least = q[i] == s.values[i];
      for (int j = 0; j < k && is_least; ++j) is_least = s.q_of(j)[i] != s.values[i];
      s.dq[i] = is_least ? -share : 0.0f;
    }
    add_action_gradient(s, k);
  }
  switch (estimator_) {
    case Estimator::kPathwise:
      std::ranges::fill(s.weights, share * static_cast<float>(temperature()));
      for (std::size_t i = 0; i < scratch.d_raw.size(); ++i) {
        scratch.d_raw[i] = 2.0f * share * static_cast<float>(config_.bounds_penalty) *
                           (s.raw_actions[i] - s.executed[i]);
      }
      distribution_.pathwise_gradient(s.distribution, s.raw_actions, s.d_executed, scratch.d_raw,
                                      s.weights, s.d_distribution);
      break;
    case Estimator::kStraightThrough:
      distribution_.mean_gradient(s.distribution, s.d_executed, s.d_distribution);
      break;
    default:
      distribution_.gumbel_gradient(s.distribution, s.raw_actions, s.d_executed,
                                    config_.gumbel_temperature, s.random, s.d_distribution);
  }
}

void Sac::save(Checkpoint& checkpoint) const {
  OffPolicy::save(checkpoint);
  checkpoint.put("temperature/log", std::span<const float>(log_temperature_));
  temperature_optimizer_.save(checkpoint, "optimizer/temperature");
}

void Sac::load(const Checkpoint& checkpoint) {
  OffPolicy::load(checkpoint);
  checkpoint.read("temperature/log", std::span<float>(log_temperature_));
  temperature_optimizer_.load(checkpoint, "optimizer/temperature");
}

}  // namespace costate
