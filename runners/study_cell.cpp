#include "runners/study_cell.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "agents/evaluation.h"
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

// The same starts for every cell of every study.
constexpr std::uint64_t kEvaluationSeed = 0;

fs::path result_file(const fs::path& folder) {
  return folder / "result.json";
}

/// The mean return of the cell's teacher; NaN where it has none. Throws Error where the teacher is
/// not done.
double teacher_return(const StudyCell& cell, const char* acting) {
  if (cell.teacher.empty()) return std::numeric_limits<double>::quiet_NaN();
  const fs::path file = result_file(cell.teacher);
  if (!fs::exists(file)) throw Error("the teacher has no result at " + file.string());
  try {
    return Json::parse(read_text_file(file)).at(acting).at("measures").at("return").get<double>();
  } catch (const Json::exception& error) {
    throw Error(file.string() + " is not a result of this study (" + error.what() + ")");
  }
}

CellEvaluation evaluate_cell(const StudyCell& cell, const TrainedRun& run, bool deterministic) {
  ThreadPool pool(1);
  const auto episodes = evaluate(cell.config.env, *run.policy,
                                 {.episodes = cell.episodes,
                                  .deterministic = deterministic,
                                  .seed = kEvaluationSeed,
                                  .keep_observations = true,
                                  .keep_actions = true},
                                 pool);
  const ActionStatistics actions = action_statistics(run.policy->distribution(), episodes);
  const EnvSpec spec = cell.config.env.make()->spec();
  const double of_teacher = teacher_return(cell, deterministic ? "mode" : "sampled");
  CellEvaluation result;
  for (const StudyMeasure& measure : cell.measures) {
    result.values.push_back(measure.of(
        {episodes, cell.config.env, spec, run.policy->distribution(), actions, of_teacher}));
  }
  for (const EvaluatedEpisode& episode : episodes) {
    result.returns.push_back(episode.episode_return);
  }
  result.histograms = actions.histograms;
  return result;
}

Json to_json(const CellEvaluation& evaluation, const std::vector<StudyMeasure>& measures) {
  Json json;
  json["measures"] = Json::object();
  for (std::size_t i = 0; i < measures.size(); ++i) {
    json["measures"][measures[i].key] = evaluation.values[i];  // NaN becomes null
  }
  json["returns"] = evaluation.returns;
  json["histograms"] = evaluation.histograms;
  return json;
}

CellEvaluation parse_evaluation(const Json& json, const std::vector<StudyMeasure>& measures) {
  CellEvaluation evaluation;
  for (const StudyMeasure& measure : measures) {
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

bool run_cell(const StudyCell& cell) {
  teacher_return(cell, "mode");  // or say that there is none
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
  json["mode"] = to_json(evaluate_cell(cell, run, /*deterministic=*/true), cell.measures);
  json["sampled"] = to_json(evaluate_cell(cell, run, /*deterministic=*/false), cell.measures);
  replace_file(result_file(cell.folder), json.dump(2) + "\n");
  return true;
}

std::optional<CellResult> read_result(const StudyCell& cell) {
  const fs::path file = result_file(cell.folder);
  if (!fs::exists(file)) return {};
  require_same_run(cell);
  try {
    const Json json = Json::parse(read_text_file(file));
    return CellResult{parse_evaluation(json.at("mode"), cell.measures),
                      parse_evaluation(json.at("sampled"), cell.measures)};
  } catch (const Json::exception& error) {
    throw Error(file.string() + " is not a result of this study (" + error.what() +
                "); without the file the cell is evaluated again");
  }
}

}  // namespace costate
