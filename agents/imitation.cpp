#include "agents/imitation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "agents/streams.h"
#include "envs/error.h"

namespace costate {
namespace {

// Rows of one product where the loss of the held-out ones is computed.
constexpr std::size_t kValidationRows = 256;

// Indices of Stream::kDemonstrations.
constexpr std::uint64_t kHoldOut = 1;
constexpr std::uint64_t kFirstEpoch = 2;

void permute(std::span<std::int64_t> values, RandomStream random) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[random.below(i)]);
  }
}

}  // namespace

void ImitationConfig::describe(Options& options) {
  options.add("imitation.teacher", teacher, {},
              "run folder or checkpoint of a policy that demonstrates");
  options.only_runtime();  // the checkpoint holds what was demonstrated
  options.add("imitation.rollouts", rollouts, {},
              "in place of a teacher, rollout files (.h5) of the environment, separated by commas");
  options.only_runtime();
  options.add("imitation.episodes", episodes, Range::between(1, 1e6),
              "episodes that the teacher plays");
  options.add("imitation.actions", actions, {"mode", "sample", "both"},
              "how it acts: by its most probable action, by samples, or each in every second "
              "episode");
  options.add("imitation.labels", labels, {"soft", "hard"},
              "bernoulli, ternary, bins: what an action between two values counts as; soft: each "
              "in the proportion that keeps the mean; hard: the nearer one");
  options.add("imitation.smoothing", smoothing, Range::at_least(0),
              "gaussian, squashed, mixture: deviation of the noise that is taken into account on "
              "demonstrated actions, in half widths of the action box; below it the student's own "
              "does not fall");
  options.add("imitation.holdout", holdout, Range::between(0, 0.9),
              "share of the episodes that is kept for the validation loss; 0: none");
  options.add("imitation.minibatch", minibatch, Range::between(1, 1 << 20),
              "rows of a gradient step");
  options.add("imitation.slices", slices, Range::between(1, 64),
              "pieces of a minibatch that threads can work on; changes rounding, threads do not");
  options.add("imitation.learning_rate", learning_rate, Range::above(0), "of the optimiser");
  schedule.describe(options, "imitation.", /*measures_kl=*/false);
  optimizer.describe(options, "imitation.optimizer.", /*searches=*/true);
  options.add("imitation.max_gradient_norm", max_gradient_norm, Range::at_least(0),
              "gradients are scaled down to this norm; 0: not");
  options.add("imitation.report_steps", report_steps, Range::at_least(1),
              "steps between two rows of metrics");
  options.add("imitation.patience", patience, Range::at_least(0),
              "rows of metrics without a lower validation loss after which it ends, with the "
              "policy of the lowest; 0: never");
}

ImitationLoss::ImitationLoss(const Distribution& distribution, bool hard_labels, double smoothing,
                             int max_rows)
    : distribution_(distribution), hard_(hard_labels), smoothing_(static_cast<float>(smoothing)) {
  const auto rows = static_cast<std::size_t>(max_rows);
  const std::size_t actions = rows * static_cast<std::size_t>(distribution.action_size());
  for (auto* column : {&lower_, &upper_, &share_, &labels_}) column->resize(actions);
  order_.resize(actions);
  weights_.resize(rows);
  of_lower_.resize(rows * static_cast<std::size_t>(distribution.dimensions()));
  of_upper_.resize(of_lower_.size());
}

