#include "runners/compare_report.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numbers>
#include <ostream>

#include "agents/evaluation.h"
#include "envs/error.h"
#include "runners/text_table.h"

namespace costate {
namespace {

constexpr double kEdge = 0.01;              // ε of the boundary mass
constexpr std::size_t kMaxStates = 20'000;  // of both sides together
// States of one piece of work. It fixes the order of every sum, whatever the number of threads.
constexpr std::size_t kBlock = 256;
// Points of the midpoint rule for ∫|F_a − F_b|. The integrand varies by at most 2, so the error is
// below 2/256, and far below for distribution functions without jumps.
constexpr int kGrid = 256;

// log P(Z ≥ z) of a standard normal, also where the probability underflows: there from the
// asymptotic series of Mills' ratio, whose first omitted term is below 1e-6 of the sum.
double log_normal_tail(double z) {
  if (z < 25.0) return std::log(0.5 * std::erfc(z / std::numbers::sqrt2));
  const double r = 1.0 / (z * z);
  return -0.5 * z * z - std::log(z) - 0.5 * std::log(2.0 * std::numbers::pi) +
         std::log1p(-r * (1.0 - 3.0 * r));
}

// KL(bernoulli‖gaussian) of the executed actions, one dimension: Σ_a p(a)·log p(a)/P_gauss(a) over
// the atoms a = ±1, where the clipped gaussian has the mass beyond the bound.
double kl_bernoulli_gaussian(double logit, double mean, double log_std) {
  const double inverse_std = std::exp(-log_std);
  double kl = 0.0;
  for (const double atom : {-1.0, 1.0}) {
    // log σ(atom·logit) without overflow.
    const double x = atom * logit;
    const double log_p = std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x)));
    kl += std::exp(log_p) * (log_p - log_normal_tail((1.0 - atom * mean) * inverse_std));
  }
  return kl;
}

// One parameter row of each side, and what comparing them takes.
struct Scratch {
  explicit Scratch(std::size_t dimensions)
      : a(dimensions), b(dimensions), previous_a(dimensions), previous_b(dimensions) {}
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> previous_a;
  std::vector<double> previous_b;
};

// Adds the Wasserstein distances of one state.
void add_wasserstein(const Distribution& a, std::span<const float> row_a, const Distribution& b,
                     std::span<const float> row_b, Scratch& s, std::span<ActionDifference> sums) {
  if (a.support() == Distribution::Support::kFinite) {
    std::fill(s.previous_a.begin(), s.previous_a.end(), 0.0);
    std::fill(s.previous_b.begin(), s.previous_b.end(), 0.0);
    for (int k = 0; k < a.parameter_size(); ++k) {
      a.cdf(row_a, k, s.a);
      b.cdf(row_b, k, s.b);
      const double p = s.a[0] - s.previous_a[0];
      const double q = s.b[0] - s.previous_b[0];
      sums[0].wasserstein += 0.5 * std::abs(p - q);
      std::swap(s.a, s.previous_a);
      std::swap(s.b, s.previous_b);
    }
    return;
  }
  constexpr double kWidth = 2.0 / kGrid;
  for (int i = 0; i < kGrid; ++i) {
    const double x = -1.0 + (i + 0.5) * kWidth;
    a.cdf(row_a, x, s.a);
    b.cdf(row_b, x, s.b);
    for (std::size_t d = 0; d < sums.size(); ++d) {
      sums[d].wasserstein += kWidth * std::abs(s.a[d] - s.b[d]);
    }
  }
}

bool same_family(const Distribution& a, const Distribution& b) {
  return a.name() == b.name() && a.parameter_size() == b.parameter_size();
}

// The one pair of different families whose KL is known.
bool gaussian_and_bernoulli(const Distribution& a, const Distribution& b) {
  return (a.name() == "gaussian" && b.name() == "bernoulli") ||
         (a.name() == "bernoulli" && b.name() == "gaussian");
}

