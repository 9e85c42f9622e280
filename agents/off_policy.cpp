#include "agents/off_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "agents/streams.h"
#include "envs/error.h"

namespace costate {

void OffPolicyConfig::describe(Options& options, const std::string& prefix, bool searches) {
  const auto key = [&](const char* name) { return prefix + name; };
  options.add(key("buffer"), buffer, Range::between(16, 1e9), "steps that the replay buffer holds");
  options.add(key("learning_starts"), learning_starts, Range::at_least(1),
              "environment steps by the initial policy before the first update");
  options.add(key("rollout_steps"), rollout_steps, Range::between(1, 1 << 16),
              "steps of each environment between two rounds of updates");
  options.add(key("updates_per_step"), updates_per_step, Range::above(0),
              "gradient steps for each environment step; below 1, several steps for one");
  options.add(key("batch"), batch, Range::between(1, 1 << 20), "rows of a gradient step");
  options.add(key("slices"), slices, Range::between(1, 64),
              "pieces of a minibatch that threads can work on; changes rounding, threads do not");
  options.add(key("critics"), critics, Range::between(1, 16),
              "critics, of which the least value counts");
  options.add(key("n_step"), n_step, Range::between(1, 1000), "steps of reward in a target");
  options.add(key("gamma"), gamma, Range::between(0, 1), "discount");
  options.add(key("learning_rate"), learning_rate, Range::above(0), "of the actor");
  options.add(key("critic_learning_rate"), critic_learning_rate, Range::above(0), "of the critics");
  schedule.describe(options, prefix, /*measures_kl=*/false);
  kl.describe(options, prefix);
  optimizer.describe(options, prefix + "optimizer.", searches);
  options.add(key("max_gradient_norm"), max_gradient_norm, Range::at_least(0),
              "gradients are scaled down to this norm; 0: not");
  options.add(key("priority.enabled"), priority.enabled,
              "whether steps are drawn by the size of their last error");
  options.add(key("priority.exponent"), priority.exponent, Range::between(0, 1),
              "of the error; 0 draws uniformly");
  options.add(key("priority.correction"), priority.correction, Range::between(0, 1),
              "how far a weight in the loss makes up for uneven draws");
  options.add(key("report_steps"), report_steps, Range::at_least(1),
              "environment steps between two rows of metrics");
}

void OffPolicy::Sums::add(const Sums& other) {
  critic_loss += other.critic_loss;
  q += other.q;
  target += other.target;
  critic_rows += other.critic_rows;
  policy_q += other.policy_q;
  entropy += other.entropy;
  reference_kl += other.reference_kl;
  policy_rows += other.policy_rows;
  critic_norm += other.critic_norm;
  critic_steps += other.critic_steps;
  policy_norm += other.policy_norm;
  policy_steps += other.policy_steps;
}

OffPolicy::Slice::Slice(int index_, int first_, int n_, const ActorCritic& policy,
                        const Critic& critic, const Regularizers& list, std::uint64_t seed)
    : index(index_),
      first(first_),
      n(n_),
      random(stream_key(seed, Stream::kUpdateActions, static_cast<std::uint64_t>(index_))),
      actor(policy.make_workspace(n_, /*gradients=*/true)),
      critics(critic.make_workspace(n_, /*gradients=*/true)),
      regularizers(list.make_scratch(n_)) {
  const auto rows = static_cast<std::size_t>(n);
  const Distribution& d = policy.distribution();
  observations.resize(rows * policy.observation_size());
  next_observations.resize(observations.size());
  raw_actions.resize(rows * d.action_size());
  executed.resize(raw_actions.size());
  distribution.resize(rows * d.parameter_size());
  d_distribution.resize(distribution.size());
  if (list.has_reference()) reference.resize(distribution.size());
  per_dimension.resize(rows * d.dimensions());
  inputs.resize(rows * critic.inputs());
  d_inputs.resize(inputs.size());
  d_executed.resize(raw_actions.size());
  q.resize(rows * critic.count());
  for (auto* column : {&dq, &rewards, &factors, &targets, &log_probs, &values, &weights}) {
    column->resize(rows);
  }
}

std::span<float> OffPolicy::Slice::q_of(int k) {
  const auto rows = static_cast<std::size_t>(n);
  return std::span(q).subspan(static_cast<std::size_t>(k) * rows, rows);
}

OffPolicy::OffPolicy(const OffPolicyConfig& config, std::string prefix,
                     const PolicyConfig& networks, const RuntimeConfig& runtime,
                     VectorEnv& environments, const ActorCritic& policy, std::uint64_t seed,
                     std::int64_t total_steps, ThreadPool& pool)
    : policy_(policy),
      distribution_(policy.distribution()),
      critic_(networks, policy.observation_size(), policy.distribution(),
              static_cast<int>(config.critics)),
      pool_(pool),
      parameters_(policy.parameter_count()),
      critic_parameters_(critic_.parameter_count()),
      policy_optimizer_(config.optimizer, policy.parameter_count(),
                        static_cast<int>(std::min(config.slices, config.batch))),
      config_(config),
      prefix_(std::move(prefix)),
      total_steps_(total_steps),
      runtime_(runtime, environments, seed, config.gamma, policy, pool),
      replay_(config.buffer, environments.size(), policy.observation_size(),
              distribution_.action_size(), config.priority),
      critic_optimizer_(config.optimizer, critic_.parameter_count(), policy_optimizer_.slices()),
      learning_rate_(config.schedule),
      regularizers_(config.kl, prefix_, policy),
      draw_stream_(stream_key(seed, Stream::kReplay)),
      slots_(static_cast<std::size_t>(config.batch)),
      weights_(slots_.size()),
      errors_(slots_.size()) {
  std::ranges::copy(policy.initial_parameters(stream_key(seed, Stream::kInitialParameters)),
                    parameters_.begin());
  std::ranges::copy(critic_.initial_parameters(stream_key(seed, Stream::kInitialParameters, 1)),
                    critic_parameters_.begin());
  target_parameters_ = critic_parameters_;
  const int count = policy_optimizer_.slices();
  for (int i = 0, first = 0; i < count; ++i) {
    const int end = static_cast<int>((config.batch * (i + 1)) / count);
    slices_.push_back(
        std::make_unique<Slice>(i, first, end - first, policy, critic_, regularizers_, seed));
    first = end;
  }
}

OffPolicy::~OffPolicy() = default;

bool OffPolicy::done() const {
  return total_steps_ - runtime_.steps() < runtime_.envs();
}

double OffPolicy::learning_rate(double initial) const {
  return learning_rate_.at(
      initial, static_cast<double>(runtime_.steps()) / static_cast<double>(total_steps_ + 1));
}

double OffPolicy::check(double norm, const char* key) const {
  if (std::isfinite(norm)) return norm;
  throw Error(prefix_ + key + ": the gradient at step " + std::to_string(runtime_.steps()) +
              " is not finite; a smaller value may help");
}

void OffPolicy::collect() {
  const std::int64_t left = (total_steps_ - runtime_.steps()) / runtime_.envs();
  runtime_.collect(parameters_, static_cast<int>(std::min(config_.rollout_steps, left)));
  runtime_.swap_buffer(rollout_);
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  std::vector<float>& executed = slices_[0]->executed;
  sums_.saturation.add(distribution_, rollout_, std::span(executed).first(a));
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

const MetricValues& OffPolicy::update() {
  if (runtime_.steps() >= config_.learning_starts) {
    regularizers_.begin_update(parameters_);
    owed_ += config_.updates_per_step * static_cast<double>(rollout_.rows());
    for (; owed_ >= 1.0; owed_ -= 1.0) step();
  }
  reports_ = runtime_.steps() - reported_ >= config_.report_steps || done();
  if (!reports_) return metrics_;
  reported_ = runtime_.steps();
  const EpisodeStatistics& statistics = runtime_.statistics();
  const Sums& s = sums_;
  metrics_ = {{"return_mean_100", statistics.return_mean_100()},
              {"length_mean_100", statistics.length_mean_100()},
              {"episodes", static_cast<double>(statistics.episodes())},
              {"updates", static_cast<double>(updates_)},
              {"critic_loss", s.critic_loss / s.critic_rows},
              {"q", s.q / s.critic_rows},
              {"target", s.target / s.critic_rows},
              {"critic_gradient_norm", s.critic_norm / s.critic_steps},
              {"policy_q", s.policy_q / s.policy_rows},
              {"entropy", s.entropy / s.policy_rows},
              {"gradient_norm", s.policy_norm / s.policy_steps},
              {"learning_rate", learning_rate(config_.learning_rate)}};
  if (regularizers_.has_reference()) {
    metrics_.emplace_back("reference_kl", s.reference_kl / s.policy_rows);
    metrics_.emplace_back("reference_weight", regularizers_.coefficient());
  }
  if (s.saturation.values > 0.0) {
    metrics_.emplace_back("saturation", s.saturation.executed / s.saturation.values);
    metrics_.emplace_back("mode_saturation", s.saturation.mode / s.saturation.values);
  }
  if (policy_optimizer_.searches()) {
    metrics_.emplace_back("critic_step_size", critic_optimizer_.step_size());
    metrics_.emplace_back("step_size", policy_optimizer_.step_size());
  }
  measure(metrics_);
  sums_ = Sums{};
  return metrics_;
}

void OffPolicy::step() {
  replay_.draw(draw_stream_, slots_, weights_);
  const double norm =
      critic_optimizer_.step(critic_parameters_, learning_rate(config_.critic_learning_rate),
                             config_.max_gradient_norm, pool_, [this](bool gradient) {
                               return mean_loss([&](Slice& slice) {
                                 if (gradient) target_slice(slice);
                                 critic_slice(slice, gradient);
                               });
                             });
  sums_.critic_norm += check(norm, "critic_learning_rate");
  sums_.critic_steps += 1.0;
  replay_.set_priorities(slots_, errors_);
  ++updates_;
  improve_policy();
  for (const auto& slice : slices_) sums_.add(slice->sums);
}

void OffPolicy::finish_policy_step(double norm) {
  sums_.policy_norm += check(norm, "learning_rate");
  sums_.policy_steps += 1.0;
  double divergence = 0.0;
  for (const auto& slice : slices_) divergence += slice->sums.reference_kl;
  regularizers_.step_dual(divergence / static_cast<double>(config_.batch));
}

void OffPolicy::begin_policy(Slice& s) {
  if (regularizers_.has_reference()) {
    const auto o = static_cast<std::size_t>(policy_.observation_size());
    const float* observations = s.observations.data();
    // What follows the observations has served its turn, the critics' targets.
    if (regularizers_.observes()) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(s.n); ++i) {
        regularizers_.observe(replay_.observation(slots_[static_cast<std::size_t>(s.first) + i]),
                              std::span(s.next_observations).subspan(i * o, o));
      }
      observations = s.next_observations.data();
    }
    regularizers_.refer(observations, s.n, s.reference.data(), *s.actor);
  }
  policy_.policy(parameters_, s.observations.data(), s.n, s.distribution.data(), *s.actor);
  std::ranges::fill(s.d_distribution, 0.0f);
}