void ImitationLoss::label(std::span<const float> actions) {
  if (distribution_.support() == Distribution::Support::kFinite) {
    std::ranges::copy(actions, lower_.begin());
    std::ranges::copy(actions, upper_.begin());
    std::ranges::fill(share_, 1.0f);
    return;
  }
  if (distribution_.support() == Distribution::Support::kBox) {
    const auto a = static_cast<std::size_t>(distribution_.action_size());
    const bool squashed = distribution_.name() == "squashed";
    for (std::size_t k = 0; k < actions.size(); ++k) {
      labels_[k] = squashed ? std::clamp(actions[k], -kSquashedEdge, kSquashedEdge) : actions[k];
    }
    for (std::size_t at = 0; at < actions.size(); at += a) {
      distribution_.to_raw(std::span(labels_).subspan(at, a));
    }
    for (std::size_t k = 0; k < actions.size(); ++k) {
      lower_[k] = labels_[k] - smoothing_;
      upper_[k] = labels_[k] + smoothing_;
    }
    std::ranges::fill(share_, 0.5f);
    return;
  }
  const auto bins = distribution_.bins();
  for (std::size_t k = 0; k < actions.size(); ++k) {
    const auto above = std::lower_bound(bins.begin() + 1, bins.end() - 1, actions[k]);
    lower_[k] = *(above - 1);
    upper_[k] = *above;
    const float share = std::clamp((actions[k] - lower_[k]) / (upper_[k] - lower_[k]), 0.0f, 1.0f);
    share_[k] = hard_ ? (share > 0.5f ? 1.0f : 0.0f) : share;
  }
}

double ImitationLoss::value(std::span<const float> parameters, std::span<const float> actions) {
  label(actions);
  const std::size_t n = actions.size() / static_cast<std::size_t>(distribution_.action_size());
  const std::size_t values = n * static_cast<std::size_t>(distribution_.dimensions());
  distribution_.log_prob(parameters, std::span(lower_).first(actions.size()),
                         std::span(of_lower_).first(values));
  distribution_.log_prob(parameters, std::span(upper_).first(actions.size()),
                         std::span(of_upper_).first(values));
  double sum = 0.0;
  for (std::size_t k = 0; k < values; ++k) {
    sum -= share_[k] * of_upper_[k] + (1.0f - share_[k]) * of_lower_[k];
  }
  return sum;
}

double ImitationLoss::add_gradient(std::span<const float> parameters,
                                   std::span<const float> actions, float weight,
                                   std::span<float> gradient) {
  const auto a = static_cast<std::size_t>(distribution_.action_size());
  const std::size_t n = actions.size() / a;
  const double sum = value(parameters, actions);
  // Weights belong to joint actions, shares to dimensions. log π is a sum over dimensions, so any
  // joint distribution of labels with these shares as its marginals has the same gradient. One has
  // D + 1 members: the j-th has the j dimensions of the largest shares at their upper labels, with
  // what separates the j-th largest share from the next as its probability.
  for (std::size_t i = 0; i < n; ++i) {
    const auto order = std::span(order_).subspan(i * a, a);
    const float* const share = share_.data() + i * a;
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, [share](int x, int y) {
      return share[x] != share[y] ? share[x] > share[y] : x < y;
    });
  }
  const auto labels = std::span(labels_).first(n * a);
  const auto weights = std::span(weights_).first(n);
  std::copy_n(lower_.begin(), n * a, labels.begin());
  for (std::size_t j = 0; j <= a; ++j) {
    for (std::size_t i = 0; i < n; ++i) {
      const float* const share = share_.data() + i * a;
      const int* const order = order_.data() + i * a;
      if (j > 0) {
        const std::size_t flipped = i * a + static_cast<std::size_t>(order[j - 1]);
        labels[flipped] = upper_[flipped];
      }
      weights[i] =
          -weight * ((j == 0 ? 1.0f : share[order[j - 1]]) - (j == a ? 0.0f : share[order[j]]));
    }
    if (std::ranges::all_of(weights, [](float w) { return w == 0.0f; })) continue;
    distribution_.log_prob_gradient(parameters, labels, weights, gradient);
  }
  return sum;
}

