#include "runners/compare_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <ostream>
#include <set>

#include "agents/action_statistics.h"
#include "agents/evaluation.h"
#include "agents/streams.h"
#include "backends/diagnostics/statistics.h"
#include "backends/diagnostics/two_sample.h"
#include "envs/error.h"
#include "logs/rollout_file.h"
#include "logs/run_folder.h"
#include "runners/compare_behaviour.h"
#include "runners/learning_curves.h"
#include "runners/text_table.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kActionStates = 2048;  // of a pair of runs, for divergences
constexpr std::size_t kPoints = 500;         // visited states of a group, for their distribution
constexpr int kProfilePoints = 101;

/// What a run did in its evaluated episodes.
struct Evaluated {
  const TrainedRun* run = nullptr;
  std::vector<EvaluatedEpisode> episodes;
  std::vector<double> returns;

  const Distribution& distribution() const { return run->policy->distribution(); }
};

using Group = std::vector<Evaluated>;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json summary(std::span<const double> values, const Statistic& statistic) {
  const Interval interval = bootstrap_interval(values, statistic);
  return {{"value", number(statistic(values))},
          {"ci95", {number(interval.low), number(interval.high)}}};
}

/// The entries that are numbers.
std::vector<double> finite(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  return values;
}

// --- what can be compared

std::string name_of(const TrainedRun& run) {
  return run.folder.string();
}

void require_comparable(std::span<const CompareGroup> groups) {
  if (groups.size() < 2) throw UsageError("expected at least two runs or groups of runs");
  const TrainedRun& first = groups[0].runs[0];
  for (const CompareGroup& group : groups) {
    for (const TrainedRun& run : group.runs) {
      const std::string pair = "cannot compare " + name_of(first) + " with " + name_of(run) + ": ";
      if (run.spec.id != first.spec.id) {
        throw UsageError(pair + "environment is " + first.spec.id + " and " + run.spec.id +
                         ", expected one environment");
      }
      if (run.spec.observation.size() != first.spec.observation.size() ||
          run.spec.action.size() != first.spec.action.size()) {
        throw UsageError(pair + "observations and actions have " +
                         std::to_string(first.spec.observation.size()) + " and " +
                         std::to_string(first.spec.action.size()) + " numbers, and " +
                         std::to_string(run.spec.observation.size()) + " and " +
                         std::to_string(run.spec.action.size()));
      }
      RunConfig ours;
      RunConfig theirs;
      ours.env = first.config.env;
      theirs.env = run.config.env;
      if (const auto lines = first_difference(ours, theirs)) {
        throw UsageError(pair + "the environments have " + lines->first + " and " + lines->second +
                         ", expected the same options");
      }
      const TrainedRun& front = group.runs.front();
      const auto policy = [](const TrainedRun& r) {
        return std::string(r.policy->distribution().name());
      };
      if (policy(run) != policy(front)) {
        throw UsageError(name_of(front) + " (" + policy(front) + ") and " + name_of(run) + " (" +
                         policy(run) + ") are in one group: expected seeds of one setting");
      }
    }
  }
}

// --- evaluation

Group evaluate_group(const CompareGroup& group, const CompareOptions& options, ThreadPool& pool,
                     const std::function<void(const std::string&)>& progress) {
  EvaluationOptions evaluation;
  evaluation.episodes = options.episodes;
  evaluation.deterministic = false;
  evaluation.seed = options.seed;
  evaluation.keep_observations = true;
  evaluation.keep_actions = true;
  evaluation.measure_power = true;
  Group out;
  for (const TrainedRun& run : group.runs) {
    progress("evaluating " + name_of(run));
    Evaluated evaluated;
    evaluated.run = &run;
    evaluated.episodes = evaluate(run.config.env, *run.policy, evaluation, pool);
    for (const EvaluatedEpisode& episode : evaluated.episodes) {
      evaluated.returns.push_back(episode.episode_return);
    }
    out.push_back(std::move(evaluated));
  }
  return out;
}

/// The values that a group's statistics are taken over: each run's mean, or the episodes of the
/// only run.
std::vector<double> scores(const Group& group) {
  if (group.size() == 1) return group[0].returns;
  std::vector<double> means;
  for (const Evaluated& run : group) means.push_back(mean(run.returns));
  return means;
}

