#include "runners/study_cell.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <nlohmann/json.hpp>

#include "agents/evaluation.h"
#include "backends/diagnostics/statistics.h"
#include "envs/error.h"
#include "envs/thread_pool.h"
#include "logs/atomic_file.h"
#include "logs/run_folder.h"
#include "runners/trained_run.h"
#include "runners/training.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array kMeasures = {
    StudyMeasure{"return", "return", "mean return of an episode"},
    StudyMeasure{"length", "length", "mean number of steps of an episode"},
    StudyMeasure{"saturation_99", "S.99", "share of executed actions with |a| >= 0.99"},
    StudyMeasure{"saturation_95", "S.95", "share of executed actions with |a| >= 0.95"},
    StudyMeasure{"edge_distance", "1-|a|", "mean distance of executed actions to the nearer bound"},
    StudyMeasure{"switching", "switching",
                 "mean |a(t) - a(t-1)| / 2: 1 where every step goes from bound to bound"},
    StudyMeasure{"energy", "energy", "mean of the squared executed action"},
    StudyMeasure{"boundary_mass", "edge mass",
                 "probability that a sampled action is within 1 % of a bound, over visited states"},
};

// The same starts for every cell of every study.
constexpr std::uint64_t kEvaluationSeed = 0;

fs::path result_file(const fs::path& folder) {
  return folder / "result.json";
}

CellEvaluation evaluate_cell(const StudyCell& cell, const TrainedRun& run, bool deterministic) {
  ThreadPool pool(1);
  const auto episodes = evaluate(cell.evaluation, *run.policy,
                                 {.episodes = cell.episodes,
                                  .deterministic = deterministic,
                                  .seed = kEvaluationSeed,
                                  .keep_actions = true},
                                 pool);
  CellEvaluation result;
  std::vector<double> lengths;
  for (const EvaluatedEpisode& episode : episodes) {
    result.returns.push_back(episode.episode_return);
    lengths.push_back(static_cast<double>(episode.length));
  }
  const ActionStatistics actions = action_statistics(run.policy->distribution(), episodes);
  result.values = {mean(result.returns),  mean(lengths),         actions.saturation_99,
                   actions.saturation_95, actions.edge_distance, actions.switching,
                   actions.energy,        actions.boundary_mass};
  assert(result.values.size() == kMeasures.size());
  result.histograms = actions.histograms;
  return result;
}

Json to_json(const CellEvaluation& evaluation) {
  Json json;
  json["measures"] = Json::object();
  for (std::size_t i = 0; i < kMeasures.size(); ++i) {
    json["measures"][kMeasures[i].key] = evaluation.values[i];  // NaN becomes null
  }
  json["returns"] = evaluation.returns;
  json["histograms"] = evaluation.histograms;
  return json;
}

CellEvaluation parse_evaluation(const Json& json) {
  CellEvaluation evaluation;
  for (const StudyMeasure& measure : kMeasures) {
    const Json& value = json.at("measures").at(measure.key);
    evaluation.values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                                : value.get<double>());
  }
  evaluation.returns = json.at("returns").get<std::vector<double>>();
  evaluation.histograms = json.at("histograms").get<std::vector<ActionHistogram>>();
  return evaluation;
}

void require_same_run(const StudyCell& cell) {
  const auto difference = first_difference(read_run_config(cell.folder), cell.config);
  if (!difference) return;
  throw Error(run_folder::config(cell.folder).string() + " has " + difference->first +
              ", expected " + difference->second +
              ": the folder holds a study of other settings, name another with --out");
}

}  // namespace

std::span<const StudyMeasure> study_measures() {
  return kMeasures;
}

std::size_t study_measure_index(const std::string& key) {
  const auto at =
      std::ranges::find_if(kMeasures, [&](const StudyMeasure& m) { return m.key == key; });
  assert(at != kMeasures.end());
  return static_cast<std::size_t>(at - kMeasures.begin());
}

bool run_cell(const StudyCell& cell) {
  const bool begun = fs::exists(run_folder::config(cell.folder));
  if (begun) {
    require_same_run(cell);
  } else {
    prepare_run_folder(cell.config, cell.folder);
  }
  Console console({.quiet = true, .log_file = run_folder::log(cell.folder)});
  const TrainingResult training =
      begun ? resume(cell.config, cell.folder, console) : train(cell.config, cell.folder, console);
  if (training.interrupted) return false;

  const TrainedRun run = open_run(cell.folder);
  Json json;
  json["experiment"] = cell.experiment;
  json["condition"] = cell.condition;
  json["seed"] = cell.seed;
  json["env"] = cell.config.env.id();
  json["algo"] = cell.config.algo;
  json["policy"] = training.policy;
  json["steps"] = training.steps;
  json["mode"] = to_json(evaluate_cell(cell, run, /*deterministic=*/true));
  json["sampled"] = to_json(evaluate_cell(cell, run, /*deterministic=*/false));
  replace_file(result_file(cell.folder), json.dump(2) + "\n");
  return true;
}

std::optional<CellResult> read_result(const StudyCell& cell) {
  const fs::path file = result_file(cell.folder);
  if (!fs::exists(file)) return {};
  require_same_run(cell);
  try {
    const Json json = Json::parse(read_text_file(file));
    return CellResult{parse_evaluation(json.at("mode")), parse_evaluation(json.at("sampled"))};
  } catch (const Json::exception& error) {
    throw Error(file.string() + " is not a result of this study (" + error.what() +
                "); without the file the cell is evaluated again");
  }
}

}  // namespace costate
