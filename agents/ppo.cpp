#include "agents/ppo.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/gae.h"
#include "agents/streams.h"
#include "backends/dense/kernels.h"
#include "envs/error.h"

namespace costate {

void PpoConfig::describe(Options& options) {
  options.add("ppo.rollout_steps", rollout_steps, Range::between(1, 1 << 20),
              "steps of each environment between two updates");
  options.add("ppo.epochs", epochs, Range::between(1, 1000), "passes over each rollout");
  options.add("ppo.minibatch", minibatch, Range::between(1, 1 << 24), "rows of a gradient step");
  options.add("ppo.slices", slices, Range::between(1, 64),
              "pieces of a minibatch that threads can work on; changes rounding, threads do not");
  options.add("ppo.gamma", gamma, Range::between(0, 1), "discount");
  options.add("ppo.lambda", lambda, Range::between(0, 1),
              "weight of longer returns in the advantage estimate");
  options.add("ppo.clip", clip, Range::above(0), "bound on |probability ratio - 1|");
  options.add("ppo.value_clip", value_clip, Range::at_least(0),
              "bound on the change of a value in one update; 0: none");
  options.add("ppo.value_loss", value_loss, {"mse", "huber"},
              "squared error, or Huber's loss with threshold 1");
  options.add("ppo.value_coefficient", value_coefficient, Range::at_least(0),
              "weight of the value loss");
  options.add("ppo.entropy_coefficient", entropy_coefficient, Range::at_least(0),
              "weight of the entropy bonus");
  options.add("ppo.max_gradient_norm", max_gradient_norm, Range::at_least(0),
              "gradients are scaled down to this norm; 0: not");
  options.add("ppo.learning_rate", learning_rate, Range::above(0), "of Adam");
  options.add("ppo.anneal", anneal, "whether the learning rate falls linearly to 0");
  options.add("ppo.target_kl", target_kl, Range::at_least(0),
              "an update ends once KL(old || new) passes 1.5 times this; 0: never");
  options.add("ppo.normalize_advantages", normalize_advantages,
              "whether each minibatch's advantages get mean 0 and deviation 1");
}

/// Sums over rows, divided by their number when reported.
struct Ppo::Sums {
  double policy_loss = 0.0;
  double value_loss = 0.0;
  double entropy = 0.0;
  double kl = 0.0;
  double clipped = 0.0;
  double rows = 0.0;
  double gradient_norm = 0.0;  // per gradient step
  double steps = 0.0;

  void add(const Sums& other) {
    policy_loss += other.policy_loss;
    value_loss += other.value_loss;
    entropy += other.entropy;
    kl += other.kl;
    clipped += other.clipped;
    rows += other.rows;
    gradient_norm += other.gradient_norm;
    steps += other.steps;
  }
};

/// One piece of a minibatch: its rows gathered, its scratch and its share of the gradient.
struct Ppo::Slice {
  Slice(int max_rows, const ActorCritic& policy)
      : workspace(policy.make_workspace(max_rows, /*gradients=*/true)),
        gradients(policy.parameter_count()) {
    const auto rows = static_cast<std::size_t>(max_rows);
    const Distribution& d = policy.distribution();
    observations.resize(rows * policy.observation_size());
    actions.resize(rows * d.action_size());
    old_distribution.resize(rows * d.parameter_size());
    distribution.resize(rows * d.parameter_size());
    d_distribution.resize(rows * d.parameter_size());
    per_dimension.resize(rows * d.dimensions());
    for (auto* column : {&values, &d_values, &log_probs, &entropies, &kls, &weights}) {
      column->resize(rows);
    }
  }

