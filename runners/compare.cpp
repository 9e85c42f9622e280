// `costate compare`: how trained policies differ, in what they earn, how they act, where they go
// and how they move.
#include <array>
#include <glob.h>
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

#include "backends/math_threads.h"
#include "logs/atomic_file.h"
#include "logs/run_folder.h"
#include "runners/compare_report.h"
#include "runners/learning_curves.h"
#include "runners/main.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

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

/// The run folders that an argument names: a list, each a folder or a pattern of the shell's.
CompareGroup open_group(const std::string& argument) {
  CompareGroup group;
  group.label = argument;
  for (const std::string& part : split_list(argument)) {
    glob_t found{};
    const bool matched = glob(part.c_str(), 0, nullptr, &found) == 0;
    const std::vector<std::string> folders(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    if (!matched) throw UsageError("\"" + part + "\": there is no such run folder");
    for (const std::string& folder : folders) group.runs.push_back(open_run(folder));
  }
  return group;
}

Curve learning_curve(const std::string& label, const std::vector<TrainedRun>& runs) {
  std::vector<MetricCurve> curves;
  for (const TrainedRun& run : runs) {
    curves.push_back(read_metric(run_folder::metrics_csv(run.folder), "return_mean_100"));
  }
  return average_curve(label, curves);
}

std::array<double, 2> parse_range(const std::string& text) {
  const auto parts = split_list(text);
  try {
    if (parts.size() == 2 && std::stod(parts[1]) > std::stod(parts[0])) {
      return {std::stod(parts[0]), std::stod(parts[1])};
    }
  } catch (const std::exception&) {
  }
  throw UsageError("--normalize is \"" + text + "\", expected LOW,HIGH with LOW < HIGH");
}

int run(int argc, char** argv) {
  use_single_threaded_math();
  CLI::App app(
      "Compares trained policies: what they earn, how they act in the same states, where they go "
      "and "
      "how they move. Each RUN is a run folder, or the seeds of one setting: a list of folders "
      "separated by commas, or a quoted pattern (\"runs/cheetah-s*\").",
      "costate compare");
  std::vector<std::string> arguments;
  std::string html;
  std::string curves;
  std::string labels;
  std::string normalize;
  CompareOptions options;
  int threads = 0;
  bool json = false;
  app.add_option("RUN", arguments, "Two or more runs, or groups of runs")
      ->type_name("RUN RUN ...")
      ->required();
  app.add_option("--episodes", options.episodes, "How many episodes of each run, actions sampled")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of the episodes; the same starts for every run")
      ->type_name("N")
      ->capture_default_str();
  app.add_option(
         "--states", options.states,
         "In which states actions are compared: union (of what both sides visit), own (each "
         "side's measures in its own), or a rollout file")
      ->type_name("own|union|FILE.h5")
      ->capture_default_str();
  app.add_option("--epsilon", options.epsilon,
                 "Boundary mass counts actions so near a bound, the box being [-1, 1]")
      ->type_name("E")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--normalize", normalize,
                 "Returns that count as 0 and 1 in the optimality gap; otherwise a random policy's "
                 "and the environment's reward threshold, if it has one")
      ->type_name("LOW,HIGH");
  app.add_option("--threshold", options.threshold,
                 "Training return to be reached; otherwise nine tenths of the way to the best")
      ->type_name("R");
  app.add_option("--threads", threads, "Worker threads; 0: one per core; no effect on results")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--labels", labels, "Names of the groups in tables and plots")
      ->type_name("A,B,...");
  app.add_option("--html", html, "Write a page with tables and plots")->type_name("FILE.html");
  app.add_option("--curves", curves, "Draw the learning curves into this file")
      ->type_name("FILE.svg");
  app.add_flag("--json", json, "Print one JSON object; numbers that are infinite are null");
  if (!parse_command_line(app, argc, argv)) return 0;
  if (!normalize.empty()) options.normalize = parse_range(normalize);
  std::vector<CompareGroup> groups;
  for (const std::string& argument : arguments) groups.push_back(open_group(argument));
  if (!labels.empty()) {
    const auto names = split_list(labels);
    if (names.size() != groups.size()) {
      throw UsageError("--labels is \"" + labels + "\", expected " + std::to_string(groups.size()) +
                       " names separated by commas");
    }
    for (std::size_t i = 0; i < names.size(); ++i) groups[i].label = names[i];
  }

  ThreadPool pool(threads);
  const bool shown = isatty(STDERR_FILENO) != 0;
  const Json comparison = compare_groups(groups, options, pool, [&](const std::string& what) {
    if (shown) std::cerr << "\r\x1b[K" << what << std::flush;
  });
  if (shown) std::cerr << "\r\x1b[K";
  if (!curves.empty()) {
    LineChart chart;
    chart.title = comparison["env"];
    chart.x_label = "environment steps";
    chart.y_label = "return (mean of the last 100 episodes)";
    for (const CompareGroup& group : groups) {
      chart.curves.push_back(learning_curve(group.label, group.runs));
    }
    replace_file(curves, to_svg(chart));
  }
  if (!html.empty()) replace_file(html, comparison_page(comparison));
  if (json) {
    std::cout << comparison.dump() << '\n';
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
