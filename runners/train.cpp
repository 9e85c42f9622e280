// `costate train`: trains an agent into a run folder, or continues a run.
#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "logs/run_folder.h"
#include "runners/main.h"
#include "runners/training.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

// Flags that stand for keys of the configuration.
struct Flag {
  const char* flag;
  const char* key;
  const char* help;
};
constexpr Flag kFlags[] = {
    {"--env", "env", "environment id, such as HalfCheetah-v5"},
    {"--algo", "algo", "learner: ppo, sac or mpo"},
    {"--policy", "policy",
     "action distribution, such as gaussian or bernoulli; auto: by the action space"},
    {"--network", "network.kind", "who computes the networks: auto, dense or torch"},
    {"--seed", "seed", "seed of every random stream"},
    {"--steps", "steps", "environment steps in all"},
    {"--envs", "envs", "environments stepped side by side"},
    {"--threads", "threads", "worker threads; 0: one per core"},
    {"--log-rollouts", "rollouts.log", "episodes to log: off, last, sampled or all"},
};

void print_result(const TrainingResult& result, const RunConfig& config, bool json,
                  Console& console) {
  if (json) {
    nlohmann::ordered_json out;
    out["run"] = result.run.string();
    out["env"] = config.env.id();
    out["algo"] = config.algo;
    out["policy"] = result.policy;
    out["seed"] = config.seed;
    out["steps"] = result.steps;
    out["episodes"] = result.episodes;
    out["return_mean_100"] = result.return_mean_100;  // null before the first episode has ended
    out["wall_seconds"] = result.wall_seconds;
    out["steps_per_second"] = result.steps_per_second;
    std::cout << out.dump() << "\n";
  }
  char line[160];
  std::snprintf(line, sizeof line,
                "%lld steps in %.1f s (%.0f steps/s), %lld episodes, return %.1f",
                static_cast<long long>(result.steps), result.wall_seconds, result.steps_per_second,
                static_cast<long long>(result.episodes), result.return_mean_100);
  console.info(std::string(line) + " (mean of the last 100)");
  if (result.interrupted) {
    console.warn("stopped by a signal; checkpoint written; to go on: costate train --resume " +
                 result.run.string());
  } else {
    console.info("evaluate it: costate evaluate " + result.run.string());
  }
}

int run(int argc, char** argv) {
  CLI::App app("Trains an agent into a run folder, or continues a run.", "costate train");
  std::map<std::string, std::string> given;
  for (const Flag& flag : kFlags) app.add_option(flag.flag, given[flag.flag], flag.help);
  std::string run_folder_name;
  std::string resume_folder;
  std::string config_file;
  std::vector<std::string> sets;
  std::vector<std::string> env_sets;
  bool json = false;
  bool quiet = false;
  bool print_config = false;
  auto* run_option = app.add_option("--run", run_folder_name, "run folder to make");
  auto* resume_option = app.add_option(
      "--resume", resume_folder, "run folder to continue; only --steps and --threads may change");
  auto* config_option = app.add_option("--config", config_file, "TOML file with keys as below");
  app.add_option("--set", sets, "KEY=VALUE, one key of the configuration; may be repeated")
      ->allow_extra_args(false);
  app.add_option(
         "--env-set", env_sets,
         "KEY=VALUE, one option of the environment (`costate envs describe ID` lists them); "
         "the same as --set environment.KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--json", json, "print the result as one JSON object on standard output");
  app.add_flag("--quiet", quiet, "print warnings and errors only");
  app.add_flag("--print-config", print_config,
               "print the configuration and where each value comes from");
  resume_option->excludes(run_option)->excludes(config_option);
  RunConfig defaults;
  std::string help =
      "Configuration: defaults <- the environment's shipped file <- --config <- flags and "
      "--set.\n\n" +
      defaults.options().help();
  for (const std::string& learner : RunConfig::learners()) {
    if (learner == defaults.algo) continue;
    RunConfig other;
    other.set_learner(learner);
    Options table;
    other.describe_learner(table);
    help += "\nWith --algo " + learner + ", in place of the keys of " + defaults.algo + ":\n\n" +
            table.help();
  }
  app.footer(help);
  if (!parse_command_line(app, argc, argv)) return 0;

  std::vector<Assignment> assignments;
  for (const Flag& flag : kFlags) {
    if (app.count(flag.flag) > 0) assignments.push_back({flag.key, given[flag.flag], flag.flag});
  }
  for (const std::string& text : sets) assignments.push_back(parse_assignment(text, "--set"));
  for (const std::string& text : env_sets) {
    assignments.push_back(parse_assignment(text, "--env-set", "environment."));
  }

  const ConsoleOptions console_options{.to_stderr = json, .quiet = quiet};
  if (!resume_folder.empty()) {
    for (const Assignment& a : assignments) {
      if (a.key != "steps" && a.key != "threads" && a.key != "checkpoint_seconds") {
        throw UsageError(a.origin + " (" + a.key +
                         ") cannot change in a run that is resumed; only "
                         "steps, threads and checkpoint_seconds can");
      }
    }
    const fs::path folder = resume_folder;
    const RunConfig config = read_run_config(folder, assignments);
    ConsoleOptions options = console_options;
    options.log_file = run_folder::log(folder);
    Console console(options);
    console.info("resuming " + folder.string());
    print_result(resume(config, folder, console), config, json, console);
    return 0;
  }

  std::string origins;
  const RunConfig config =
      resolve_config(config_file.empty() ? std::nullopt : std::optional<fs::path>(config_file),
                     assignments, &origins);
  if (print_config) {
    std::cout << origins;
    return 0;
  }
  const fs::path folder =
      run_folder_name.empty() ? default_run_folder(config) : fs::path(run_folder_name);
  prepare_run_folder(config, folder);
  ConsoleOptions options = console_options;
  options.log_file = run_folder::log(folder);
  Console console(options);
  console.info("training " + config.env.id() + " into " + folder.string());
  print_result(train(config, folder, console), config, json, console);
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("train", [&] { return costate::run(argc, argv); });
}