double OffPolicy::regularizer_loss(Slice& s, double entropy) {
  double loss = 0.0;
  if (entropy > 0.0) {
    distribution_.entropy(s.distribution, s.per_dimension);
    for (const float each : s.per_dimension) loss -= entropy * static_cast<double>(each);
  }
  if (regularizers_.has_reference()) {
    loss += regularizers_.coefficient() *
            regularizers_.divergence(s.distribution, s.reference, s.regularizers);
  }
  return loss;
}

void OffPolicy::end_policy(Slice& s, double entropy) {
  const float share = 1.0f / static_cast<float>(config_.batch);
  s.sums.policy_rows = static_cast<double>(s.n);
  if (regularizers_.has_reference()) {
    s.sums.reference_kl = regularizers_.divergence(s.distribution, s.reference, s.regularizers);
  }
  regularizers_.add_gradient(s.distribution, s.reference, entropy, share, s.regularizers,
                             s.d_distribution);
  const auto gradient = policy_optimizer_.gradient(s.index);
  std::ranges::fill(gradient, 0.0f);
  policy_.backward(parameters_, s.observations.data(), s.n, s.d_distribution.data(), nullptr,
                   gradient, *s.actor);
}

void OffPolicy::draw(Slice& s) {
  distribution_.sample_rows(s.distribution, s.random, s.raw_actions);
  execute(s);
}