double random_return(const EnvConfig& config, const CompareOptions& options) {
  const std::unique_ptr<Env> env = config.without_ramps().make();
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  std::vector<float> action(static_cast<std::size_t>(env->spec().action.size()));
  double sum = 0.0;
  for (std::int64_t i = 0; i < options.episodes; ++i) {
    const std::uint64_t key =
        stream_key(options.seed, Stream::kEvaluation, static_cast<std::uint64_t>(i));
    RandomStream random(derive_key({key, 1}));
    env->reset(key, observation);
    StepResult result;
    while (!result.terminated && !result.truncated) {
      env->spec().action.sample(random, action);
      result = env->step(action, observation);
      sum += result.reward;
    }
  }
  return sum / static_cast<double>(options.episodes);
}

/// low and high of the normalised return, and where they are from; null where there is no high.
Json normalisation(const TrainedRun& run, const CompareOptions& options) {
  if (options.normalize) {
    return {{"low", (*options.normalize)[0]},
            {"high", (*options.normalize)[1]},
            {"source", "--normalize"}};
  }
  const auto threshold = run.spec.reward_threshold;
  if (!threshold) return nullptr;
  return {{"low", random_return(run.config.env, options)},
          {"high", *threshold},
          {"source", "a random policy's return and the environment's reward threshold"}};
}

// --- returns

Json returns_of(const std::vector<double>& values, const Json& normalise) {
  Json out;
  out["mean"] = summary(values, mean);
  out["median"] = summary(values, median);
  out["iqm"] = summary(values, interquartile_mean);
  out["std"] = number(sample_std(values));
  if (!normalise.is_null()) {
    std::vector<double> normalised;
    for (const double value : values) {
      normalised.push_back((value - normalise["low"].get<double>()) /
                           (normalise["high"].get<double>() - normalise["low"].get<double>()));
    }
    out["optimality_gap"] =
        summary(normalised, [](std::span<const double> v) { return optimality_gap(v, 1.0); });
  }
  out["values"] = values;
  return out;
}

/// Share of values above τ over a common grid of τ.
void add_profiles(Json& groups, const std::vector<std::vector<double>>& values) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto& group : values) {
    low = std::min(low, *std::ranges::min_element(group));
    high = std::max(high, *std::ranges::max_element(group));
  }
  for (std::size_t g = 0; g < values.size(); ++g) {
    Json profile = {{"tau", Json::array()},
                    {"share", Json::array()},
                    {"low", Json::array()},
                    {"high", Json::array()}};
    for (int i = 0; i < kProfilePoints; ++i) {
      const double tau = low + (high - low) * i / (kProfilePoints - 1);
      const auto share = [tau](std::span<const double> v) {
        return static_cast<double>(std::ranges::count_if(v, [=](double x) { return x > tau; })) /
               static_cast<double>(v.size());
      };
      const Json point = summary(values[g], share);
      profile["tau"].push_back(tau);
      profile["share"].push_back(point["value"]);
      profile["low"].push_back(point["ci95"][0]);
      profile["high"].push_back(point["ci95"][1]);
    }
    groups[g]["profile"] = std::move(profile);
  }
}

Json to_json(const Curve& curve) {
  return {{"step", curve.x}, {"iqm", curve.y}, {"low", curve.lower}, {"high", curve.upper}};
}

/// Learning curves, and what it took to reach the threshold.
void add_learning(Json& out, std::span<const CompareGroup> groups, const CompareOptions& options) {
  std::vector<std::vector<MetricCurve>> curves;
  double first = std::numeric_limits<double>::infinity();
  double best = -first;
  for (const CompareGroup& group : groups) {
    std::vector<MetricCurve>& of_group = curves.emplace_back();
    for (const TrainedRun& run : group.runs) {
      const auto csv = run_folder::metrics_csv(run.folder);
      if (!std::filesystem::exists(csv)) return;  // a checkpoint, or a student
      try {
        of_group.push_back(read_metric(csv, "return_mean_100"));
      } catch (const Error&) {
        return;  // no episode has ended while it was trained
      }
      first = std::min(first, of_group.back().values.front());
    }
    std::vector<double> last;
    for (const MetricCurve& curve : of_group) last.push_back(curve.values.back());
    best = std::max(best, interquartile_mean(last));
  }
  const double threshold = options.threshold.value_or(first + 0.9 * (best - first));
  out["threshold"] = {
      {"return", threshold},
      {"source", options.threshold ? "--threshold"
                                   : "nine tenths of the way from the first to the best return"}};
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Json& group = out["groups"][g];
    group["curve"] = to_json(average_curve(groups[g].label, curves[g], interquartile_mean));
    Json steps = Json::array();
    Json seconds = Json::array();
    for (std::size_t k = 0; k < curves[g].size(); ++k) {
      const double at = steps_to_value(curves[g][k], threshold);
      steps.push_back(number(at));
      seconds.push_back(
          number(std::isfinite(at) ? wall_seconds(groups[g].runs[k].folder, at) : at));
    }
    group["steps_to_threshold"] = std::move(steps);
    group["seconds_to_threshold"] = std::move(seconds);
  }
}

