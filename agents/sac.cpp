#include "agents/sac.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "agents/streams.h"
#include "backends/dense/kernels.h"
#include "envs/error.h"

namespace costate {

void SacConfig::describe(Options& options) {
  options.add("sac.buffer", buffer, Range::between(16, 1e9), "steps that the replay buffer holds");
  options.add("sac.learning_starts", learning_starts, Range::at_least(1),
              "environment steps by the initial policy before the first update");
  options.add("sac.rollout_steps", rollout_steps, Range::between(1, 1 << 16),
              "steps of each environment between two rounds of updates");
  options.add("sac.updates_per_step", updates_per_step, Range::above(0),
              "gradient steps for each environment step; below 1, several steps for one");
  options.add("sac.policy_delay", policy_delay, Range::between(1, 1000),
              "critic updates for each update of actor and temperature");
  options.add("sac.batch", batch, Range::between(1, 1 << 20), "rows of a gradient step");
  options.add("sac.slices", slices, Range::between(1, 64),
              "pieces of a minibatch that threads can work on; changes rounding, threads do not");
  options.add("sac.critics", critics, Range::between(1, 16),
              "critics, of which the least value counts");
  options.add("sac.n_step", n_step, Range::between(1, 1000), "steps of reward in a target");
  options.add("sac.gamma", gamma, Range::between(0, 1), "discount");
  options.add("sac.tau", tau, Range::between(0, 1), "how far target critics follow in an update");
  options.add("sac.learning_rate", learning_rate, Range::above(0), "of the actor");
  options.add("sac.critic_learning_rate", critic_learning_rate, Range::above(0), "of the critics");
  options.add("sac.anneal", anneal, "whether the learning rates fall linearly to 0");
  optimizer.describe(options, "sac.optimizer.");
  options.add("sac.max_gradient_norm", max_gradient_norm, Range::at_least(0),
              "gradients are scaled down to this norm; 0: not");
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
  options.add("sac.priority.enabled", priority.enabled,
              "whether steps are drawn by the size of their last error");
  options.add("sac.priority.exponent", priority.exponent, Range::between(0, 1),
              "of the error; 0 draws uniformly");
  options.add("sac.priority.correction", priority.correction, Range::between(0, 1),
              "how far a weight in the loss makes up for uneven draws");
  options.add("sac.report_steps", report_steps, Range::at_least(1),
              "environment steps between two rows of metrics");
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

/// Sums over rows, divided by their number when reported.
struct Sac::Sums {
  double critic_loss = 0.0;
  double q = 0.0;
  double target = 0.0;
  double critic_rows = 0.0;
  double actor_q = 0.0;
  double entropy = 0.0;
  double actor_rows = 0.0;
  double critic_norm = 0.0;  // per gradient step
  double critic_steps = 0.0;
  double actor_norm = 0.0;
  double actor_steps = 0.0;

  void add(const Sums& other) {
    critic_loss += other.critic_loss;
    q += other.q;
    target += other.target;
    critic_rows += other.critic_rows;
    actor_q += other.actor_q;
    entropy += other.entropy;
    actor_rows += other.actor_rows;
    critic_norm += other.critic_norm;
    critic_steps += other.critic_steps;
    actor_norm += other.actor_norm;
    actor_steps += other.actor_steps;
  }
};

/// One piece of a minibatch: rows first … first + n − 1 and its scratch.
struct Sac::Slice {
  Slice(int index_, int first_, int n_, const ActorCritic& policy, const Critic& critic,
        std::uint64_t seed)
      : index(index_),
        first(first_),
        n(n_),
        random(stream_key(seed, Stream::kUpdateActions, static_cast<std::uint64_t>(index_))),
        actor(policy.make_workspace(n_, /*gradients=*/true)),
        critics(critic.make_workspace(n_, /*gradients=*/true)) {
    const auto rows = static_cast<std::size_t>(n);
    const Distribution& d = policy.distribution();
    observations.resize(rows * policy.observation_size());
    next_observations.resize(observations.size());
    raw_actions.resize(rows * d.action_size());
    executed.resize(raw_actions.size());
    sampled.resize(raw_actions.size());
    d_executed.resize(raw_actions.size());
    distribution.resize(rows * d.parameter_size());
    d_distribution.resize(distribution.size());
    per_dimension.resize(rows * d.dimensions());
    inputs.resize(rows * critic.inputs());
    d_inputs.resize(inputs.size());
    q.resize(rows * critic.count());
    dq.resize(rows);
    values_of_all.resize(rows * d.dimensions() * std::max(d.values_per_dimension(), 1));
    for (auto* column : {&rewards, &factors, &targets, &log_probs, &values, &weights}) {
      column->resize(rows);
    }
  }

  std::span<float> q_of(int k) {
    return std::span(q).subspan(static_cast<std::size_t>(k) * static_cast<std::size_t>(n),
                                static_cast<std::size_t>(n));
  }

  int index;
  int first;
  int n;
  RandomStream random;
  std::unique_ptr<ActorCritic::Workspace> actor;
  Critic::Workspace critics;
  std::vector<float> observations;
  std::vector<float> next_observations;
  std::vector<float> raw_actions;
  std::vector<float> executed;
  std::vector<float> sampled;  // the executed actions while others stand in their place
  std::vector<float> d_executed;
  std::vector<float> distribution;
  std::vector<float> d_distribution;
  std::vector<float> per_dimension;
  std::vector<float> inputs;
  std::vector<float> d_inputs;
  std::vector<float> q;              // [critics, n]
  std::vector<float> dq;             // of one critic
  std::vector<float> values_of_all;  // [n, D, K]
  std::vector<float> rewards;
  std::vector<float> factors;
  std::vector<float> targets;
  std::vector<float> log_probs;
  std::vector<float> values;
  std::vector<float> weights;
  Sums sums;
};

Sac::Sac(const SacConfig& config, const PolicyConfig& networks, const RuntimeConfig& runtime,
         VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
         std::int64_t total_steps, ThreadPool& pool)
    : config_(config),
      policy_(policy),
      distribution_(policy.distribution()),
      critic_(networks, policy.observation_size(), policy.distribution(),
              static_cast<int>(config.critics)),
      pool_(pool),
      total_steps_(total_steps),
      estimator_(choose_estimator(config.estimator, distribution_)),
      target_entropy_(choose_target_entropy(config.target_entropy, distribution_)),
      runtime_(runtime, environments, seed, config.gamma, policy, pool),
      replay_(config.buffer, environments.size(), policy.observation_size(),
              distribution_.action_size(), config.priority),
      parameters_(policy.parameter_count()),
      critic_parameters_(critic_.parameter_count()),
      log_temperature_{static_cast<float>(std::log(config.temperature))},
      actor_optimizer_(config.optimizer, policy.parameter_count(),
                       static_cast<int>(std::min(config.slices, config.batch))),
      critic_optimizer_(config.optimizer, critic_.parameter_count(), actor_optimizer_.slices()),
      temperature_optimizer_(config.optimizer, 1),
      draw_stream_(stream_key(seed, Stream::kReplay)),
      slots_(static_cast<std::size_t>(config.batch)),
      weights_(slots_.size()),
      errors_(slots_.size()),
      sums_(std::make_unique<Sums>()) {
  std::ranges::copy(policy.initial_parameters(stream_key(seed, Stream::kInitialParameters)),
                    parameters_.begin());
  std::ranges::copy(critic_.initial_parameters(stream_key(seed, Stream::kInitialParameters, 1)),
                    critic_parameters_.begin());
  target_parameters_ = critic_parameters_;
  if (estimator_ == Estimator::kEnum) all_actions_ = distribution_.enumerate();
  const int count = actor_optimizer_.slices();
  for (int i = 0, first = 0; i < count; ++i) {
    const int end = static_cast<int>((config.batch * (i + 1)) / count);
    slices_.push_back(std::make_unique<Slice>(i, first, end - first, policy, critic_, seed));
    first = end;
  }
}

Sac::~Sac() = default;

double Sac::temperature() const {
  return std::exp(static_cast<double>(log_temperature_[0]));
}

bool Sac::done() const {
  return total_steps_ - runtime_.steps() < runtime_.envs();
}

double Sac::learning_rate(double initial) const {
  if (!config_.anneal) return initial;
  return initial *
         (1.0 - static_cast<double>(runtime_.steps()) / static_cast<double>(total_steps_ + 1));
}

void Sac::collect() {
  const std::int64_t left = (total_steps_ - runtime_.steps()) / runtime_.envs();
  runtime_.collect(parameters_, static_cast<int>(std::min(config_.rollout_steps, left)));
  runtime_.swap_buffer(rollout_);
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  std::vector<float>& executed = slices_[0]->executed;
  for (int env = 0; env < rollout_.envs; ++env) {
    for (int t = 0; t < rollout_.steps; ++t) {
      const auto row = static_cast<std::size_t>(env * rollout_.steps + t);
      const auto action = std::span(executed).first(a);
      std::copy_n(rollout_.raw_actions.begin() + static_cast<std::ptrdiff_t>(row * a), a,
                  action.begin());
      distribution_.execute(action);
      replay_.add(env, std::span(rollout_.raw_observations).subspan(row * o, o), action,
                  rollout_.rewards[row], rollout_.terminated[row] != 0);
      if (rollout_.terminated[row] || rollout_.truncated[row]) {
        replay_.end_episode(env, runtime_.final_observation(static_cast<int>(row)));
      }
    }
    replay_.set_next(env, runtime_.observation(env));
  }
}

const MetricValues& Sac::update() {
  if (runtime_.steps() >= config_.learning_starts) {
    owed_ += config_.updates_per_step * static_cast<double>(rollout_.rows());
    for (; owed_ >= 1.0; owed_ -= 1.0) step();
  }
  reports_ = runtime_.steps() - reported_ >= config_.report_steps || done();
  if (!reports_) return metrics_;
  reported_ = runtime_.steps();
  const EpisodeStatistics& statistics = runtime_.statistics();
  const Sums& s = *sums_;
  metrics_ = {{"return_mean_100", statistics.return_mean_100()},
              {"length_mean_100", statistics.length_mean_100()},
              {"episodes", static_cast<double>(statistics.episodes())},
              {"updates", static_cast<double>(updates_)},
              {"critic_loss", s.critic_loss / s.critic_rows},
              {"q", s.q / s.critic_rows},
              {"target", s.target / s.critic_rows},
              {"critic_gradient_norm", s.critic_norm / s.critic_steps},
              {"policy_q", s.actor_q / s.actor_rows},
              {"entropy", s.entropy / s.actor_rows},
              {"gradient_norm", s.actor_norm / s.actor_steps},
              {"temperature", temperature()},
              {"learning_rate", learning_rate(config_.learning_rate)}};
  *sums_ = Sums{};
  return metrics_;
}

void Sac::step() {
  replay_.draw(draw_stream_, slots_, weights_);
  const int pieces = static_cast<int>(slices_.size());
  const auto check = [this](double norm, const char* key) {
    if (std::isfinite(norm)) return norm;
    throw Error("sac: the gradient at step " + std::to_string(runtime_.steps()) +
                " is not finite; a smaller " + key + " may help");
  };
  pool_.parallel_for(pieces,
                     [this](int i) { critic_slice(*slices_[static_cast<std::size_t>(i)]); });
  sums_->critic_norm +=
      check(critic_optimizer_.step(critic_parameters_, learning_rate(config_.critic_learning_rate),
                                   config_.max_gradient_norm, pool_),
            "sac.critic_learning_rate");
  sums_->critic_steps += 1.0;
  replay_.set_priorities(slots_, errors_);
  ++updates_;
  if (updates_ % config_.policy_delay == 0) {
    pool_.parallel_for(pieces,
                       [this](int i) { actor_slice(*slices_[static_cast<std::size_t>(i)]); });
    sums_->actor_norm +=
        check(actor_optimizer_.step(parameters_, learning_rate(config_.learning_rate),
                                    config_.max_gradient_norm, pool_),
              "sac.learning_rate");
    sums_->actor_steps += 1.0;
    if (config_.tune_temperature) {
      double entropy = 0.0;
      for (const auto& slice : slices_) entropy += slice->sums.entropy;
      const auto gradient =
          static_cast<float>(entropy / static_cast<double>(config_.batch) - target_entropy_);
      temperature_optimizer_.step(log_temperature_, {&gradient, 1},
                                  learning_rate(config_.temperature_learning_rate));
    }
  }
  for (const auto& slice : slices_) sums_->add(slice->sums);
  kernels::approach(critic_parameters_, static_cast<float>(config_.tau), target_parameters_);
}

void Sac::sample(Slice& s) {
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto p = static_cast<std::size_t>(distribution_.parameter_size());
  for (int i = 0; i < s.n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    distribution_.sample(std::span(s.distribution).subspan(row * p, p), s.random,
                         std::span(s.raw_actions).subspan(row * a, a));
  }
  distribution_.log_prob(s.distribution, s.raw_actions, s.per_dimension);
  distribution_.joint(s.per_dimension, s.log_probs);
  s.executed = s.raw_actions;
  for (int i = 0; i < s.n; ++i) {
    distribution_.execute(std::span(s.executed).subspan(static_cast<std::size_t>(i) * a, a));
  }
}

void Sac::encode(Slice& s, std::span<const float> observations) {
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto width = static_cast<std::size_t>(critic_.inputs());
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.n); ++i) {
    critic_.encode(observations.subspan(i * o, o), std::span(s.executed).subspan(i * a, a),
                   s.inputs.data() + i * width);
  }
}