// Adds the KL divergences of rows [n, P_a] and [n, P_b].
void add_kl(const Distribution& a, std::span<const float> rows_a, const Distribution& b,
            std::span<const float> rows_b, std::span<float> buffer,
            std::span<ActionDifference> sums) {
  const std::size_t dimensions = sums.size();
  if (same_family(a, b)) {
    a.kl(rows_a, rows_b, buffer);
    for (std::size_t k = 0; k < buffer.size(); ++k) sums[k % dimensions].kl_ab += buffer[k];
    a.kl(rows_b, rows_a, buffer);
    for (std::size_t k = 0; k < buffer.size(); ++k) sums[k % dimensions].kl_ba += buffer[k];
    return;
  }
  if (!gaussian_and_bernoulli(a, b)) {
    for (ActionDifference& sum : sums) {
      sum.kl_ab = sum.kl_ba = std::numeric_limits<double>::quiet_NaN();
    }
    return;
  }
  const bool a_is_bernoulli = a.support() == Distribution::Support::kExtremes;
  const auto bernoulli = a_is_bernoulli ? rows_a : rows_b;
  const auto gaussian = a_is_bernoulli ? rows_b : rows_a;
  for (std::size_t k = 0; k < buffer.size(); ++k) {
    const std::size_t d = k % dimensions;
    const std::size_t at = (k / dimensions) * 2 * dimensions + d;
    const double kl = kl_bernoulli_gaussian(bernoulli[k], gaussian[at], gaussian[at + dimensions]);
    (a_is_bernoulli ? sums[d].kl_ab : sums[d].kl_ba) += kl;
    (a_is_bernoulli ? sums[d].kl_ba : sums[d].kl_ab) = std::numeric_limits<double>::infinity();
  }
}

// The sums over the states of one block.
std::vector<ActionDifference> compare_block(const Distribution& a, std::span<const float> rows_a,
                                            const Distribution& b, std::span<const float> rows_b) {
  const auto dimensions = static_cast<std::size_t>(a.dimensions());
  const auto size_a = static_cast<std::size_t>(a.parameter_size());
  const auto size_b = static_cast<std::size_t>(b.parameter_size());
  const std::size_t n = rows_a.size() / size_a;
  std::vector<ActionDifference> sums(dimensions);
  std::vector<float> buffer(n * dimensions);

  add_kl(a, rows_a, b, rows_b, buffer, sums);
  a.entropy(rows_a, buffer);
  for (std::size_t k = 0; k < buffer.size(); ++k) sums[k % dimensions].entropy_a += buffer[k];
  b.entropy(rows_b, buffer);
  for (std::size_t k = 0; k < buffer.size(); ++k) sums[k % dimensions].entropy_b += buffer[k];

  Scratch scratch(dimensions);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row_a = rows_a.subspan(i * size_a, size_a);
    const auto row_b = rows_b.subspan(i * size_b, size_b);
    a.boundary_mass(row_a, kEdge, scratch.a);
    b.boundary_mass(row_b, kEdge, scratch.b);
    for (std::size_t d = 0; d < dimensions; ++d) {
      sums[d].boundary_mass_a += scratch.a[d];
      sums[d].boundary_mass_b += scratch.b[d];
    }
    add_wasserstein(a, row_a, b, row_b, scratch, sums);
  }
  return sums;
}

// Distribution parameters [n, P] of observations [n, obs].
std::vector<float> parameters_of(const FrozenPolicy& policy, std::span<const float> observations,
                                 ThreadPool& pool) {
  const auto inputs = static_cast<std::size_t>(policy.network().observation_size());
  const auto outputs = static_cast<std::size_t>(policy.distribution().parameter_size());
  const std::size_t n = observations.size() / inputs;
  std::vector<float> parameters(n * outputs);
  pool.parallel_for(static_cast<int>((n + kBlock - 1) / kBlock), [&](int block) {
    const std::size_t first = static_cast<std::size_t>(block) * kBlock;
    const std::size_t rows = std::min(kBlock, n - first);
    const auto workspace =
        policy.network().make_workspace(static_cast<int>(rows), /*gradients=*/false);
    policy.act(observations.subspan(first * inputs, rows * inputs), static_cast<int>(rows),
               std::span(parameters).subspan(first * outputs, rows * outputs), *workspace);
  });
  return parameters;
}

// `count` of the n rows of `width` numbers, evenly spaced, appended to `out`.
void append_thinned(const std::vector<float>& rows, std::size_t width, std::size_t count,
                    std::vector<float>& out) {
  const std::size_t n = rows.size() / width;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(i * n / count * width);
    out.insert(out.end(), row, row + static_cast<std::ptrdiff_t>(width));
  }
}

// Evaluates the runs of a side. `states` receives all observations of the first run.
ComparedSide evaluate_side(const std::vector<TrainedRun>& runs, const CompareOptions& options,
                           ThreadPool& pool, std::vector<float>& states) {
  ComparedSide side;
  side.policy = runs.front().policy->distribution().name();
  EvaluationOptions evaluation;
  evaluation.episodes = options.episodes;
  evaluation.deterministic = false;
  evaluation.seed = options.seed;
  for (const TrainedRun& run : runs) {
    side.runs.push_back(run.folder.string());
    const bool first = &run == &runs.front();
    evaluation.keep_observations = first;
    std::vector<double> returns;
    for (const EvaluatedEpisode& episode :
         evaluate(run.config.env, *run.policy, evaluation, pool)) {
      returns.push_back(episode.episode_return);
      states.insert(states.end(), episode.observations.begin(), episode.observations.end());
    }
    side.episodes += options.episodes;
    if (runs.size() == 1) {
      side.values = returns;
    } else {
      side.values.push_back(mean(returns));
    }
  }
  side.label =
      runs.size() == 1 ? side.runs[0] : side.runs[0] + " +" + std::to_string(runs.size() - 1);
  side.mean = mean(side.values);
  side.iqm = interquartile_mean(side.values);
  side.std = sample_std(side.values);
  side.ci95 = bootstrap_interval(side.values, mean);
  return side;
}