  std::unique_ptr<ActorCritic::Workspace> workspace;
  std::vector<float> gradients;
  std::vector<float> observations;
  std::vector<float> actions;
  std::vector<float> old_distribution;
  std::vector<float> distribution;
  std::vector<float> d_distribution;
  std::vector<float> per_dimension;
  std::vector<float> values;
  std::vector<float> d_values;
  std::vector<float> log_probs;
  std::vector<float> entropies;
  std::vector<float> kls;
  std::vector<float> weights;
  Sums sums;
};

Ppo::Ppo(const PpoConfig& config, const RuntimeConfig& runtime, VectorEnv& environments,
         const ActorCritic& policy, std::uint64_t seed, std::int64_t total_steps, ThreadPool& pool)
    : config_(config),
      policy_(policy),
      pool_(pool),
      total_steps_(total_steps),
      runtime_(runtime, environments, seed, config.gamma, policy, pool),
      parameters_(policy.initial_parameters(stream_key(seed, Stream::kInitialParameters))),
      gradients_(policy.parameter_count()),
      optimizer_(policy.parameter_count()),
      minibatch_stream_(stream_key(seed, Stream::kMinibatches)) {
  const auto slices = std::min(config.slices, config.minibatch);
  const int rows = static_cast<int>((config.minibatch + slices - 1) / slices);
  for (std::int64_t i = 0; i < slices; ++i) {
    slices_.push_back(std::make_unique<Slice>(rows, policy));
  }
}

Ppo::~Ppo() = default;

bool Ppo::done() const {
  return total_steps_ - runtime_.steps() < runtime_.envs();
}

void Ppo::collect() {
  const std::int64_t left = (total_steps_ - runtime_.steps()) / runtime_.envs();
  runtime_.collect(parameters_, static_cast<int>(std::min(config_.rollout_steps, left)));
}

void Ppo::compute_advantages() {
  const RolloutBuffer& buffer = runtime_.buffer();
  advantages_.resize(buffer.rows());
  targets_.resize(buffer.rows());
  const auto steps = static_cast<std::size_t>(buffer.steps);
  for (int n = 0; n < buffer.envs; ++n) {
    const auto of = [&](auto& column) { return std::span(column).subspan(n * steps, steps); };
    generalized_advantages(of(buffer.rewards), of(buffer.values), of(buffer.next_values),
                           of(buffer.terminated), of(buffer.truncated), config_.gamma,
                           config_.lambda, of(advantages_));
  }
  for (std::size_t i = 0; i < targets_.size(); ++i) targets_[i] = advantages_[i] + buffer.values[i];
}

namespace {

// 1 − Var(target − value)/Var(target): 1 is a perfect value function, 0 no better than a constant.
double explained_variance(std::span<const float> targets, std::span<const float> values) {
  Moments target(1);
  Moments error(1);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const double e = static_cast<double>(targets[i]) - values[i];
    const double t = targets[i];
    target.add(std::span<const double>(&t, 1));
    error.add(std::span<const double>(&e, 1));
  }
  return 1.0 - error.m2[0] / target.m2[0];
}

}  // namespace

MetricValues Ppo::update() {
  compute_advantages();
  const RolloutBuffer& buffer = runtime_.buffer();
  const int rows = buffer.rows();
  const double before = static_cast<double>(runtime_.steps() - rows);
  const double learning_rate =
      config_.learning_rate *
      (config_.anneal ? 1.0 - before / static_cast<double>(total_steps_) : 1.0);

  indices_.resize(rows);
  std::iota(indices_.begin(), indices_.end(), 0);
  const int minibatch = static_cast<int>(std::min<std::int64_t>(config_.minibatch, rows));
  Sums all;
  std::int64_t epochs = 0;
  for (bool stop = false; epochs < config_.epochs && !stop; ++epochs) {
    for (int i = rows - 1; i > 0; --i) {
      std::swap(indices_[i], indices_[minibatch_stream_.below(static_cast<std::uint64_t>(i) + 1)]);
    }
    for (int first = 0; first < rows && !stop; first += minibatch) {
      const Sums sums = step_minibatch(first, std::min(minibatch, rows - first), learning_rate);
      all.add(sums);
      stop = config_.target_kl > 0.0 && sums.kl > 1.5 * config_.target_kl * sums.rows;
    }
  }
  return {{"return_mean_100", runtime_.statistics().return_mean_100()},
          {"length_mean_100", runtime_.statistics().length_mean_100()},
          {"episodes", static_cast<double>(runtime_.statistics().episodes())},
          {"policy_loss", all.policy_loss / all.rows},
          {"value_loss", all.value_loss / all.rows},
          {"entropy", all.entropy / all.rows},
          {"kl", all.kl / all.rows},
          {"clip_fraction", all.clipped / all.rows},
          {"explained_variance", explained_variance(targets_, buffer.values)},
          {"gradient_norm", all.gradient_norm / all.steps},
          {"epochs", static_cast<double>(epochs)},
          {"learning_rate", learning_rate}};
}