void Sac::least(Slice& s, std::span<const float> parameters, std::span<float> values) {
  for (int k = 0; k < critic_.count(); ++k) {
    const auto q = s.q_of(k);
    critic_.forward(parameters, k, s.inputs.data(), s.n, q.data(), s.critics);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = k == 0 ? q[i] : std::min(values[i], q[i]);
    }
  }
}

void Sac::critic_slice(Slice& s) {
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto n = static_cast<std::size_t>(s.n);
  const auto first = static_cast<std::size_t>(s.first);
  s.sums = Sums{};
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t slot = slots_[first + i];
    const ReplayBuffer::Return r =
        replay_.n_step(slot, static_cast<int>(config_.n_step), config_.gamma);
    s.rewards[i] = r.reward;
    s.factors[i] = r.factor;
    runtime_.normalize(replay_.observation(slot), std::span(s.observations).subspan(i * o, o));
    runtime_.normalize(replay_.observation(r.last),
                       std::span(s.next_observations).subspan(i * o, o));
  }
  policy_.policy(parameters_, s.next_observations.data(), s.n, s.distribution.data(), *s.actor);
  sample(s);
  encode(s, s.next_observations);
  least(s, target_parameters_, s.values);
  const auto alpha = static_cast<float>(temperature());
  for (std::size_t i = 0; i < n; ++i) {
    s.targets[i] = s.rewards[i] + s.factors[i] * (s.values[i] - alpha * s.log_probs[i]);
    s.sums.target += s.targets[i];
    std::ranges::copy(replay_.action(slots_[first + i]),
                      s.executed.begin() + static_cast<std::ptrdiff_t>(i * a));
  }
  encode(s, s.observations);
  const auto gradient = critic_optimizer_.gradient(s.index);
  std::ranges::fill(gradient, 0.0f);
  const float share = 1.0f / static_cast<float>(config_.batch);
  const auto errors = std::span(errors_).subspan(first, n);
  std::ranges::fill(errors, 0.0f);
  for (int k = 0; k < critic_.count(); ++k) {
    const auto q = s.q_of(k);
    critic_.forward(critic_parameters_, k, s.inputs.data(), s.n, q.data(), s.critics);
    for (std::size_t i = 0; i < n; ++i) {
      const float error = q[i] - s.targets[i];
      s.dq[i] = share * weights_[first + i] * error;
      errors[i] += std::abs(error) / static_cast<float>(critic_.count());
      s.sums.critic_loss += 0.5 * static_cast<double>(error) * static_cast<double>(error);
      if (k == 0) s.sums.q += q[i];
    }
    critic_.backward(critic_parameters_, k, s.inputs.data(), s.dq.data(), s.n, gradient, nullptr,
                     s.critics);
  }
  s.sums.critic_rows = static_cast<double>(n);
}