void require_comparable(const std::vector<TrainedRun>& a, const std::vector<TrainedRun>& b) {
  const auto name = [](const TrainedRun& run) {
    return run.folder.string() + " (" + run.spec.id + ", " +
           std::string(run.policy->distribution().name()) + ")";
  };
  for (const auto* side : {&a, &b}) {
    for (const TrainedRun& run : *side) {
      if (run.spec.id != a[0].spec.id) {
        throw UsageError("cannot compare " + name(a[0]) + " with " + name(run) +
                         ": expected runs of one environment");
      }
      const TrainedRun& first = side->front();
      if (run.policy->distribution().name() != first.policy->distribution().name()) {
        throw UsageError(name(first) + " and " + name(run) +
                         " are on one side: expected seeds of one setting");
      }
    }
  }
}

}  // namespace

ActionDifference& ActionDifference::operator+=(const ActionDifference& other) {
  for (const auto field :
       {&ActionDifference::kl_ab, &ActionDifference::kl_ba, &ActionDifference::entropy_a,
        &ActionDifference::entropy_b, &ActionDifference::boundary_mass_a,
        &ActionDifference::boundary_mass_b, &ActionDifference::wasserstein}) {
    this->*field += other.*field;
  }
  return *this;
}

ActionComparison compare_actions(const Distribution& a, std::span<const float> parameters_a,
                                 const Distribution& b, std::span<const float> parameters_b,
                                 ThreadPool& pool) {
  const auto size_a = static_cast<std::size_t>(a.parameter_size());
  const auto size_b = static_cast<std::size_t>(b.parameter_size());
  const std::size_t n = parameters_a.size() / size_a;
  assert(n > 0 && a.dimensions() == b.dimensions() && parameters_b.size() == n * size_b);
  std::vector<std::vector<ActionDifference>> blocks((n + kBlock - 1) / kBlock);
  pool.parallel_for(static_cast<int>(blocks.size()), [&](int block) {
    const std::size_t first = static_cast<std::size_t>(block) * kBlock;
    const std::size_t rows = std::min(kBlock, n - first);
    blocks[static_cast<std::size_t>(block)] =
        compare_block(a, parameters_a.subspan(first * size_a, rows * size_a), b,
                      parameters_b.subspan(first * size_b, rows * size_b));
  });

  ActionComparison comparison;
  comparison.states = static_cast<std::int64_t>(n);
  comparison.dimensions.resize(static_cast<std::size_t>(a.dimensions()));
  for (std::size_t d = 0; d < comparison.dimensions.size(); ++d) {
    ActionDifference& dimension = comparison.dimensions[d];
    for (const auto& block : blocks) dimension += block[d];
    for (double* value :
         {&dimension.kl_ab, &dimension.kl_ba, &dimension.entropy_a, &dimension.entropy_b,
          &dimension.boundary_mass_a, &dimension.boundary_mass_b, &dimension.wasserstein}) {
      *value /= static_cast<double>(n);
    }
    comparison.total += dimension;
  }
  if (gaussian_and_bernoulli(a, b)) {
    const bool a_is_gaussian = a.support() == Distribution::Support::kBox;
    comparison.kl_note =
        std::string("KL(") + (a_is_gaussian ? "A||B" : "B||A") +
        ") is infinite: the gaussian acts inside the box, where the bernoulli never does; KL(" +
        (a_is_gaussian ? "B||A" : "A||B") + ") is that of the executed actions, on the two bounds";
  } else if (!same_family(a, b)) {
    comparison.kl_note = "KL is known within a family and between gaussian and bernoulli only";
  }
  return comparison;
}

Comparison compare_runs(const std::vector<TrainedRun>& a, const std::vector<TrainedRun>& b,
                        const CompareOptions& options, ThreadPool& pool) {
  require_comparable(a, b);
  Comparison comparison;
  comparison.env = a[0].spec.id;
  std::vector<float> states_a;
  std::vector<float> states_b;
  comparison.a = evaluate_side(a, options, pool, states_a);
  comparison.b = evaluate_side(b, options, pool, states_b);
  comparison.difference = comparison.a.mean - comparison.b.mean;
  comparison.difference_ci95 = bootstrap_difference(comparison.a.values, comparison.b.values, mean);

  const auto width = static_cast<std::size_t>(a[0].spec.observation.size());
  const std::size_t half =
      std::min({kMaxStates / 2, states_a.size() / width, states_b.size() / width});
  std::vector<float> states;
  append_thinned(states_a, width, half, states);
  append_thinned(states_b, width, half, states);
  comparison.actions =
      compare_actions(a[0].policy->distribution(), parameters_of(*a[0].policy, states, pool),
                      b[0].policy->distribution(), parameters_of(*b[0].policy, states, pool), pool);
  return comparison;
}