Ppo::Sums Ppo::step_minibatch(int first, int count, double learning_rate) {
  const std::span<const int> rows(indices_.data() + first, static_cast<std::size_t>(count));
  advantage_mean_ = 0.0f;
  advantage_scale_ = 1.0f;
  if (config_.normalize_advantages && count > 1) {
    double sum = 0.0;
    for (const int row : rows) sum += advantages_[row];
    const double mean = sum / count;
    double squares = 0.0;
    for (const int row : rows) squares += (advantages_[row] - mean) * (advantages_[row] - mean);
    advantage_mean_ = static_cast<float>(mean);
    advantage_scale_ = static_cast<float>(1.0 / (std::sqrt(squares / (count - 1)) + 1e-8));
  }

  const int pieces = static_cast<int>(slices_.size());
  const int size = (count + pieces - 1) / pieces;
  pool_.parallel_for(pieces, [&](int i) {
    const int begin = std::min(i * size, count);
    const int end = std::min(begin + size, count);
    run_slice(*slices_[i], rows.subspan(begin, static_cast<std::size_t>(end - begin)), count);
  });

  std::fill(gradients_.begin(), gradients_.end(), 0.0f);
  Sums sums;
  for (const auto& slice : slices_) {
    kernels::add(slice->gradients, gradients_);
    sums.add(slice->sums);
  }
  const double norm = global_norm(gradients_);
  if (!std::isfinite(norm)) {
    throw Error("ppo: the gradient at step " + std::to_string(runtime_.steps()) +
                " is not finite; a smaller ppo.learning_rate may help");
  }
  const bool clip = config_.max_gradient_norm > 0.0 && norm > config_.max_gradient_norm;
  optimizer_.step(parameters_, gradients_, learning_rate,
                  clip ? static_cast<float>(config_.max_gradient_norm / norm) : 1.0f);
  sums.gradient_norm = norm;
  sums.steps = 1.0;
  return sums;
}