void OffPolicy::sample(Slice& s) {
  draw(s);
  distribution_.log_prob(s.distribution, s.raw_actions, s.per_dimension);
  distribution_.joint(s.per_dimension, s.log_probs);
}

void OffPolicy::execute(Slice& s) {
  s.executed = s.raw_actions;
  distribution_.execute(s.executed);
}

void OffPolicy::encode(Slice& s, std::span<const float> observations) {
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto width = static_cast<std::size_t>(critic_.inputs());
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.n); ++i) {
    critic_.encode(observations.subspan(i * o, o), std::span(s.executed).subspan(i * a, a),
                   s.inputs.data() + i * width);
  }
}

void OffPolicy::least(Slice& s, std::span<const float> parameters) {
  for (int k = 0; k < critic_.count(); ++k) {
    const auto q = s.q_of(k);
    critic_.forward(parameters, k, s.inputs.data(), s.n, q.data(), s.critics);
    for (std::size_t i = 0; i < q.size(); ++i) {
      s.values[i] = k == 0 ? q[i] : std::min(s.values[i], q[i]);
    }
  }
}

void OffPolicy::add_action_gradient(Slice& s, int k) {
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const auto width = static_cast<std::size_t>(critic_.inputs());
  critic_.backward(critic_parameters_, k, s.inputs.data(), s.dq.data(), s.n, {}, s.d_inputs.data(),
                   s.critics);
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.n); ++i) {
    for (std::size_t j = 0; j < a; ++j) s.d_executed[i * a + j] += s.d_inputs[i * width + o + j];
  }
}