namespace {

using Json = nlohmann::ordered_json;

const char* unit(const ComparedSide& side) {
  return side.runs.size() == 1 ? "episodes" : "runs";
}

Json to_json(const Interval& interval) {
  return {interval.low, interval.high};
}

Json to_json(const ComparedSide& side, const std::string& env) {
  Json json;
  json["label"] = side.label;
  json["runs"] = side.runs;
  json["env"] = env;
  json["policy"] = side.policy;
  json["episodes"] = side.episodes;
  json["unit"] = unit(side);
  json["mean"] = side.mean;
  json["iqm"] = side.iqm;
  json["std"] = side.std;
  json["ci95"] = to_json(side.ci95);
  return json;
}

void add_to(Json& json, const ActionDifference& difference) {
  json["kl_ab"] = difference.kl_ab;
  json["kl_ba"] = difference.kl_ba;
  json["entropy_a"] = difference.entropy_a;
  json["entropy_b"] = difference.entropy_b;
  json["boundary_mass_a"] = difference.boundary_mass_a;
  json["boundary_mass_b"] = difference.boundary_mass_b;
  json["wasserstein"] = difference.wasserstein;
}

std::string text(const Interval& interval) {
  return "[" + short_number(interval.low) + ", " + short_number(interval.high) + "]";
}

std::vector<std::string> table_row(const std::string& title, const ActionDifference& d) {
  return {title,
          short_number(d.kl_ab),
          short_number(d.kl_ba),
          short_number(d.entropy_a),
          short_number(d.entropy_b),
          short_number(d.boundary_mass_a),
          short_number(d.boundary_mass_b),
          short_number(d.wasserstein)};
}

}  // namespace

nlohmann::ordered_json to_json(const Comparison& comparison) {
  Json json;
  json["a"] = to_json(comparison.a, comparison.env);
  json["b"] = to_json(comparison.b, comparison.env);
  json["difference"]["mean"] = comparison.difference;
  json["difference"]["ci95"] = to_json(comparison.difference_ci95);
  json["states"] = comparison.actions.states;
  json["dimensions"] = Json::array();
  for (std::size_t d = 0; d < comparison.actions.dimensions.size(); ++d) {
    Json dimension;
    dimension["dimension"] = d;
    add_to(dimension, comparison.actions.dimensions[d]);
    json["dimensions"].push_back(dimension);
  }
  json["total"] = Json::object();
  add_to(json["total"], comparison.actions.total);
  if (!comparison.actions.kl_note.empty()) json["kl_note"] = comparison.actions.kl_note;
  return json;
}

void print(const Comparison& comparison, std::ostream& out) {
  const ComparedSide& a = comparison.a;
  const ComparedSide& b = comparison.b;
  out << "returns in " << comparison.env << ", with sampled actions\n";
  std::vector<std::vector<std::string>> returns = {
      {"", "policy", "over", "mean", "95 % interval", "iqm", "std"}};
  for (const auto& [title, side] : {std::pair("A: ", &a), std::pair("B: ", &b)}) {
    returns.push_back({title + side->label, side->policy,
                       std::to_string(side->values.size()) + " " + unit(*side),
                       short_number(side->mean), text(side->ci95), short_number(side->iqm),
                       short_number(side->std)});
  }
  returns.push_back({"A - B", "", "", short_number(comparison.difference),
                     text(comparison.difference_ci95), "", ""});
  print_table(out, returns);

  const ActionComparison& actions = comparison.actions;
  out << "\nactions on " << actions.states << " states, half from each"
      << (a.runs.size() + b.runs.size() > 2 ? " (first run of each side)" : "") << '\n';
  std::vector<std::vector<std::string>> rows = {{"dimension", "KL(A||B)", "KL(B||A)", "entropy A",
                                                 "entropy B", "edge A", "edge B", "Wasserstein"}};
  for (std::size_t d = 0; d < actions.dimensions.size(); ++d) {
    rows.push_back(table_row(std::to_string(d), actions.dimensions[d]));
  }
  rows.push_back(table_row("sum", actions.total));
  print_table(out, rows);
  out << "edge: probability of an executed action within 1 % of a bound; KL and entropy in nats\n";
  if (!actions.kl_note.empty()) out << actions.kl_note << '\n';
}

}  // namespace costate