// --- states

/// `count` states of the run's episodes, evenly spaced, appended to `out`.
void append_states(const Evaluated& run, std::size_t width, std::size_t count,
                   std::vector<float>& out) {
  std::vector<const float*> rows;
  for (const EvaluatedEpisode& episode : run.episodes) {
    for (std::size_t i = 0; i < episode.observations.size(); i += width) {
      rows.push_back(episode.observations.data() + i);
    }
  }
  count = std::min(count, rows.size());
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows[i * rows.size() / count];
    out.insert(out.end(), row, row + width);
  }
}

std::vector<float> states_of_file(const std::string& path, std::size_t width) {
  const RolloutReader reader(path);
  if (reader.header().observation_size != width) {
    throw UsageError("--states " + path + ": its observations have " +
                     std::to_string(reader.header().observation_size) + " numbers, expected " +
                     std::to_string(width));
  }
  if (reader.step_count() == 0) throw UsageError("--states " + path + ": it holds no steps");
  const std::uint64_t stride = std::max<std::uint64_t>(1, reader.step_count() / kActionStates);
  std::vector<float> out;
  std::uint64_t row = 0;
  for (std::uint64_t i = 0; i < reader.episode_count(); ++i) {
    if ((row + stride - 1) / stride * stride < row + reader.length(i)) {
      const Episode episode = reader.read(i);
      for (std::uint64_t t = 0; t < episode.length(); ++t) {
        if ((row + t) % stride != 0) continue;
        const auto at = episode.observations.begin() + static_cast<std::ptrdiff_t>(t * width);
        out.insert(out.end(), at, at + static_cast<std::ptrdiff_t>(width));
      }
    }
    row += reader.length(i);
  }
  return out;
}

/// Of observations of so many numbers (pictures) that their covariance would fill the memory, every
/// so many-th number is looked at.
std::size_t column_stride(std::size_t width) {
  constexpr std::size_t kMostColumns = 512;
  return (width + kMostColumns - 1) / kMostColumns;
}

/// The visited states of a group, kPoints of all its runs together, as doubles. Units are runs
/// where there are at least four on either side, else episodes.
PointSample visited(const Group& group, std::size_t width, bool by_run) {
  const std::size_t stride = column_stride(width);
  PointSample sample;
  sample.width = (width + stride - 1) / stride;
  std::size_t unit = 0;
  std::size_t episodes = 0;
  for (const Evaluated& run : group) episodes += run.episodes.size();
  const std::size_t each = std::max<std::size_t>(1, kPoints / episodes);
  for (const Evaluated& run : group) {
    for (const EvaluatedEpisode& episode : run.episodes) {
      const std::size_t length = episode.observations.size() / width;
      const std::size_t count = std::min(each, length);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = (2 * i + 1) * length / (2 * count) * width;
        for (std::size_t k = 0; k < width; k += stride) {
          sample.points.push_back(episode.observations[row + k]);
        }
        sample.units.push_back(unit);
      }
      if (!by_run && count > 0) ++unit;
    }
    if (by_run) ++unit;
  }
  return sample;
}