void OffPolicy::target_slice(Slice& s) {
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
  next_values(s);
  for (std::size_t i = 0; i < n; ++i) {
    s.targets[i] = s.rewards[i] + s.factors[i] * s.values[i];
    s.sums.target += s.targets[i];
    std::ranges::copy(replay_.action(slots_[first + i]),
                      s.executed.begin() + static_cast<std::ptrdiff_t>(i * a));
  }
  encode(s, s.observations);
}

void OffPolicy::critic_slice(Slice& s, bool gradient) {
  const auto n = static_cast<std::size_t>(s.n);
  const auto first = static_cast<std::size_t>(s.first);
  const auto gradients = critic_optimizer_.gradient(s.index);
  const float share = 1.0f / static_cast<float>(config_.batch);
  const auto errors = std::span(errors_).subspan(first, n);
  s.loss = 0.0;
  if (gradient) {
    std::ranges::fill(gradients, 0.0f);
    std::ranges::fill(errors, 0.0f);
  }
  for (int k = 0; k < critic_.count(); ++k) {
    const auto q = s.q_of(k);
    critic_.forward(critic_parameters_, k, s.inputs.data(), s.n, q.data(), s.critics);
    for (std::size_t i = 0; i < n; ++i) {
      const float error = q[i] - s.targets[i];
      const double loss = 0.5 * static_cast<double>(error) * static_cast<double>(error);
      s.loss += static_cast<double>(weights_[first + i]) * loss;
      if (!gradient) continue;
      s.dq[i] = share * weights_[first + i] * error;
      errors[i] += std::abs(error) / static_cast<float>(critic_.count());
      s.sums.critic_loss += loss;
      if (k == 0) s.sums.q += q[i];
    }
    if (!gradient) continue;
    critic_.backward(critic_parameters_, k, s.inputs.data(), s.dq.data(), s.n, gradients, nullptr,
                     s.critics);
  }
  if (gradient) s.sums.critic_rows = static_cast<double>(n);
}

