#include "agents/mpo.h"

#include <algorithm>
#include <cmath>

#include "policies/gibbs_tilt.h"

namespace costate {

void MpoConfig::describe(Options& options) {
  OffPolicyConfig::describe(options, "mpo.", /*searches=*/true);
  options.add("mpo.samples", samples, Range::between(1, 4096),
              "actions drawn in each state; where all actions are no more, each is taken once");
  options.add("mpo.target_period", target_period, Range::between(1, 1e6),
              "updates between two copies of policy and critics to their targets");
  options.add("mpo.epsilon", epsilon, Range::above(0),
              "bound of KL(q || target policy) in the E-step (nats)");
  options.add("mpo.epsilon_policy", epsilon_policy, Range::above(0),
              "bound of KL(target policy || policy) in the M-step; of a Gaussian's mean (nats)");
  options.add("mpo.epsilon_spread", epsilon_spread, Range::above(0),
              "the same of a Gaussian's deviation (nats)");
  options.add("mpo.entropy_coefficient", entropy_coefficient, Range::at_least(0),
              "weight of an entropy bonus");
  options.add("mpo.initial_dual", initial_dual, Range::above(0),
              "initial temperature and weight of the KL");
  options.add("mpo.dual_learning_rate", dual_learning_rate, Range::above(0),
              "of temperature and weight of the KL");
}

Mpo::Mpo(const MpoConfig& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
         VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
         std::int64_t total_steps, ThreadPool& pool)
    : OffPolicy(config, "mpo.", networks, runtime, environments, policy, seed, total_steps, pool),
      config_(config),
      target_policy_(parameters_) {
  const auto p = static_cast<std::size_t>(distribution_.parameter_size());
  const auto spread = static_cast<std::size_t>(distribution_.shareable_parameters());
  parts_.push_back({0, p - spread, config.epsilon_policy});
  if (spread > 0) parts_.push_back({p - spread, spread, config.epsilon_spread});
  divergence_.resize(parts_.size());
  duals_.assign(1 + parts_.size(), DualVariable(config.initial_dual));

  const auto a = static_cast<std::size_t>(distribution_.action_size());
  all_actions_ = distribution_.enumerate();
  if (all_actions_.size() > a * static_cast<std::size_t>(config.samples)) all_actions_.clear();
  count_ =
      all_actions_.empty() ? static_cast<std::size_t>(config.samples) : all_actions_.size() / a;
  for (const auto& slice : slices()) {
    Scratch& scratch = scratch_.emplace_back();
    scratch.target.resize(slice->distribution.size());
    scratch.mixed.resize(slice->distribution.size());
    scratch.d_mixed.resize(slice->distribution.size());
    scratch.raw_actions.resize(count_ * slice->raw_actions.size());
    scratch.log_ref.resize(count_ * slice->values.size());
    scratch.values.resize(scratch.log_ref.size());
    scratch.divergence.resize(parts_.size());
  }
}

void Mpo::consider(Slice& s, Scratch& scratch) {
  const auto n = static_cast<std::size_t>(s.n);
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  policy_.policy(target_policy_, s.observations.data(), s.n, s.distribution.data(), *s.actor);
  scratch.target = s.distribution;
  for (std::size_t j = 0; j < count_; ++j) {
    if (all_actions_.empty()) {
      draw(s);
      std::ranges::fill(s.log_probs,
                        0.0f);  // of draws from the reference itself: each counts alike
    } else {
      for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(all_actions_.begin() + static_cast<std::ptrdiff_t>(j * a), a,
                    s.raw_actions.begin() + static_cast<std::ptrdiff_t>(i * a));
      }
      distribution_.log_prob(s.distribution, s.raw_actions, s.per_dimension);
      distribution_.joint(s.per_dimension, s.log_probs);
      execute(s);
    }
    encode(s, s.observations);
    least(s, target_parameters_);
    std::ranges::copy(s.raw_actions, scratch.raw_actions.begin() +
                                         static_cast<std::ptrdiff_t>(j * s.raw_actions.size()));
    for (std::size_t i = 0; i < n; ++i) {
      scratch.log_ref[i * count_ + j] = s.log_probs[i];
      scratch.values[i * count_ + j] = s.values[i];
    }
  }
}

void Mpo::next_values(Slice& s) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(s.index)];
  // Values are wanted of the observations that follow.
  std::swap(s.observations, s.next_observations);
  consider(s, scratch);
  std::swap(s.observations, s.next_observations);
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < count_; ++j) {
      const std::size_t at = i * count_ + j;
      const double p = all_actions_.empty() ? 1.0 / static_cast<double>(count_)
                                            : std::exp(static_cast<double>(scratch.log_ref[at]));
      sum += p * static_cast<double>(scratch.values[at]);
    }
    s.values[i] = static_cast<float>(sum);
  }
}

void Mpo::weigh_slice(Slice& s) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(s.index)];
  const auto n = static_cast<std::size_t>(s.n);
  consider(s, scratch);
  scratch.log_partition = 0.0;
  scratch.weighted_value = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto values = std::span(scratch.values).subspan(i * count_, count_);
    const auto weights = std::span(scratch.log_ref).subspan(i * count_, count_);
    scratch.log_partition += gibbs_tilt(weights, values, temperature(), weights);
    if (all_actions_.empty()) scratch.log_partition -= std::log(static_cast<double>(count_));
    for (std::size_t j = 0; j < count_; ++j) {
      weights[j] = std::exp(weights[j]);
      scratch.weighted_value += static_cast<double>(weights[j]) * static_cast<double>(values[j]);
    }
  }
  s.sums.policy_q = scratch.weighted_value;
}