Json occupancy(const Group& group, const EnvSpec& spec) {
  const auto width = static_cast<std::size_t>(spec.observation.size());
  const PointSample sample = visited(group, width, true);
  Json out = Json::array();
  for (std::size_t i = 0; i < sample.width; ++i) {
    std::vector<double> values;
    for (std::size_t k = 0; k < sample.size(); ++k) {
      values.push_back(sample.points[k * sample.width + i]);
    }
    const std::size_t index = i * column_stride(width);
    const std::string name = index < spec.observation.labels.size()
                                 ? spec.observation.labels[index]
                                 : "observation[" + std::to_string(index) + "]";
    Json entry = {{"name", name}};
    for (const auto& [key, q] :
         {std::pair("q05", 0.05), std::pair("q25", 0.25), std::pair("q50", 0.5),
          std::pair("q75", 0.75), std::pair("q95", 0.95)}) {
      entry[key] = quantile(values, q);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

Json compare_states(const Group& a, const Group& b, std::size_t width) {
  const bool by_run = std::min(a.size(), b.size()) >= 4;
  PointSample x = visited(a, width, by_run);
  PointSample y = visited(b, width, by_run);
  standardize(x, y);
  const MeanDiscrepancy mmd = mean_discrepancy(x, y);
  return {{"mmd_squared", mmd.squared},
          {"mmd_p_value", mmd.p_value},
          {"mmd_units", by_run ? "runs" : "episodes"},
          {"sliced_wasserstein", sliced_wasserstein(x, y)}};
}

/// Where the groups' states lie on the two principal axes of all of them, standardised.
void add_projection(Json& out, std::span<const Group> groups, std::size_t width) {
  std::vector<PointSample> samples;
  PointSample all;
  PointSample none;
  for (const Group& group : groups) {
    samples.push_back(visited(group, width, true));
    all.width = none.width = samples.back().width;
    all.points.insert(all.points.end(), samples.back().points.begin(), samples.back().points.end());
    all.units.resize(all.units.size() + samples.back().size());
  }
  standardize(all, none);
  const PrincipalAxes axes = principal_axes(all.points, all.width);
  Json& projection = out["projection"];
  projection["shares"] = axes.shares;
  projection["points"] = Json::array();
  std::size_t next = 0;
  for (const PointSample& sample : samples) {
    Json points = Json::array();
    for (std::size_t i = 0; i < sample.size(); ++i, ++next) {
      points.push_back(
          axes.project(std::span<const double>(all.points).subspan(next * all.width, all.width)));
    }
    projection["points"].push_back(std::move(points));
  }
}

// --- actions

std::vector<float> parameters_of(const FrozenPolicy& policy, std::span<const float> observations,
                                 ThreadPool& pool) {
  constexpr std::size_t kRows = 256;
  const auto inputs = static_cast<std::size_t>(policy.network().observation_size());
  const auto outputs = static_cast<std::size_t>(policy.distribution().parameter_size());
  const std::size_t n = observations.size() / inputs;
  std::vector<float> parameters(n * outputs);
  pool.parallel_for(static_cast<int>((n + kRows - 1) / kRows), [&](int block) {
    const std::size_t first = static_cast<std::size_t>(block) * kRows;
    const std::size_t rows = std::min(kRows, n - first);
    const auto workspace =
        policy.network().make_workspace(static_cast<int>(rows), /*gradients=*/false);
    policy.act(observations.subspan(first * inputs, rows * inputs), static_cast<int>(rows),
               std::span(parameters).subspan(first * outputs, rows * outputs), *workspace);
  });
  return parameters;
}

std::string action_name(const EnvSpec& spec, std::size_t d) {
  return d < spec.action.labels.size() ? spec.action.labels[d] : "action " + std::to_string(d);
}

/// Of each dimension in the given states: mean and standard deviation of the executed action,
/// entropy, boundary mass.
std::vector<std::array<double, 4>> action_measures(const FrozenPolicy& policy,
                                                   std::span<const float> states, double epsilon,
                                                   ThreadPool& pool) {
  const Distribution& distribution = policy.distribution();
  const auto dimensions = static_cast<std::size_t>(distribution.dimensions());
  const auto size = static_cast<std::size_t>(distribution.parameter_size());
  const std::vector<float> parameters = parameters_of(policy, states, pool);
  const std::size_t n = parameters.size() / size;
  std::vector<std::array<double, 4>> out(dimensions);
  std::vector<float> entropy(n * dimensions);
  distribution.entropy(parameters, entropy);
  std::vector<double> edge(dimensions);
  std::vector<float> action(static_cast<std::size_t>(distribution.action_size()));
  RandomStream random(derive_key({0xAC7104}));
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = std::span<const float>(parameters).subspan(i * size, size);
    distribution.boundary_mass(row, epsilon, edge);
    distribution.sample(row, random, action);
    distribution.execute(action);
    for (std::size_t d = 0; d < dimensions; ++d) {
      out[d][0] += action[d];
      out[d][1] += static_cast<double>(action[d]) * action[d];
      out[d][2] += entropy[i * dimensions + d];
      out[d][3] += edge[d];
    }
  }
  for (auto& dimension : out) {
    for (double& value : dimension) value /= static_cast<double>(n);
    dimension[1] = std::sqrt(std::max(0.0, dimension[1] - dimension[0] * dimension[0]));
  }
  return out;
}

/// The mean over the runs of a group of numbers of each dimension.
Json actions_of(const Group& group, const std::vector<std::vector<float>>& states,
                const CompareOptions& options, const EnvSpec& spec, ThreadPool& pool) {
  const auto dimensions = static_cast<std::size_t>(group[0].distribution().dimensions());
  std::vector<std::vector<std::array<double, 4>>> of_runs;
  std::vector<ActionStatistics> acted;
  for (std::size_t k = 0; k < group.size(); ++k) {
    of_runs.push_back(action_measures(*group[k].run->policy, states[k], options.epsilon, pool));
    acted.push_back(action_statistics(group[k].distribution(), group[k].episodes));
  }
  Json out;
  out["dimensions"] = Json::array();
  double entropy = 0.0;
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::array<double, 4> sums = {};
    for (const auto& run : of_runs) {
      for (std::size_t i = 0; i < 4; ++i) sums[i] += run[d][i] / static_cast<double>(group.size());
    }
    Json histogram = Json::array();
    if (!acted[0].histograms.empty()) {
      for (int bin = 0; bin < kActionBins; ++bin) {
        double share = 0.0;
        for (const ActionStatistics& run : acted) {
          share += run.histograms[d][static_cast<std::size_t>(bin)];
        }
        histogram.push_back(share / static_cast<double>(acted.size()));
      }
    }
    out["dimensions"].push_back({{"name", action_name(spec, d)},
                                 {"mean", sums[0]},
                                 {"std", sums[1]},
                                 {"entropy", number(sums[2])},
                                 {"boundary_mass", number(sums[3])},
                                 {"histogram", std::move(histogram)}});
    entropy += sums[2];
  }
  out["entropy"] = number(entropy);
  const auto over_runs = [&](double ActionStatistics::*field) {
    std::vector<double> values;
    for (const ActionStatistics& run : acted) values.push_back(run.*field);
    return summary(finite(values), mean);
  };
  // 1: always at a bound, 0: always in the middle.
  std::vector<double> index;
  for (const ActionStatistics& run : acted) index.push_back(1.0 - run.edge_distance);
  out["bang_bang_index"] = summary(finite(index), mean);
  out["saturation"] = over_runs(&ActionStatistics::saturation_99);
  out["travel"] = over_runs(&ActionStatistics::switching);
  return out;
}

Json average(const std::vector<Json>& parts, const auto& read) {
  std::vector<double> values;
  for (const Json& part : parts) {
    const Json value = read(part);
    if (value.is_null()) return {{"value", nullptr}, {"ci95", {nullptr, nullptr}}};
    values.push_back(value.get<double>());
  }
  return summary(values, mean);
}

/// Divergences of runs k of both groups, averaged over the pairs.
Json compare_pair(const Group& a, const Group& b, const CompareOptions& options,
                  const std::vector<float>& from_file, const EnvSpec& spec, ThreadPool& pool) {
  const auto width = static_cast<std::size_t>(spec.observation.size());
  const std::size_t pairs = std::min(a.size(), b.size());
  std::vector<Json> parts;
  for (std::size_t k = 0; k < pairs; ++k) {
    const auto on = [&](const std::vector<float>& states) {
      return action_divergences(a[k].distribution(), parameters_of(*a[k].run->policy, states, pool),
                                b[k].distribution(), parameters_of(*b[k].run->policy, states, pool),
                                pool);
    };
    std::vector<float> states = from_file;
    if (states.empty()) {
      append_states(a[k], width, kActionStates / 2, states);
      append_states(b[k], width, kActionStates / 2, states);
    }
    Json part = on(states);
    if (options.states == "own") {
      // KL(A‖B) where A goes, KL(B‖A) where B goes.
      for (const auto& [key, group] : {std::pair("kl_ab", &a), std::pair("kl_ba", &b)}) {
        std::vector<float> own;
        append_states((*group)[k], width, kActionStates, own);
        const Json there = on(own);
        part["joint"][key] = there["joint"][key];
        for (std::size_t d = 0; d < part["dimensions"].size(); ++d) {
          part["dimensions"][d][key] = there["dimensions"][d][key];
        }
      }
    }
    parts.push_back(std::move(part));
  }
  Json out;
  out["pairs"] = pairs;
  out["states"] = parts[0]["states"];
  out["dimensions"] = Json::array();
  for (std::size_t d = 0; d < parts[0]["dimensions"].size(); ++d) {
    Json dimension = {{"name", action_name(spec, d)}};
    for (const auto& [key, value] : parts[0]["dimensions"][d].items()) {
      dimension[key] =
          average(parts, [&, k = key](const Json& part) { return part["dimensions"][d][k]; });
    }
    out["dimensions"].push_back(std::move(dimension));
  }
  for (const char* key : {"kl_ab", "kl_ba"}) {
    out["joint"][key] = average(parts, [&](const Json& part) { return part["joint"][key]; });
  }
  for (const char* key : {"js", "total_variation"}) {
    out["joint"][key] =
        average(parts, [&](const Json& part) { return part["joint"][key]["value"]; });
    double squares = 0.0;
    for (const Json& part : parts) {
      const Json& error = part["joint"][key]["standard_error"];
      squares += error.is_null() ? 0.0 : error.get<double>() * error.get<double>();
    }
    out["joint"][key]["sampling_error"] = std::sqrt(squares) / static_cast<double>(pairs);
  }
  out["note"] = parts[0]["note"];
  return out;
}

}  // namespace

