// `costate study`: the published claims of a method at small scale, over seeds, beside its
// baselines.
#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <string>
#include <sys/file.h>
#include <thread>
#include <vector>

#include "backends/math_threads.h"
#include "envs/registry.h"
#include "logs/atomic_file.h"
#include "logs/console.h"
#include "runners/main.h"
#include "runners/process_pool.h"
#include "runners/studies/studies.h"
#include "runners/study_cell.h"
#include "runners/study_page.h"
#include "runners/study_report.h"
#include "runners/text_table.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Study find_study(const std::string& name) {
  std::vector<std::string> names;
  std::string list;
  for (Study& study : all_studies()) {
    if (study.name == name) return study;
    names.push_back(study.name);
    list += (list.empty() ? "" : ", ") + study.name;
  }
  const std::string hint = nearest(name, names);
  throw UsageError("unknown study \"" + name + "\", expected one of " + list +
                   (hint.empty() ? "" : "; did you mean " + hint + "?"));
}

void list_studies(bool json) {
  if (json) {
    Json list = Json::array();
    for (const Study& study : all_studies()) {
      Json each = {{"name", study.name}, {"summary", study.summary}, {"source", study.source}};
      each["experiments"] = Json::array();
      for (const StudyExperiment& experiment : study.experiments) {
        Json conditions = Json::array();
        for (const auto& condition : experiment.conditions) conditions.push_back(condition.label());
        each["experiments"].push_back({{"name", experiment.name},
                                       {"question", experiment.question},
                                       {"conditions", conditions},
                                       {"seeds", experiment.seeds},
                                       {"quick_seeds", experiment.quick_seeds}});
      }
      list.push_back(each);
    }
    std::cout << list.dump() << '\n';
    return;
  }
  for (const Study& study : all_studies()) {
    std::cout << study.name << ": " << study.summary << "\n  " << study.source << '\n';
    for (const StudyExperiment& experiment : study.experiments) {
      std::cout << "  --only " << experiment.name << ": " << experiment.question << '\n'
                << "      " << experiment.conditions.size() << " conditions, " << experiment.seeds
                << " seeds each (" << experiment.quick_seeds << " with --quick)\n";
    }
  }
}

/// What `run` and `cell` both take.
struct Request {
  std::string name;
  StudyOptions options;
  std::vector<std::string> sets;  ///< --set, as given
  std::string out;

  void add_to(CLI::App* command) {
    command->add_option("NAME", name, "The study (`costate study list`)")->required();
    command->add_flag("--quick", options.quick, "Fewer seeds and shorter training, for a look");
    command->add_option("--set", sets, "KEY=VALUE on top of every run's settings; may be repeated")
        ->allow_extra_args(false);
    command->add_option("--out", out, "Folder of the runs and the report")
        ->type_name("DIR")
        ->default_str("runs/study-NAME, with --quick runs/study-NAME-quick");
  }
  void finish() {
    for (const std::string& text : sets) {
      options.set.push_back(parse_assignment(text, "--set"));
      if (options.set.back().key == "seed") {
        throw UsageError("--set " + text + ": seeds are the study's, 1 to --seeds");
      }
    }
    if (out.empty()) out = "runs/study-" + name + (options.quick ? "-quick" : "");
    options.out = out;
  }
};

/// Keeps two processes from working in one folder. Gone with the process, however it ends.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : file_(folder / ".lock", O_RDWR | O_CREAT | O_CLOEXEC, "open") {
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
      throw Error(folder.string() + ": another `costate study run` is at work in this folder");
    }
  }

 private:
  FileDescriptor file_;
};

/// The command line again, for a shell.
std::string command_line(int argc, char** argv) {
  std::string line = "costate study";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool plain =
        !argument.empty() && argument.find_first_not_of(
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
                                 "OPQRSTUVWXYZ0123456789-_./=,:") == std::string::npos;
    line += plain ? " " + argument : " '" + argument + "'";
  }
  return line;
}

std::string name_of(const StudyCell& cell) {
  return cell.experiment + ": " + cell.condition + ", seed " + std::to_string(cell.seed);
}

std::vector<std::string> cell_arguments(const Request& request, const StudyCell& cell) {
  std::vector<std::string> arguments = {"study",        "cell",
                                        request.name,   cell.experiment,
                                        cell.condition, std::to_string(cell.seed),
                                        "--out",        request.options.out.string()};
  if (request.options.quick) arguments.emplace_back("--quick");
  for (const std::string& text : request.sets) {
    arguments.emplace_back("--set");
    arguments.push_back(text);
  }
  return arguments;
}