void Mpo::policy_slice(Slice& s, bool gradient) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(s.index)];
  const auto n = static_cast<std::size_t>(s.n);
  const auto p = static_cast<std::size_t>(distribution_.parameter_size());
  const float share = 1.0f / static_cast<float>(batch());
  if (gradient) {
    begin_policy(s);
    distribution_.entropy(s.distribution, s.per_dimension);
    for (const float entropy : s.per_dimension) s.sums.entropy += entropy;
  } else {
    policy_.policy(parameters_, s.observations.data(), s.n, s.distribution.data(), *s.actor);
  }
  s.loss = 0.0;
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const Part& part = parts_[k];
    scratch.mixed = scratch.target;
    for (std::size_t i = 0; i < n; ++i) {
      std::copy_n(s.distribution.begin() + static_cast<std::ptrdiff_t>(i * p + part.first),
                  part.count,
                  scratch.mixed.begin() + static_cast<std::ptrdiff_t>(i * p + part.first));
    }
    const auto actions = [&](std::size_t j) {
      return std::span(scratch.raw_actions).subspan(j * s.raw_actions.size(), s.raw_actions.size());
    };
    distribution_.kl(scratch.target, scratch.mixed, s.per_dimension);
    double divergence = 0.0;
    for (const float kl : s.per_dimension) divergence += static_cast<double>(kl);
    const double weight = duals_[1 + k].value();
    if (policy_optimizer_.searches()) {
      s.loss += weight * divergence;
      for (std::size_t j = 0; j < count_; ++j) {
        distribution_.log_prob(scratch.mixed, actions(j), s.per_dimension);
        distribution_.joint(s.per_dimension, s.log_probs);
        for (std::size_t i = 0; i < n; ++i) {
          s.loss -= static_cast<double>(scratch.log_ref[i * count_ + j]) *
                    static_cast<double>(s.log_probs[i]);
        }
      }
    }
    if (!gradient) continue;
    scratch.divergence[k] = divergence;
    std::ranges::fill(scratch.d_mixed, 0.0f);
    for (std::size_t j = 0; j < count_; ++j) {
      for (std::size_t i = 0; i < n; ++i) {
        s.weights[i] = -share * scratch.log_ref[i * count_ + j];
      }
      distribution_.log_prob_gradient(scratch.mixed, actions(j), s.weights, scratch.d_mixed);
    }
    std::ranges::fill(s.weights, share * static_cast<float>(weight));
    distribution_.kl_gradient(scratch.target, scratch.mixed, s.weights, {}, scratch.d_mixed);
    for (std::size_t i = 0; i < n; ++i) {
      std::copy_n(scratch.d_mixed.begin() + static_cast<std::ptrdiff_t>(i * p + part.first),
                  part.count,
                  s.d_distribution.begin() + static_cast<std::ptrdiff_t>(i * p + part.first));
    }
  }
  if (policy_optimizer_.searches()) s.loss += regularizer_loss(s, config_.entropy_coefficient);
  if (gradient) end_policy(s, config_.entropy_coefficient);
}

void Mpo::improve_policy() {
  step_policy([this](Slice& slice, bool gradient) {
    if (gradient) weigh_slice(slice);
    policy_slice(slice, gradient);
  });
  step_duals();
  if (updates() % config_.target_period != 0) return;
  target_policy_ = parameters_;
  target_parameters_ = critic_parameters_;
}

void Mpo::step_duals() {
  const double rows = static_cast<double>(batch());
  double log_partition = 0.0;
  double weighted_value = 0.0;
  for (const Scratch& scratch : scratch_) {
    log_partition += scratch.log_partition / rows;
    weighted_value += scratch.weighted_value / rows;
  }
  // d/dη of η·(ε + mean log Z), where d log Z/dη = −E_q[Q]/η².
  const double rate = learning_rate(config_.dual_learning_rate);
  duals_[0].step(config_.epsilon + log_partition - weighted_value / temperature(), rate);
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    double divergence = 0.0;
    for (const Scratch& scratch : scratch_) divergence += scratch.divergence[k] / rows;
    divergence_[k] += divergence;
    duals_[1 + k].step(parts_[k].bound - divergence, rate);
  }
  divergences_ += 1.0;
}

void Mpo::measure(MetricValues& metrics) {
  metrics.emplace_back("temperature", temperature());
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const std::string of = k == 0 ? "" : "_spread";
    metrics.emplace_back("kl" + of, divergence_[k] / divergences_);
    metrics.emplace_back("kl_weight" + of, duals_[1 + k].value());
  }
  std::ranges::fill(divergence_, 0.0);
  divergences_ = 0.0;
}

void Mpo::save(Checkpoint& checkpoint) const {
  OffPolicy::save(checkpoint);
  checkpoint.put("policy/target", std::span<const float>(target_policy_));
  for (std::size_t i = 0; i < duals_.size(); ++i) {
    duals_[i].save(checkpoint, "duals/" + std::to_string(i));
  }
  checkpoint.put("metrics/divergence", std::span<const double>(divergence_));
  checkpoint.put("metrics/divergences", divergences_);
}

void Mpo::load(const Checkpoint& checkpoint) {
  OffPolicy::load(checkpoint);
  checkpoint.read("policy/target", std::span<float>(target_policy_));
  for (std::size_t i = 0; i < duals_.size(); ++i) {
    duals_[i].load(checkpoint, "duals/" + std::to_string(i));
  }
  checkpoint.read("metrics/divergence", std::span<double>(divergence_));
  divergences_ = checkpoint.get<double>("metrics/divergences");
}

}  // namespace costate