Json compare_groups(std::span<const CompareGroup> groups, const CompareOptions& options,
                    ThreadPool& pool, const std::function<void(const std::string&)>& progress) {
  require_comparable(groups);
  const EnvSpec& spec = groups[0].runs[0].spec;
  const auto width = static_cast<std::size_t>(spec.observation.size());
  std::vector<float> from_file;
  if (options.states != "own" && options.states != "union") {
    from_file = states_of_file(options.states, width);
  }
  std::vector<Group> evaluated;
  for (const CompareGroup& group : groups) {
    evaluated.push_back(evaluate_group(group, options, pool, progress));
  }

  progress("returns");
  Json out;
  out["format"] = "costate-comparison";
  out["version"] = 1;
  out["env"] = spec.id;
  out["episodes"] = options.episodes;
  out["states"] = options.states;
  out["epsilon"] = options.epsilon;
  out["normalisation"] = normalisation(groups[0].runs[0], options);
  out["threshold"] = nullptr;
  out["groups"] = Json::array();
  std::vector<std::vector<double>> values;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    values.push_back(scores(evaluated[g]));
    Json group;
    group["label"] = groups[g].label;
    group["runs"] = Json::array();
    for (const TrainedRun& run : groups[g].runs) group["runs"].push_back(name_of(run));
    group["policy"] = evaluated[g][0].distribution().name();
    group["unit"] = groups[g].runs.size() == 1 ? "episodes" : "runs";
    group["return"] = returns_of(values.back(), out["normalisation"]);
    out["groups"].push_back(std::move(group));
  }
  add_profiles(out["groups"], values);
  add_learning(out, groups, options);

  progress("actions and states");
  for (std::size_t g = 0; g < groups.size(); ++g) {
    // Each run in the states of its own and, unless those are asked for, of its partners'.
    std::vector<std::vector<float>> states(evaluated[g].size(), from_file);
    for (std::size_t k = 0; from_file.empty() && k < evaluated[g].size(); ++k) {
      if (options.states == "own") {
        append_states(evaluated[g][k], width, kActionStates, states[k]);
        continue;
      }
      for (const Group& other : evaluated) {
        append_states(other[k % other.size()], width, kActionStates / evaluated.size(), states[k]);
      }
    }
    Json& group = out["groups"][g];
    group["actions"] = actions_of(evaluated[g], states, options, spec, pool);
    group["visited"] = occupancy(evaluated[g], spec);
    std::vector<Behaviour> moved;
    for (const Evaluated& run : evaluated[g]) {
      std::vector<Behaviour> episodes =
          behaviour(run.distribution(), run.episodes, spec.control_step);
      if (evaluated[g].size() == 1) {
        moved = std::move(episodes);
      } else {
        moved.push_back(average(episodes));
      }
    }
    for (const BehaviourMeasure& measure : behaviour_measures()) {
      std::vector<double> of_all;
      for (const Behaviour& one : moved) of_all.push_back(one.*measure.field);
      group["behaviour"][measure.key] = summary(finite(of_all), mean);
    }
  }
  add_projection(out, evaluated, width);
  out["pairs"] = Json::array();
  for (std::size_t a = 0; a < groups.size(); ++a) {
    for (std::size_t b = a + 1; b < groups.size(); ++b) {
      const Interval difference = bootstrap_difference(values[a], values[b], mean);
      const Interval improvement = bootstrap_pair(values[a], values[b], probability_of_improvement);
      Json pair;
      pair["a"] = a;
      pair["b"] = b;
      pair["difference"] = {{"value", mean(values[a]) - mean(values[b])},
                            {"ci95", {number(difference.low), number(difference.high)}}};
      pair["probability_of_improvement"] = {
          {"value", probability_of_improvement(values[a], values[b])},
          {"ci95", {number(improvement.low), number(improvement.high)}}};
      pair["actions"] = compare_pair(evaluated[a], evaluated[b], options, from_file, spec, pool);
      pair["visited"] = compare_states(evaluated[a], evaluated[b], width);
      out["pairs"].push_back(std::move(pair));
    }
  }
  return out;
}

