// `costate compare`: how two trained policies differ, in what they earn and in how they act.
#include <iostream>
#include <string>
#include <vector>

#include "backends/math_threads.h"
#include "logs/atomic_file.h"
#include "logs/run_folder.h"
#include "runners/compare_report.h"
#include "runners/learning_curves.h"
#include "runners/main.h"

namespace costate {
namespace {

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<TrainedRun> open_runs(const std::string& list) {
  std::vector<TrainedRun> runs;
  for (const std::string& folder : split_list(list)) runs.push_back(open_run(folder));
  return runs;
}

Curve learning_curve(const std::string& label, const std::vector<TrainedRun>& runs) {
  std::vector<MetricCurve> curves;
  for (const TrainedRun& run : runs) {
    curves.push_back(read_metric(run_folder::metrics_csv(run.folder), "return_mean_100"));
  }
  return average_curve(label, curves);
}

int run(int argc, char** argv) {
  use_single_threaded_math();
  CLI::App app(
      "Compares two trained policies: their returns with 95 % bootstrap intervals, and their "
      "actions "
      "on the states of both. A and B are run folders, or lists of run folders separated by commas "
      "(seeds of one setting); intervals are then over runs.",
      "costate compare");
  std::string list_a;
  std::string list_b;
  std::string curves;
  std::string labels;
  CompareOptions options;
  int threads = 0;
  bool json = false;
  app.add_option("A", list_a, "Run folder, or run folders separated by commas")->required();
  app.add_option("B", list_b, "What to compare with")->required();
  app.add_option("--episodes", options.episodes, "How many episodes of each run, actions sampled")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of the episodes; the same starts for every run")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--threads", threads, "Worker threads; 0: one per core; no effect on results")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--curves", curves, "Draw the learning curves of both into this file")
      ->type_name("FILE.svg");
  app.add_option("--labels", labels, "Names of A and B in table and picture")->type_name("A,B");
  app.add_flag("--json", json, "Print one JSON object; numbers that are infinite are null");
  if (!parse_command_line(app, argc, argv)) return 0;
  const auto names = split_list(labels);
  if (!labels.empty() && names.size() != 2) {
    throw UsageError("--labels is \"" + labels + "\", expected two names separated by a comma");
  }

  const auto a = open_runs(list_a);
  const auto b = open_runs(list_b);
  ThreadPool pool(threads);
  Comparison comparison = compare_runs(a, b, options, pool);
  if (!labels.empty()) {
    comparison.a.label = names[0];
    comparison.b.label = names[1];
  }
  if (!curves.empty()) {
    LineChart chart;
    chart.title = comparison.env;
    chart.x_label = "environment steps";
    chart.y_label = "return (mean of the last 100 episodes)";
    chart.curves = {learning_curve(comparison.a.label, a), learning_curve(comparison.b.label, b)};
    replace_file(curves, to_svg(chart));
  }
  if (json) {
    std::cout << to_json(comparison).dump() << '\n';
  } else {
    print(comparison, std::cout);
  }
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("compare", [&] { return costate::run(argc, argv); });
}