void Sac::actor_slice(Slice& s) {
  const auto n = static_cast<std::size_t>(s.n);
  const float share = 1.0f / static_cast<float>(config_.batch);
  const auto alpha = static_cast<float>(temperature());
  policy_.policy(parameters_, s.observations.data(), s.n, s.distribution.data(), *s.actor);
  std::ranges::fill(s.d_distribution, 0.0f);
  sample(s);
  encode(s, s.observations);
  improve(s);
  // The pathwise gradient has the entropy in it, along the same path; elsewhere it is in closed
  // form.
  if (estimator_ == Estimator::kPathwise) {
    for (const float log_prob : s.log_probs) s.sums.entropy -= log_prob;
  } else {
    std::ranges::fill(s.weights, -share * alpha);
    distribution_.entropy_gradient(s.distribution, s.weights, s.d_distribution);
    distribution_.entropy(s.distribution, s.per_dimension);
    for (const float entropy : s.per_dimension) s.sums.entropy += entropy;
  }
  s.sums.actor_rows = static_cast<double>(n);
  const auto gradient = actor_optimizer_.gradient(s.index);
  std::ranges::fill(gradient, 0.0f);
  policy_.backward(parameters_, s.observations.data(), s.n, s.d_distribution.data(), nullptr,
                   gradient, *s.actor);
}