namespace {

// The sums under way, for a checkpoint. One list serves both ways.
template <class S>
auto fields(S& s) {
  return std::array{&s.critic_loss,
                    &s.q,
                    &s.target,
                    &s.critic_rows,
                    &s.policy_q,
                    &s.entropy,
                    &s.reference_kl,
                    &s.policy_rows,
                    &s.critic_norm,
                    &s.critic_steps,
                    &s.policy_norm,
                    &s.policy_steps,
                    &s.saturation.executed,
                    &s.saturation.mode,
                    &s.saturation.values};
}

}  // namespace

void OffPolicy::save(Checkpoint& checkpoint) const {
  checkpoint.put("policy/parameters", std::span<const float>(parameters_));
  checkpoint.put("critic/parameters", std::span<const float>(critic_parameters_));
  checkpoint.put("critic/target", std::span<const float>(target_parameters_));
  policy_optimizer_.save(checkpoint, "optimizer/policy");
  critic_optimizer_.save(checkpoint, "optimizer/critic");
  checkpoint.put("random/replay", draw_stream_.counter());
  std::vector<std::uint64_t> counters;
  for (const auto& slice : slices_) counters.push_back(slice->random.counter());
  checkpoint.put("random/update_actions", std::span<const std::uint64_t>(counters));
  checkpoint.put("counters/updates", updates_);
  checkpoint.put("counters/owed", owed_);
  checkpoint.put("counters/reported", reported_);
  std::vector<double> sums;
  for (const double* field : fields(sums_)) sums.push_back(*field);
  checkpoint.put("metrics/sums", std::span<const double>(sums));
  regularizers_.save(checkpoint);
  replay_.save(checkpoint, "replay");
  runtime_.save(checkpoint);
}

void OffPolicy::load(const Checkpoint& checkpoint) {
  checkpoint.read("policy/parameters", std::span<float>(parameters_));
  checkpoint.read("critic/parameters", std::span<float>(critic_parameters_));
  checkpoint.read("critic/target", std::span<float>(target_parameters_));
  policy_optimizer_.load(checkpoint, "optimizer/policy");
  critic_optimizer_.load(checkpoint, "optimizer/critic");
  draw_stream_ = RandomStream(draw_stream_.key(), checkpoint.get<std::uint64_t>("random/replay"));
  std::vector<std::uint64_t> counters(slices_.size());
  checkpoint.read("random/update_actions", std::span<std::uint64_t>(counters));
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    slices_[i]->random = RandomStream(slices_[i]->random.key(), counters[i]);
  }
  updates_ = checkpoint.get<std::int64_t>("counters/updates");
  owed_ = checkpoint.get<double>("counters/owed");
  reported_ = checkpoint.get<std::int64_t>("counters/reported");
  const auto places = fields(sums_);
  std::vector<double> sums(places.size());
  checkpoint.read("metrics/sums", std::span<double>(sums));
  for (std::size_t i = 0; i < sums.size(); ++i) *places[i] = sums[i];
  regularizers_.load(checkpoint);
  replay_.load(checkpoint, "replay");
  runtime_.load(checkpoint);
}

}  // namespace costate