namespace {

std::string text(const Json& value) {
  return value.is_null() ? "-" : short_number(value.get<double>());
}

/// "12.3 [11, 14]".
std::string interval_text(const Json& summary) {
  std::string out = text(summary["value"]);
  if (!summary["ci95"][0].is_null()) {
    out += " [" + text(summary["ci95"][0]) + ", " + text(summary["ci95"][1]) + "]";
  }
  return out;
}

}  // namespace

ComparisonTables tables(const Json& c) {
  ComparisonTables out;
  const Json& groups = c["groups"];
  const bool gap = !c["normalisation"].is_null();
  out.returns = {{"", "policy", "over", "mean", "median", "iqm"}};
  if (gap) out.returns[0].push_back("optimality gap");
  if (!c["threshold"].is_null()) {
    out.returns[0].insert(out.returns[0].end(), {"steps to threshold", "seconds to threshold"});
  }
  const auto reached = [](const Json& values) {
    std::vector<double> known;
    for (const Json& value : values) {
      if (!value.is_null()) known.push_back(value.get<double>());
    }
    const std::string of = std::to_string(known.size()) + " of " + std::to_string(values.size());
    return known.empty() ? "never (" + of + ")" : short_number(median(known)) + " (" + of + ")";
  };
  for (const Json& group : groups) {
    const Json& r = group["return"];
    std::vector<std::string> row = {
        group["label"],
        group["policy"],
        std::to_string(r["values"].size()) + " " + group["unit"].get<std::string>(),
        interval_text(r["mean"]),
        interval_text(r["median"]),
        interval_text(r["iqm"])};
    if (gap) row.push_back(interval_text(r["optimality_gap"]));
    if (!c["threshold"].is_null()) {
      row.push_back(reached(group["steps_to_threshold"]));
      row.push_back(reached(group["seconds_to_threshold"]));
    }
    out.returns.push_back(std::move(row));
  }

  out.pairs = {{"A", "B", "A - B", "P(A > B)", "KL(A||B)", "KL(B||A)", "Jensen-Shannon",
                "total variation", "MMD^2 (p)", "sliced W1"}};
  for (const Json& pair : c["pairs"]) {
    const Json& joint = pair["actions"]["joint"];
    const Json& visited = pair["visited"];
    out.pairs.push_back({groups[pair["a"].get<std::size_t>()]["label"],
                         groups[pair["b"].get<std::size_t>()]["label"],
                         interval_text(pair["difference"]),
                         interval_text(pair["probability_of_improvement"]),
                         joint["kl_ab"]["value"].is_null() ? "inf" : interval_text(joint["kl_ab"]),
                         joint["kl_ba"]["value"].is_null() ? "inf" : interval_text(joint["kl_ba"]),
                         interval_text(joint["js"]), interval_text(joint["total_variation"]),
                         text(visited["mmd_squared"]) + " (" + text(visited["mmd_p_value"]) + ")",
                         text(visited["sliced_wasserstein"])});
    std::vector<std::vector<std::string>> rows = {{"dimension", "KL(A||B)", "KL(B||A)",
                                                   "Jensen-Shannon", "total variation",
                                                   "Wasserstein-1", "energy distance"}};
    for (const Json& d : pair["actions"]["dimensions"]) {
      const auto value = [&](const char* key) { return text(d[key]["value"]); };
      const auto divergence = [&](const char* key) {
        return d[key]["value"].is_null() ? std::string("inf") : value(key);
      };
      rows.push_back({d["name"], divergence("kl_ab"), divergence("kl_ba"), value("js"),
                      value("total_variation"), value("wasserstein"), value("energy_distance")});
    }
    out.dimensions.push_back(std::move(rows));
  }

  out.actions = {{"", "dimension", "mean", "std", "entropy", "boundary mass"}};
  for (const Json& group : groups) {
    for (const Json& d : group["actions"]["dimensions"]) {
      out.actions.push_back({group["label"], d["name"], text(d["mean"]), text(d["std"]),
                             text(d["entropy"]), text(d["boundary_mass"])});
    }
  }

  out.behaviour = {{""}};
  const auto add_measure = [&](const std::string& title, const auto& read) {
    std::vector<std::string> row = {title};
    bool any = false;
    for (const Json& group : groups) {
      row.push_back(interval_text(read(group)));
      any = any || !read(group)["value"].is_null();
    }
    if (any) out.behaviour.push_back(std::move(row));
  };
  for (const Json& group : groups) out.behaviour[0].push_back(group["label"]);
  for (const auto& [key, title] : {std::pair("bang_bang_index", "bang-bang index"),
                                   std::pair("saturation", "share of |a| >= 0.99"),
                                   std::pair("travel", "travel, mean |change| / 2")}) {
    add_measure(title, [&, k = key](const Json& group) { return group["actions"][k]; });
  }
  for (const BehaviourMeasure& measure : behaviour_measures()) {
    add_measure(measure.title, [&](const Json& group) { return group["behaviour"][measure.key]; });
  }
  return out;
}

