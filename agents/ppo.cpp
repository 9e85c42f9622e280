#include "agents/ppo.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/action_statistics.h"
#include "agents/gae.h"
#include "agents/streams.h"
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
  objective.describe(options, "ppo.");
  options.add("ppo.value_clip", value_clip, Range::at_least(0),
              "bound on the change of a value in one update; 0: none");
  options.add("ppo.value_loss", value_loss, {"mse", "huber"},
              "squared error, or Huber's loss with threshold 1");
  options.add("ppo.value_coefficient", value_coefficient, Range::at_least(0),
              "weight of the value loss");
  options.add("ppo.entropy_coefficient", entropy_coefficient, Range::at_least(0),
              "weight of the entropy bonus");
  kl.describe(options, "ppo.");
  options.add("ppo.max_gradient_norm", max_gradient_norm, Range::at_least(0),
              "gradients are scaled down to this norm; 0: not");
  options.add("ppo.learning_rate", learning_rate, Range::above(0), "of the optimiser");
  schedule.describe(options, "ppo.", /*measures_kl=*/true);
  optimizer.describe(options, "ppo.optimizer.", /*searches=*/true);
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
  double reference_kl = 0.0;
  double rows = 0.0;
  double gradient_norm = 0.0;  // per gradient step
  double steps = 0.0;

  void add(const Sums& other) {
    policy_loss += other.policy_loss;
    value_loss += other.value_loss;
    entropy += other.entropy;
    kl += other.kl;
    clipped += other.clipped;
    reference_kl += other.reference_kl;
    rows += other.rows;
    gradient_norm += other.gradient_norm;
    steps += other.steps;
  }
};

/// One piece of a minibatch: its rows gathered, its scratch and its share of the gradient.
struct Ppo::Slice {
  Slice(int max_rows, const ActorCritic& policy, const Regularizers& list)
      : workspace(policy.make_workspace(max_rows, /*gradients=*/true)),
        regularizers(list.make_scratch(max_rows)) {
    const auto rows = static_cast<std::size_t>(max_rows);
    const Distribution& d = policy.distribution();
    observations.resize(rows * policy.observation_size());
    actions.resize(rows * d.action_size());
    old_distribution.resize(rows * d.parameter_size());
    distribution.resize(rows * d.parameter_size());
    d_distribution.resize(rows * d.parameter_size());
    if (list.has_reference()) reference.resize(distribution.size());
    per_dimension.resize(rows * d.dimensions());
    for (auto* column : {&values, &d_values, &log_probs, &advantages, &entropies, &kls, &weights}) {
      column->resize(rows);
    }
  }

  std::unique_ptr<ActorCritic::Workspace> workspace;
  Regularizers::Scratch regularizers;
  std::vector<float> observations;
  std::vector<float> actions;
  std::vector<float> old_distribution;
  std::vector<float> reference;
  std::vector<float> distribution;
  std::vector<float> d_distribution;
  std::vector<float> per_dimension;
  std::vector<float> values;
  std::vector<float> d_values;
  std::vector<float> log_probs;
  std::vector<float> advantages;
  std::vector<float> entropies;
  std::vector<float> kls;
  std::vector<float> weights;
  Sums sums;
};

Ppo::Ppo(const PpoConfig& config, const RuntimeConfig& runtime, VectorEnv& environments,
         const ActorCritic& policy, std::uint64_t seed, std::int64_t total_steps, ThreadPool& pool)
    : config_(config),
      overlap_(runtime.overlap),
      policy_(policy),
      pool_(pool),
      total_steps_(total_steps),
      runtime_(runtime, environments, seed, config.gamma, policy, pool),
      parameters_(policy.parameter_count()),
      optimizer_(config.optimizer, policy.parameter_count(),
                 static_cast<int>(std::min(config.slices, config.minibatch))),
      learning_rate_(config.schedule),
      objective_(config.objective),
      regularizers_(config.kl, "ppo.", policy),
      minibatch_stream_(stream_key(seed, Stream::kMinibatches)),
      action_(static_cast<std::size_t>(policy.distribution().action_size())) {
  std::ranges::copy(policy.initial_parameters(stream_key(seed, Stream::kInitialParameters)),
                    parameters_.begin());
  const int slices = optimizer_.slices();
  const int rows = static_cast<int>((config.minibatch + slices - 1) / slices);
  for (int i = 0; i < slices; ++i) {
    slices_.push_back(std::make_unique<Slice>(rows, policy, regularizers_));
  }
}