void Sac::improve(Slice& s) {
  const auto n = static_cast<std::size_t>(s.n);
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto width = static_cast<std::size_t>(critic_.inputs());
  const float share = 1.0f / static_cast<float>(config_.batch);
  const std::span<const float> parameters = critic_parameters_;

  if (estimator_ == Estimator::kLocal) {
    const auto d = static_cast<std::size_t>(distribution_.dimensions());
    const auto k = static_cast<std::size_t>(distribution_.values_per_dimension());
    s.sampled = s.executed;
    for (std::size_t dimension = 0; dimension < d; ++dimension) {
      for (std::size_t value = 0; value < k; ++value) {
        s.executed = s.sampled;
        for (std::size_t i = 0; i < n; ++i) {
          s.executed[i * a + dimension] = distribution_.bins().empty()
                                              ? static_cast<float>(value)
                                              : distribution_.bins()[value];
        }
        encode(s, s.observations);
        least(s, parameters, s.values);
        for (std::size_t i = 0; i < n; ++i) {
          s.values_of_all[(i * d + dimension) * k + value] = -share * s.values[i];
          if (dimension == 0 && s.executed[i * a] == s.sampled[i * a])
            s.sums.actor_q += s.values[i];
        }
      }
    }
    distribution_.expectation_gradient(s.distribution, s.values_of_all, s.d_distribution);
    return;
  }
  if (estimator_ == Estimator::kEnum) {
    for (std::size_t first = 0; first < all_actions_.size(); first += a) {
      for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(all_actions_.begin() + static_cast<std::ptrdiff_t>(first), a,
                    s.executed.begin() + static_cast<std::ptrdiff_t>(i * a));
      }
      encode(s, s.observations);
      least(s, parameters, s.values);
      distribution_.log_prob(s.distribution, s.executed, s.per_dimension);
      distribution_.joint(s.per_dimension, s.log_probs);
      for (std::size_t i = 0; i < n; ++i) {
        const float expected = std::exp(s.log_probs[i]) * s.values[i];
        s.weights[i] = -share * expected;
        s.sums.actor_q += expected;
      }
      distribution_.log_prob_gradient(s.distribution, s.executed, s.weights, s.d_distribution);
    }
    return;
  }

  least(s, parameters, s.values);
  double total = 0.0;
  for (const float value : s.values) total += value;
  s.sums.actor_q += total;
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
    critic_.backward(parameters, k, s.inputs.data(), s.dq.data(), s.n, {}, s.d_inputs.data(),
                     s.critics);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < a; ++j) {
        s.d_executed[i * a + j] += s.d_inputs[i * width + o + j];
      }
    }
  }
  switch (estimator_) {
    case Estimator::kPathwise:
      std::ranges::fill(s.weights, share * static_cast<float>(temperature()));
      distribution_.pathwise_gradient(s.distribution, s.raw_actions, s.d_executed, s.weights,
                                      s.d_distribution);
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
  checkpoint.put("policy/parameters", std::span<const float>(parameters_));
  checkpoint.put("critic/parameters", std::span<const float>(critic_parameters_));
  checkpoint.put("critic/target", std::span<const float>(target_parameters_));
  checkpoint.put("temperature/log", std::span<const float>(log_temperature_));
  actor_optimizer_.save(checkpoint, "optimizer/actor");
  critic_optimizer_.save(checkpoint, "optimizer/critic");
  temperature_optimizer_.save(checkpoint, "optimizer/temperature");
  checkpoint.put("random/replay", draw_stream_.counter());
  std::vector<std::uint64_t> counters;
  for (const auto& slice : slices_) counters.push_back(slice->random.counter());
  checkpoint.put("random/update_actions", std::span<const std::uint64_t>(counters));
  checkpoint.put("counters/updates", updates_);
  checkpoint.put("counters/owed", owed_);
  checkpoint.put("counters/reported", reported_);
  const Sums& s = *sums_;
  const std::vector<double> sums = {s.critic_loss,  s.q,          s.target,     s.critic_rows,
                                    s.actor_q,      s.entropy,    s.actor_rows, s.critic_norm,
                                    s.critic_steps, s.actor_norm, s.actor_steps};
  checkpoint.put("metrics/sums", std::span<const double>(sums));
  replay_.save(checkpoint, "replay");
  runtime_.save(checkpoint);
}