void print(const Json& c, std::ostream& out) {
  const ComparisonTables t = tables(c);
  out << "returns in " << c["env"].get<std::string>() << ", sampled actions, 95 % intervals\n";
  print_table(out, t.returns);
  if (!c["normalisation"].is_null()) {
    out << "optimality gap: from " << text(c["normalisation"]["low"]) << " to "
        << text(c["normalisation"]["high"]) << " ("
        << c["normalisation"]["source"].get<std::string>() << ")\n";
  }
  if (!c["threshold"].is_null()) {
    out << "threshold: " << text(c["threshold"]["return"]) << " ("
        << c["threshold"]["source"].get<std::string>() << "); median of the runs that reach it\n";
  }
  out << "\npairs; joint actions in nats, states by MMD and sliced Wasserstein-1\n";
  print_table(out, t.pairs);
  for (std::size_t i = 0; i < t.dimensions.size(); ++i) {
    const Json& pair = c["pairs"][i];
    const Json& actions = pair["actions"];
    out << "\nactions of A: "
        << c["groups"][pair["a"].get<std::size_t>()]["label"].get<std::string>()
        << " and B: " << c["groups"][pair["b"].get<std::size_t>()]["label"].get<std::string>()
        << ", " << actions["pairs"] << (actions["pairs"] == 1 ? " pair" : " pairs")
        << " of runs in " << actions["states"] << " states each\n";
    print_table(out, t.dimensions[i]);
    out << actions["note"].get<std::string>() << '\n';
  }
  out << "\nactions by dimension; boundary mass within " << text(c["epsilon"]) << " of a bound\n";
  print_table(out, t.actions);
  out << "\nbehaviour\n";
  print_table(out, t.behaviour);
}

}  // namespace costate