Ppo::~Ppo() = default;

bool Ppo::done() const {
  return total_steps_ - steps_ < runtime_.envs();
}

int Ppo::next_rollout_steps() const {
  const std::int64_t left = (total_steps_ - runtime_.steps()) / runtime_.envs();
  return static_cast<int>(std::min(config_.rollout_steps, left));
}

void Ppo::collect() {
  if (!collected_ahead_) runtime_.collect(parameters_, next_rollout_steps());
  collected_ahead_ = false;
  runtime_.swap_buffer(rollout_);
}

void Ppo::compute_advantages() {
  const RolloutBuffer& buffer = rollout_;
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

void Ppo::refer(ThreadPool& pool) {
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto p = static_cast<std::size_t>(policy_.distribution().parameter_size());
  const int rows = rollout_.rows();
  const int pieces = static_cast<int>(slices_.size());
  const int size = (rows + pieces - 1) / pieces;
  reference_.resize(static_cast<std::size_t>(rows) * p);
  pool.parallel_for(pieces, [&](int i) {
    Slice& s = *slices_[static_cast<std::size_t>(i)];
    const int most = static_cast<int>(s.values.size());
    const int end = std::min((i + 1) * size, rows);
    for (int n = 0, row = i * size; row < end; row += n) {
      n = std::min(most, end - row);
      const float* observations = rollout_.observations.data() + static_cast<std::size_t>(row) * o;
      if (regularizers_.observes()) {
        regularizers_.observe(
            std::span(rollout_.raw_observations).subspan(static_cast<std::size_t>(row) * o, n * o),
            std::span(s.observations).first(static_cast<std::size_t>(n) * o));
        observations = s.observations.data();
      }
      regularizers_.refer(observations, n, reference_.data() + static_cast<std::size_t>(row) * p,
                          *s.workspace);
    }
  });
}

namespace {

// Σ (f(i) − mean)² over i < n, in two passes.
template <class F>
double squared_deviations(std::size_t n, F f) {
  double mean = 0.0;
  for (std::size_t i = 0; i < n; ++i) mean += f(i);
  mean /= static_cast<double>(n);
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += (f(i) - mean) * (f(i) - mean);
  return sum;
}

// 1 − Var(target − value)/Var(target): 1 is a perfect value function, 0 no better than a constant.
double explained_variance(std::span<const float> targets, std::span<const float> values) {
  const std::size_t n = targets.size();
  const double target = squared_deviations(n, [&](std::size_t i) { return double{targets[i]}; });
  const double error =
      squared_deviations(n, [&](std::size_t i) { return double{targets[i]} - values[i]; });
  return 1.0 - error / target;
}

}  // namespace

const MetricValues& Ppo::update() {
  steps_ += rollout_.rows();
  // Before more episodes are collected: these belong to the steps that are learned from.
  const EpisodeStatistics& statistics = runtime_.statistics();
  measure("return_mean_100", statistics.return_mean_100());
  measure("length_mean_100", statistics.length_mean_100());
  measure("episodes", static_cast<double>(statistics.episodes()));
  SaturationSums saturation;
  saturation.add(policy_.distribution(), rollout_, action_);
  if (saturation.values > 0.0) {
    measure("saturation", saturation.executed / saturation.values);
    measure("mode_saturation", saturation.mode / saturation.values);
  }

  if (!overlap_ || next_rollout_steps() == 0) {
    learn(pool_);
    return metrics_;
  }
  acting_parameters_ = parameters_;
  runtime_.begin(acting_parameters_, next_rollout_steps());
  // The update is one piece of work and comes first; whoever has done with it helps with the rest.
  pool_.parallel_for(1 + runtime_.shards(), [this](int piece) {
    piece == 0 ? learn(own_thread_) : runtime_.run_shard(piece - 1);
  });
  runtime_.end();
  collected_ahead_ = true;
  return metrics_;
}

void Ppo::measure(std::string_view name, double value) {
  const auto found = std::ranges::find(metrics_, name, &MetricValues::value_type::first);
  if (found != metrics_.end()) {
    found->second = value;
  } else {
    metrics_.emplace_back(name, value);
  }
}

void Ppo::learn(ThreadPool& pool) {
  compute_advantages();
  regularizers_.begin_update(parameters_);
  if (regularizers_.has_reference()) refer(pool);
  const int rows = rollout_.rows();
  const double before = static_cast<double>(steps_ - rows);
  const double learning_rate =
      learning_rate_.at(config_.learning_rate, before / static_cast<double>(total_steps_));

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
      const Sums sums =
          step_minibatch(first, std::min(minibatch, rows - first), learning_rate, pool);
      all.add(sums);
      stop = config_.target_kl > 0.0 && sums.kl > 1.5 * config_.target_kl * sums.rows;
    }
  }
  measure("policy_loss", all.policy_loss / all.rows);
  measure("value_loss", all.value_loss / all.rows);
  measure("entropy", all.entropy / all.rows);
  measure("kl", all.kl / all.rows);
  measure("clip_fraction", all.clipped / all.rows);
  if (regularizers_.has_reference()) {
    measure("reference_kl", all.reference_kl / all.rows);
    measure("reference_weight", regularizers_.coefficient());
  }
  measure("explained_variance", explained_variance(targets_, rollout_.values));
  measure("gradient_norm", all.gradient_norm / all.steps);
  measure("epochs", static_cast<double>(epochs));
  measure("learning_rate", learning_rate);
  if (optimizer_.searches()) measure("step_size", optimizer_.step_size());
  learning_rate_.update_kl(all.kl / all.rows);
}

