// `costate evaluate`: the return of a trained run's newest policy, over whole episodes.
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agents/evaluation.h"
#include "backends/diagnostics/statistics.h"
#include "backends/math_threads.h"
#include "runners/main.h"
#include "runners/text_table.h"
#include "runners/trained_run.h"

namespace costate {
namespace {

struct Evaluation {
  std::string mode;
  std::size_t episodes = 0;
  double mean = 0.0;
  double median = 0.0;
  double iqm = 0.0;
  double std = 0.0;
  Interval ci95;  ///< of the mean
  double length_mean = 0.0;
};

Evaluation summarize(const std::string& mode, const std::vector<EvaluatedEpisode>& episodes) {
  std::vector<double> returns;
  std::vector<double> lengths;
  for (const EvaluatedEpisode& episode : episodes) {
    returns.push_back(episode.episode_return);
    lengths.push_back(static_cast<double>(episode.length));
  }
  Evaluation result;
  result.mode = mode;
  result.episodes = episodes.size();
  result.mean = mean(returns);
  result.median = median(returns);
  result.iqm = interquartile_mean(returns);
  result.std = sample_std(returns);
  result.ci95 = bootstrap_interval(returns, mean);
  result.length_mean = mean(lengths);
  return result;
}

nlohmann::ordered_json to_json(const Evaluation& result, const TrainedRun& run) {
  nlohmann::ordered_json json;
  json["run"] = run.folder.string();
  json["env"] = run.spec.id;
  json["mode"] = result.mode;
  json["episodes"] = result.episodes;
  json["mean"] = result.mean;
  json["median"] = result.median;
  json["iqm"] = result.iqm;
  json["std"] = result.std;  // null, as the interval is, for a single episode
  json["ci95"] = {result.ci95.low, result.ci95.high};
  json["length_mean"] = result.length_mean;
  return json;
}

void print(const std::vector<Evaluation>& results, const TrainedRun& run) {
  std::cout << run.folder.string() << ": " << run.spec.id << ", "
            << run.policy->distribution().name() << " policy after " << run.steps << " steps\n";
  std::vector<std::vector<std::string>> rows = {
      {"mode", "episodes", "mean", "95 % interval", "median", "iqm", "std", "length"}};
  for (const Evaluation& r : results) {
    rows.push_back({r.mode, std::to_string(r.episodes), short_number(r.mean),
                    "[" + short_number(r.ci95.low) + ", " + short_number(r.ci95.high) + "]",
                    short_number(r.median), short_number(r.iqm), short_number(r.std),
                    short_number(r.length_mean)});
  }
  print_table(std::cout, rows);
}

int run(int argc, char** argv) {
  use_single_threaded_math();
  CLI::App app(
      "Evaluates the newest policy of a run over whole episodes. The interval is the bootstrap "
      "interval of the mean.",
      "costate evaluate");
  std::string folder;
  std::string mode = "deterministic";
  EvaluationOptions options;
  options.episodes = 100;
  int threads = 0;
  bool json = false;
  app.add_option("RUN", folder, "The run folder")->required();
  app.add_option("--episodes", options.episodes, "How many episodes of each mode")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--mode", mode,
                 "deterministic: the most probable action; stochastic: a sampled one; both")
      ->type_name("MODE")
      ->check(CLI::IsMember({"deterministic", "stochastic", "both"}))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of the episodes; the same starts in every mode")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--threads", threads, "Worker threads; 0: one per core; no effect on results")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", json, "Print one JSON object, or an array of two where the mode is both");
  if (!parse_command_line(app, argc, argv)) return 0;

  const TrainedRun trained = open_run(folder);
  ThreadPool pool(threads);
  std::vector<Evaluation> results;
  for (const std::string each : {"deterministic", "stochastic"}) {
    if (mode != "both" && mode != each) continue;
    options.deterministic = each == "deterministic";
    results.push_back(
        summarize(each, evaluate(trained.config.env, *trained.policy, options, pool)));
  }

  if (!json) {
    print(results, trained);
    return 0;
  }
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Evaluation& result : results) out.push_back(to_json(result, trained));
  std::cout << (mode == "both" ? out : out[0]).dump() << '\n';
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("evaluate", [&] { return costate::run(argc, argv); });
}