void Sac::load(const Checkpoint& checkpoint) {
  checkpoint.read("policy/parameters", std::span<float>(parameters_));
  checkpoint.read("critic/parameters", std::span<float>(critic_parameters_));
  checkpoint.read("critic/target", std::span<float>(target_parameters_));
  checkpoint.read("temperature/log", std::span<float>(log_temperature_));
  actor_optimizer_.load(checkpoint, "optimizer/actor");
  critic_optimizer_.load(checkpoint, "optimizer/critic");
  temperature_optimizer_.load(checkpoint, "optimizer/temperature");
  draw_stream_ = RandomStream(draw_stream_.key(), checkpoint.get<std::uint64_t>("random/replay"));
  std::vector<std::uint64_t> counters(slices_.size());
  checkpoint.read("random/update_actions", std::span<std::uint64_t>(counters));
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    slices_[i]->random = RandomStream(slices_[i]->random.key(), counters[i]);
  }
  updates_ = checkpoint.get<std::int64_t>("counters/updates");
  owed_ = checkpoint.get<double>("counters/owed");
  reported_ = checkpoint.get<std::int64_t>("counters/reported");
  std::array<double, 11> sums{};
  checkpoint.read("metrics/sums", std::span<double>(sums));
  Sums& s = *sums_;
  s = {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5],
       sums[6], sums[7], sums[8], sums[9], sums[10]};
  replay_.load(checkpoint, "replay");
  runtime_.load(checkpoint);
}

}  // namespace costate