void Ppo::run_slice(Slice& s, std::span<const int> rows, int minibatch) {
  const RolloutBuffer& buffer = runtime_.buffer();
  const Distribution& distribution = policy_.distribution();
  const int o = policy_.observation_size();
  const int a = distribution.action_size();
  const int p = distribution.parameter_size();
  const auto n = rows.size();
  s.sums = Sums{};
  s.sums.rows = static_cast<double>(n);
  std::fill(s.gradients.begin(), s.gradients.end(), 0.0f);
  if (n == 0) return;

  const auto gather = [&](const std::vector<float>& from, int width, std::vector<float>& to) {
    for (std::size_t i = 0; i < n; ++i) {
      std::copy_n(from.data() + static_cast<std::size_t>(rows[i]) * width, width,
                  to.data() + i * width);
    }
  };
  gather(buffer.observations, o, s.observations);
  gather(buffer.raw_actions, a, s.actions);
  gather(buffer.distribution, p, s.old_distribution);

  policy_.forward(parameters_, s.observations.data(), static_cast<int>(n), s.distribution.data(),
                  s.values.data(), *s.workspace);

  const auto first = [n](std::vector<float>& column, std::size_t width = 1) {
    return std::span<float>(column).first(n * width);
  };
  const auto parameters = first(s.distribution, p);
  const auto actions = first(s.actions, a);
  const auto per_dimension = first(s.per_dimension, distribution.dimensions());
  const auto weights = first(s.weights);
  const auto d_distribution = first(s.d_distribution, p);
  distribution.log_prob(parameters, actions, per_dimension);
  distribution.joint(per_dimension, first(s.log_probs));
  distribution.entropy(parameters, per_dimension);
  distribution.joint(per_dimension, first(s.entropies));
  distribution.kl(first(s.old_distribution, p), parameters, per_dimension);
  distribution.joint(per_dimension, first(s.kls));
  std::fill(d_distribution.begin(), d_distribution.end(), 0.0f);

  // Losses are means over the minibatch, of which this slice holds a part.
  const float share = 1.0f / static_cast<float>(minibatch);
  const auto clip = static_cast<float>(config_.clip);
  const auto value_clip = static_cast<float>(config_.value_clip);
  for (std::size_t i = 0; i < n; ++i) {
    const int row = rows[i];
    // L = −min(r·A, clip(r, 1 ± ε)·A); where the clipped branch is the smaller one it is constant.
    const float advantage = (advantages_[row] - advantage_mean_) * advantage_scale_;
    const float ratio = std::exp(s.log_probs[i] - buffer.log_probs[row]);
    const float bounded = std::clamp(ratio, 1.0f - clip, 1.0f + clip);
    const bool active = ratio * advantage <= bounded * advantage;
    weights[i] = active ? -share * advantage * ratio : 0.0f;
    s.sums.policy_loss -= std::min(ratio * advantage, bounded * advantage);
    s.sums.clipped += std::abs(ratio - 1.0f) > clip ? 1.0 : 0.0;
    s.sums.entropy += s.entropies[i];
    s.sums.kl += s.kls[i];

    // ½(V − R)², or the larger of it and the same at V clipped around its old value.
    float error = s.values[i] - targets_[row];
    float slope = 1.0f;
    if (value_clip > 0.0f) {
      const float change = s.values[i] - buffer.values[row];
      const float clipped_error =
          buffer.values[row] + std::clamp(change, -value_clip, value_clip) - targets_[row];
      if (std::abs(clipped_error) > std::abs(error)) {
        error = clipped_error;
        slope = std::abs(change) < value_clip ? 1.0f : 0.0f;
      }
    }
    const bool linear = config_.value_loss == "huber" && std::abs(error) > 1.0f;
    s.sums.value_loss += linear ? std::abs(error) - 0.5f : 0.5f * error * error;
    s.d_values[i] = static_cast<float>(config_.value_coefficient) * share * slope *
                    (linear ? std::copysign(1.0f, error) : error);
  }
  distribution.log_prob_gradient(parameters, actions, weights, d_distribution);
  if (config_.entropy_coefficient > 0.0) {
    std::fill(weights.begin(), weights.end(),
              -share * static_cast<float>(config_.entropy_coefficient));
    distribution.entropy_gradient(parameters, weights, d_distribution);
  }
  policy_.backward(parameters_, s.observations.data(), static_cast<int>(n), s.d_distribution.data(),
                   s.d_values.data(), s.gradients, *s.workspace);
}

void Ppo::save(Checkpoint& checkpoint) const {
  checkpoint.put("policy/parameters", std::span<const float>(parameters_));
  optimizer_.save(checkpoint, "optimizer");
  checkpoint.put("random/minibatches", minibatch_stream_.counter());
  runtime_.save(checkpoint);
}

void Ppo::load(const Checkpoint& checkpoint) {
  checkpoint.read("policy/parameters", std::span<float>(parameters_));
  optimizer_.load(checkpoint, "optimizer");
  minibatch_stream_ =
      RandomStream(minibatch_stream_.key(), checkpoint.get<std::uint64_t>("random/minibatches"));
  runtime_.load(checkpoint);
}

}  // namespace costate