Ppo::Sums Ppo::step_minibatch(int first, int count, double learning_rate, ThreadPool& pool) {
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
  Sums sums;  // before the step
  const auto loss = [&](bool gradient) {
    pool.parallel_for(pieces, [&](int i) {
      const int begin = std::min(i * size, count);
      const int end = std::min(begin + size, count);
      run_slice(i, rows.subspan(begin, static_cast<std::size_t>(end - begin)), count, gradient);
    });
    Sums here;
    for (const auto& slice : slices_) here.add(slice->sums);
    if (gradient) sums = here;
    return (here.policy_loss + config_.value_coefficient * here.value_loss -
            config_.entropy_coefficient * here.entropy +
            regularizers_.coefficient() * here.reference_kl) /
           here.rows;
  };
  const double norm =
      optimizer_.step(parameters_, learning_rate, config_.max_gradient_norm, pool, loss);
  sums.gradient_norm = norm;
  if (!std::isfinite(sums.gradient_norm)) {
    throw Error("ppo: the gradient at step " + std::to_string(steps_) +
                " is not finite; a smaller ppo.learning_rate may help");
  }
  regularizers_.step_dual(sums.reference_kl / sums.rows);
  sums.steps = 1.0;
  return sums;
}

void Ppo::run_slice(int index, std::span<const int> rows, int minibatch, bool gradient) {
  Slice& s = *slices_[static_cast<std::size_t>(index)];
  const std::span<float> gradients = optimizer_.gradient(index);
  const RolloutBuffer& buffer = rollout_;
  const Distribution& distribution = policy_.distribution();
  const int o = policy_.observation_size();
  const int a = distribution.action_size();
  const int p = distribution.parameter_size();
  const auto n = rows.size();
  s.sums = Sums{};
  s.sums.rows = static_cast<double>(n);
  if (gradient) std::ranges::fill(gradients, 0.0f);
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
  const auto value_clip = static_cast<float>(config_.value_clip);
  for (std::size_t i = 0; i < n; ++i) {
    s.log_probs[i] -= buffer.log_probs[rows[i]];
    s.advantages[i] = (advantages_[rows[i]] - advantage_mean_) * advantage_scale_;
  }
  const Objective::Sums objective =
      objective_.weigh(first(s.log_probs), first(s.advantages), share, weights);
  s.sums.policy_loss = objective.loss;
  s.sums.clipped = objective.clipped;
  for (std::size_t i = 0; i < n; ++i) {
    const int row = rows[i];
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
  std::span<const float> reference;
  if (regularizers_.has_reference()) {
    gather(reference_, p, s.reference);
    reference = first(s.reference, p);
    s.sums.reference_kl = regularizers_.divergence(parameters, reference, s.regularizers);
  }
  if (!gradient) return;
  distribution.log_prob_gradient(parameters, actions, weights, d_distribution);
  regularizers_.add_gradient(parameters, reference, config_.entropy_coefficient, share,
                             s.regularizers, d_distribution);
  policy_.backward(parameters_, s.observations.data(), static_cast<int>(n), s.d_distribution.data(),
                   s.d_values.data(), gradients, *s.workspace);
}

namespace {

// What learning needs of a rollout, under its names in a checkpoint. One list serves both ways.
template <class Buffer, class F>
void for_each_column(Buffer& b, bool raw, F f) {
  if (raw) f("raw_observations", b.raw_observations);
  f("observations", b.observations);
  f("raw_actions", b.raw_actions);
  f("distribution", b.distribution);
  f("log_probs", b.log_probs);
  f("rewards", b.rewards);
  f("values", b.values);
  f("next_values", b.next_values);
}

}  // namespace

void Ppo::save(Checkpoint& checkpoint) const {
  checkpoint.put("policy/parameters", std::span<const float>(parameters_));
  optimizer_.save(checkpoint, "optimizer");
  learning_rate_.save(checkpoint, "learning_rate/factor");
  regularizers_.save(checkpoint);
  checkpoint.put("random/minibatches", minibatch_stream_.counter());
  checkpoint.put("counters/learned", steps_);
  runtime_.save(checkpoint);
  if (!collected_ahead_) return;
  const RolloutBuffer& ahead = runtime_.buffer();
  checkpoint.put("rollout/steps", static_cast<std::int64_t>(ahead.steps));
  for_each_column(ahead, regularizers_.observes(),
                  [&](const char* name, const std::vector<float>& column) {
                    checkpoint.put(std::string("rollout/") + name, std::span<const float>(column));
                  });
  const auto flags = [&](const char* name, const std::vector<std::uint8_t>& column) {
    checkpoint.put(name, std::as_bytes(std::span(column)));
  };
  flags("rollout/terminated", ahead.terminated);
  flags("rollout/truncated", ahead.truncated);
}

void Ppo::load(const Checkpoint& checkpoint) {
  checkpoint.read("policy/parameters", std::span<float>(parameters_));
  optimizer_.load(checkpoint, "optimizer");
  learning_rate_.load(checkpoint, "learning_rate/factor");
  regularizers_.load(checkpoint);
  minibatch_stream_ =
      RandomStream(minibatch_stream_.key(), checkpoint.get<std::uint64_t>("random/minibatches"));
  steps_ = checkpoint.get<std::int64_t>("counters/learned");
  runtime_.load(checkpoint);
  collected_ahead_ = checkpoint.has("rollout/steps");
  if (!collected_ahead_) return;
  RolloutBuffer ahead;
  const Distribution& d = policy_.distribution();
  ahead.resize(runtime_.envs(), static_cast<int>(checkpoint.get<std::int64_t>("rollout/steps")),
               policy_.observation_size(), d.action_size(), d.parameter_size());
  for_each_column(ahead, regularizers_.observes(),
                  [&](const char* name, std::vector<float>& column) {
                    checkpoint.read(std::string("rollout/") + name, std::span<float>(column));
                  });
  checkpoint.read("rollout/terminated", std::as_writable_bytes(std::span(ahead.terminated)));
  checkpoint.read("rollout/truncated", std::as_writable_bytes(std::span(ahead.truncated)));
  runtime_.swap_buffer(ahead);
}

}  // namespace costate