/// Runs the cells that are not done, `jobs` at a time, teachers before all that imitate. Throws
/// Error where one of them fails, or a signal ends it; the others are done or go on by the same
/// command.
void run_cells(const Request& request, const std::vector<StudyCell>& cells, int jobs,
               const std::string& command, Console& console) {
  using Clock = std::chrono::steady_clock;
  std::vector<const StudyCell*> open;
  for (const StudyCell& cell : cells) {
    if (!read_result(cell)) open.push_back(&cell);
  }
  const auto pupils = std::stable_partition(
      open.begin(), open.end(), [](const StudyCell* cell) { return cell->teacher.empty(); });
  const std::size_t before = cells.size() - open.size();
  if (before > 0) {
    console.info(std::to_string(before) + " of " + std::to_string(cells.size()) +
                 " cells are done already");
  }
  std::size_t done = 0;
  double done_steps = 0.0;
  double all_steps = 0.0;
  // A step of another one costs neither simulation nor a critic.
  const auto steps_of = [](const StudyCell& cell) {
    return static_cast<double>(cell.config.steps) * (cell.config.interacts() ? 1.0 : 0.003);
  };
  for (const StudyCell* cell : open) all_steps += steps_of(*cell);
  std::vector<std::string> failures;
  const auto start = Clock::now();
  // "3 of 40 cells, about 1:20 left": cells take time as they take steps.
  const auto state = [&] {
    std::string text =
        std::to_string(before + done) + " of " + std::to_string(cells.size()) + " cells";
    if (done_steps > 0.0 && done < open.size()) {
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      text +=
          ", about " + format_duration(seconds * (all_steps - done_steps) / done_steps) + " left";
    }
    return text;
  };

  std::size_t first = 0;  // of the cells that are running
  ProcessPool pool;
  pool.arguments = [&](std::size_t i) { return cell_arguments(request, *open[first + i]); };
  pool.ended = [&](std::size_t i, const ProcessOutcome& outcome) {
    const StudyCell& cell = *open[first + i];
    if (!outcome.succeeded) {
      failures.push_back(name_of(cell) + ": " + outcome.description);
      return;
    }
    const auto result = read_result(cell);
    if (!result) return;  // it was stopped
    ++done;
    done_steps += steps_of(cell);
    console.info(name_of(cell) + ": return " + short_number(result->mode.values[0]) + " (mode), " +
                 short_number(result->sampled.values[0]) + " (sampled); " + state());
  };
  pool.tick = [&](std::size_t running) {
    console.set_status(state() + ", " + std::to_string(running) + " running");
  };
  const auto teachers = static_cast<std::size_t>(pupils - open.begin());
  bool whole = run_processes(teachers, jobs, pool);
  first = teachers;
  whole = whole && run_processes(open.size() - teachers, jobs, pool);
  console.set_status("");
  if (done == open.size()) return;
  const std::string so_far =
      std::to_string(before + done) + " of " + std::to_string(cells.size()) + " cells are done";
  if (!whole) throw Error("stopped by a signal; " + so_far + "; to go on: " + command);
  for (const std::string& failure : failures) console.error(failure);
  throw Error(so_far + ", " + std::to_string(failures.size()) + " failed");
}

int run(int argc, char** argv) {
  use_single_threaded_math();
  CLI::App app(
      "Reproduces the published claims of a method at small scale: trains every condition over "
      "several seeds and compares them with 95 % bootstrap intervals.",
      "costate study");
  app.require_subcommand(1);
  bool json = false;

  CLI::App* list = app.add_subcommand("list", "The studies and their experiments");
  list->add_flag("--json", json, "Print one JSON array");

  CLI::App* run_command = app.add_subcommand(
      "run", "Run a study, or go on with one that was interrupted, and write DIR/report.html");
  Request request;
  int jobs = 0;
  request.add_to(run_command);
  run_command->add_option("--seeds", request.options.seeds, "Seeds of each condition")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->default_str("as the experiment says");
  run_command->add_option("--only", request.options.only, "Run this experiment alone")
      ->type_name("EXPERIMENT");
  run_command->add_option("--jobs", jobs, "Runs at a time; no effect on results")
      ->type_name("J")
      ->check(CLI::Range(1, 1024))
      ->default_str("one per core");
  run_command->add_flag("--json", json, "Print the report as one JSON object");

  CLI::App* cell_command = app.add_subcommand("cell", "One cell, for `run`")->group("");
  Request part;
  std::string condition;
  std::int64_t seed = 0;
  part.add_to(cell_command);
  cell_command->add_option("EXPERIMENT", part.options.only)->required();
  cell_command->add_option("CONDITION", condition)->required();
  cell_command->add_option("SEED", seed)->required();

  const auto is_named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_named).empty()) {
    throw UsageError("unknown command \"" + std::string(argv[1]) + "\", expected list or run");
  }
  if (!parse_command_line(app, argc, argv)) return 0;

  if (list->parsed()) {
    list_studies(json);
    return 0;
  }
  if (cell_command->parsed()) {
    part.finish();
    part.options.seeds = static_cast<int>(seed);
    for (const StudyCell& cell : plan_study(find_study(part.name), part.options)) {
      if (cell.condition == condition && cell.seed == seed) run_cell(cell);
    }
    return 0;
  }

  request.finish();
  const Study study = find_study(request.name);
  const auto cells = plan_study(study, request.options);
  if (jobs == 0) jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::error_code error;
  fs::create_directories(request.options.out, error);
  if (error) {
    throw Error("cannot make the folder " + request.options.out.string() + ": " + error.message());
  }
  const FolderLock lock(request.options.out);
  Console console({.to_stderr = json});
  run_cells(request, cells, jobs, command_line(argc, argv), console);

  // The report has what earlier calls found out, too. Settings of this call need not fit the other
  // experiments.
  StudyOptions reported = request.options;
  if (reported.set.empty()) reported.only.clear();
  const StudyReport report = report_study(study, reported, plan_study(study, reported));
  const fs::path page = request.options.out / "report.html";
  replace_file(page, to_html(report));
  if (json) {
    std::cout << to_json(report).dump() << '\n';
  } else {
    print(report, std::cout);
    std::cout << '\n';
  }
  console.info("report: " + page.string());
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("study", [&] { return costate::run(argc, argv); });
}