struct Imitation::Slice {
  Slice(int max_rows, const ActorCritic& policy, const ImitationConfig& config)
      : workspace(policy.make_workspace(max_rows, /*gradients=*/true)),
        loss(policy.distribution(), config.labels == "hard", config.smoothing, max_rows) {
    const auto rows = static_cast<std::size_t>(max_rows);
    const Distribution& d = policy.distribution();
    observations.resize(rows * static_cast<std::size_t>(policy.observation_size()));
    actions.resize(rows * static_cast<std::size_t>(d.action_size()));
    distribution.resize(rows * static_cast<std::size_t>(d.parameter_size()));
    d_distribution.resize(distribution.size());
  }

  std::unique_ptr<ActorCritic::Workspace> workspace;
  ImitationLoss loss;
  std::vector<float> observations;
  std::vector<float> actions;
  std::vector<float> distribution;
  std::vector<float> d_distribution;
  double sum = 0.0;  // of the loss over its rows
};

Imitation::Imitation(const ImitationConfig& config, bool normalize_observations,
                     const ActorCritic& policy, std::uint64_t seed, std::int64_t total_steps,
                     ThreadPool& pool, Demonstrations demonstrations)
    : config_(config),
      normalize_(normalize_observations),
      policy_(policy),
      pool_(pool),
      seed_(seed),
      total_steps_(total_steps),
      demonstrations_(std::move(demonstrations)),
      normalizer_(policy.observation_size()),
      parameters_(policy.parameter_count()),
      optimizer_(config.optimizer, policy.parameter_count(),
                 static_cast<int>(std::min(config.slices, config.minibatch))),
      learning_rate_(config.schedule),
      best_loss_(std::numeric_limits<double>::infinity()) {
  std::ranges::copy(policy.initial_parameters(stream_key(seed, Stream::kInitialParameters)),
                    parameters_.begin());
  if (config.patience > 0) best_ = parameters_;
  const int slices = optimizer_.slices();
  const auto rows = static_cast<int>((config.minibatch + slices - 1) / slices);
  for (int i = 0; i < slices; ++i) {
    slices_.push_back(
        std::make_unique<Slice>(std::max(rows, static_cast<int>(kValidationRows)), policy, config));
  }
  if (!demonstrations_.lengths.empty()) prepare();
}

Imitation::~Imitation() = default;

void Imitation::prepare() {
  const auto episodes = static_cast<std::int64_t>(demonstrations_.lengths.size());
  held_out_episodes_ =
      std::min(std::llround(config_.holdout * static_cast<double>(episodes)), episodes - 1LL);
  if (config_.holdout > 0.0 && episodes > 1) {
    held_out_episodes_ = std::max<std::int64_t>(held_out_episodes_, 1);
  }
  if (config_.patience > 0 && held_out_episodes_ == 0) {
    throw UsageError("imitation.patience is " + std::to_string(config_.patience) +
                     ", but no episode is held out for the validation loss: expected more than one "
                     "episode and imitation.holdout above 0");
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(episodes));
  std::iota(order.begin(), order.end(), 0);
  permute(order, RandomStream(stream_key(seed_, Stream::kDemonstrations, kHoldOut)));
  std::vector<bool> held_out(order.size());
  for (std::int64_t i = 0; i < held_out_episodes_; ++i) {
    held_out[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
  }

  const auto o = static_cast<std::size_t>(policy_.observation_size());
  Moments moments(policy_.observation_size());
  std::int64_t row = 0;
  for (std::size_t e = 0; e < held_out.size(); ++e) {
    for (std::int64_t t = 0; t < demonstrations_.lengths[e]; ++t, ++row) {
      (held_out[e] ? held_out_ : rows_).push_back(row);
      if (held_out[e]) continue;
      moments.add(std::span<const float>(demonstrations_.observations)
                      .subspan(static_cast<std::size_t>(row) * o, o));
    }
  }
  if (normalize_) normalizer_.merge(moments);
  shuffle();
}

// The order of an epoch depends on its number alone, so that a checkpoint need not hold it.
void Imitation::shuffle() {
  std::ranges::sort(rows_);
  permute(rows_, RandomStream(stream_key(seed_, Stream::kDemonstrations,
                                         kFirstEpoch + static_cast<std::uint64_t>(epoch_))));
}

void Imitation::run(Slice& s, std::span<const std::int64_t> rows) {
  const auto o = static_cast<std::size_t>(policy_.observation_size());
  const auto a = static_cast<std::size_t>(policy_.distribution().action_size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    const auto observation = std::span(demonstrations_.observations).subspan(row * o, o);
    const auto out = std::span(s.observations).subspan(i * o, o);
    if (normalize_) {
      normalizer_.normalize(observation, out);
    } else {
      std::ranges::copy(observation, out.begin());
    }
    std::copy_n(demonstrations_.actions.data() + row * a, a, s.actions.data() + i * a);
  }
  policy_.policy(parameters_, s.observations.data(), static_cast<int>(rows.size()),
                 s.distribution.data(), *s.workspace);
}

const MetricValues& Imitation::update() {
  const auto rows = static_cast<std::int64_t>(rows_.size());
  const std::int64_t count = std::min({config_.minibatch, rows - position_, total_steps_ - steps_});
  const double rate = learning_rate();
  const auto a = static_cast<std::size_t>(policy_.distribution().action_size());
  const auto p = static_cast<std::size_t>(policy_.distribution().parameter_size());
  const auto pieces = static_cast<std::int64_t>(slices_.size());
  const std::int64_t size = (count + pieces - 1) / pieces;
  const auto run_slice = [&](int i, bool gradient) {
    Slice& s = *slices_[static_cast<std::size_t>(i)];
    const auto gradients = optimizer_.gradient(i);
    if (gradient) std::ranges::fill(gradients, 0.0f);
    s.sum = 0.0;
    const std::int64_t begin = std::min(i * size, count);
    const auto n = static_cast<std::size_t>(std::min(begin + size, count) - begin);
    if (n == 0) return;
    run(s, std::span(rows_).subspan(static_cast<std::size_t>(position_ + begin), n));
    const auto distribution = std::span(s.distribution).first(n * p);
    const auto actions = std::span(s.actions).first(n * a);
    if (!gradient) {
      s.sum = s.loss.value(distribution, actions);
      return;
    }
    const auto d_distribution = std::span(s.d_distribution).first(n * p);
    std::ranges::fill(d_distribution, 0.0f);
    s.sum = s.loss.add_gradient(distribution, actions, 1.0f / static_cast<float>(count),
                                d_distribution);
    policy_.backward(parameters_, s.observations.data(), static_cast<int>(n), d_distribution.data(),
                     nullptr, gradients, *s.workspace);
  };
  const double norm =
      optimizer_.step(parameters_, rate, config_.max_gradient_norm, pool_, [&](bool gradient) {
        pool_.parallel_for(static_cast<int>(pieces), [&](int i) { run_slice(i, gradient); });
        double sum = 0.0;
        for (const auto& slice : slices_) sum += slice->sum;
        if (gradient) loss_ += sum;
        return sum / static_cast<double>(count);
      });
  if (!std::isfinite(norm)) {
    throw Error("imitation: the gradient at step " + std::to_string(steps_) +
                " is not finite; a smaller imitation.learning_rate may help");
  }
  norm_ += norm;
  ++updates_;
  steps_ += count;
  position_ += count;
  if (position_ == rows) {
    ++epoch_;
    position_ = 0;
    shuffle();
  }
  reports_ = steps_ - reported_ >= config_.report_steps || steps_ >= total_steps_;
  if (reports_) report();
  return metrics_;
}

void Imitation::report() {
  const double validation = validate();
  metrics_ = {{"loss", loss_ / static_cast<double>(steps_ - reported_)},
              {"validation_loss", validation},
              {"gradient_norm", norm_ / static_cast<double>(updates_)},
              {"epochs", static_cast<double>(epoch_)},
              {"learning_rate", learning_rate()}};
  reported_ = steps_;
  loss_ = 0.0;
  norm_ = 0.0;
  updates_ = 0;
  if (config_.patience == 0) return;
  ++waited_;
  if (validation < best_loss_) {
    best_loss_ = validation;
    best_ = parameters_;
    waited_ = 0;
  }
  stopped_ = waited_ >= config_.patience;
  if (done()) parameters_ = best_;
}

double Imitation::validate() {
  if (held_out_.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto a = static_cast<std::size_t>(policy_.distribution().action_size());
  const auto p = static_cast<std::size_t>(policy_.distribution().parameter_size());
  const std::size_t pieces = slices_.size();
  pool_.parallel_for(static_cast<int>(pieces), [&](int i) {
    Slice& s = *slices_[static_cast<std::size_t>(i)];
    s.sum = 0.0;
    for (std::size_t first = static_cast<std::size_t>(i) * kValidationRows;
         first < held_out_.size(); first += pieces * kValidationRows) {
      const std::size_t n = std::min(kValidationRows, held_out_.size() - first);
      run(s, std::span(held_out_).subspan(first, n));
      s.sum +=
          s.loss.value(std::span(s.distribution).first(n * p), std::span(s.actions).first(n * a));
    }
  });
  double sum = 0.0;
  for (const auto& slice : slices_) sum += slice->sum;
  return sum / static_cast<double>(held_out_.size());
}

void Imitation::save(Checkpoint& checkpoint) const {
  checkpoint.put("policy/parameters", std::span<const float>(parameters_));
  optimizer_.save(checkpoint, "optimizer");
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  normalizer_.save_state(writer);
  checkpoint.put("normalizer/observations", std::span<const std::byte>(bytes));
  checkpoint.put("demonstrations/lengths", std::span<const std::int64_t>(demonstrations_.lengths));
  checkpoint.put("demonstrations/observations",
                 std::span<const float>(demonstrations_.observations));
  checkpoint.put("demonstrations/actions", std::span<const float>(demonstrations_.actions));
  checkpoint.put("counters/steps", steps_);
  checkpoint.put("counters/epoch", epoch_);
  checkpoint.put("counters/position", position_);
  checkpoint.put("counters/reported", reported_);
  checkpoint.put("counters/updates", updates_);
  checkpoint.put("metrics/loss", loss_);
  checkpoint.put("metrics/norm", norm_);
  if (config_.patience == 0) return;
  checkpoint.put("best/parameters", std::span<const float>(best_));
  checkpoint.put("best/loss", best_loss_);
  checkpoint.put("best/waited", waited_);
}

void Imitation::load(const Checkpoint& checkpoint) {
  demonstrations_.lengths = checkpoint.get_vector<std::int64_t>("demonstrations/lengths");
  demonstrations_.observations = checkpoint.get_vector<float>("demonstrations/observations");
  demonstrations_.actions = checkpoint.get_vector<float>("demonstrations/actions");
  epoch_ = checkpoint.get<std::int64_t>("counters/epoch");
  prepare();
  checkpoint.read("policy/parameters", std::span<float>(parameters_));
  optimizer_.load(checkpoint, "optimizer");
  steps_ = checkpoint.get<std::int64_t>("counters/steps");
  position_ = checkpoint.get<std::int64_t>("counters/position");
  reported_ = checkpoint.get<std::int64_t>("counters/reported");
  updates_ = checkpoint.get<std::int64_t>("counters/updates");
  loss_ = checkpoint.get<double>("metrics/loss");
  norm_ = checkpoint.get<double>("metrics/norm");
  if (config_.patience == 0) return;
  checkpoint.read("best/parameters", std::span<float>(best_));
  best_loss_ = checkpoint.get<double>("best/loss");
  waited_ = checkpoint.get<std::int64_t>("best/waited");
  stopped_ = waited_ >= config_.patience;
}

}  // namespace costate
