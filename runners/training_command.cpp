#include "runners/training_command.h"

#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "logs/run_folder.h"
#include "runners/main.h"
#include "runners/text_table.h"
#include "runners/training.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

void print_result(const TrainingResult& result, const RunConfig& config, bool json,
                  Console& console) {
  const bool interacts = config.interacts();
  if (json) {
    nlohmann::ordered_json out;
    out["run"] = result.run.string();
    out["env"] = config.env.id();
    out["algo"] = config.algo;
    out["policy"] = result.policy;
    out["seed"] = config.seed;
    out["steps"] = result.steps;
    if (interacts) {
      out["episodes"] = result.episodes;
      out["return_mean_100"] = result.return_mean_100;  // null before the first episode has ended
    } else {
      for (const char* name : {"loss", "validation_loss"}) out[name] = nullptr;
      for (const auto& [name, value] : result.metrics) {
        if (out.contains(name)) out[name] = value;
      }
    }
    out["wall_seconds"] = result.wall_seconds;
    out["steps_per_second"] = result.steps_per_second;
    std::cout << out.dump() << "\n";
  }
  char line[160];
  std::snprintf(line, sizeof line, "%lld steps in %.1f s (%.0f steps/s)",
                static_cast<long long>(result.steps), result.wall_seconds, result.steps_per_second);
  std::string text = line;
  if (interacts) {
    std::snprintf(line, sizeof line, ", %lld episodes, return %.1f",
                  static_cast<long long>(result.episodes), result.return_mean_100);
    text += std::string(line) + " (mean of the last 100)";
  }
  for (const auto& [name, value] : result.metrics) {
    if (interacts || std::isnan(value)) continue;
    if (name == "loss") text += ", loss " + short_number(value);
    if (name == "validation_loss") text += ", on held-out episodes " + short_number(value);
  }
  console.info(text);
  if (result.interrupted) {
    console.warn("stopped by a signal; checkpoint written; to go on: costate train --resume " +
                 result.run.string());
  } else {
    console.info("evaluate it: costate evaluate " + result.run.string());
  }
}

}  // namespace

TrainingCommand::TrainingCommand(CLI::App& app, std::span<const KeyFlag> flags)
    : app_(app), flags_(flags) {
  for (const KeyFlag& flag : flags) app.add_option(flag.flag, given_[flag.flag], flag.help);
  auto* run_option = app.add_option("--run", run_, "run folder to make");
  auto* resume_option = app.add_option(
      "--resume", resume_, "run folder to continue; only --steps and --threads may change");
  auto* config_option = app.add_option("--config", config_, "TOML file with keys as below");
  app.add_option("--set", sets_, "KEY=VALUE, one key of the configuration; may be repeated")
      ->allow_extra_args(false);
  app.add_option(
         "--env-set", env_sets_,
         "KEY=VALUE, one option of the environment (`costate envs describe ID` lists them); "
         "the same as --set environment.KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--json", json_, "print the result as one JSON object on standard output");
  app.add_flag("--quiet", quiet_, "print warnings and errors only");
  app.add_flag("--print-config", print_config_,
               "print the configuration and where each value comes from");
  resume_option->excludes(run_option)->excludes(config_option);
}

int TrainingCommand::run(std::vector<Assignment> base, const std::string& doing) const {
  std::vector<Assignment> assignments = std::move(base);
  for (const KeyFlag& flag : flags_) {
    if (app_.count(flag.flag) > 0) {
      assignments.push_back({flag.key, given_.at(flag.flag), flag.flag});
    }
  }
  for (const std::string& text : sets_) assignments.push_back(parse_assignment(text, "--set"));
  for (const std::string& text : env_sets_) {
    assignments.push_back(parse_assignment(text, "--env-set", "environment."));
  }
  ConsoleOptions options{.to_stderr = json_, .quiet = quiet_};
  if (resumes()) return run_resumed(assignments, options);

  std::string origins;
  const RunConfig config = resolve_config(
      config_.empty() ? std::nullopt : std::optional<fs::path>(config_), assignments, &origins);
  if (const auto ref = given_.find("--ref");
      ref != given_.end() && !ref->second.empty() && config.kl().coefficient == 0.0) {
    throw UsageError("--ref " + ref->second + " needs " + config.algo +
                     ".kl.coefficient > 0 (--set)");
  }
  if (print_config_) {
    std::cout << origins;
    return 0;
  }
  const fs::path folder = run_.empty() ? default_run_folder(config) : fs::path(run_);
  prepare_run_folder(config, folder);
  options.log_file = run_folder::log(folder);
  Console console(options);
  console.info(doing + " " + config.env.id() + " into " + folder.string());
  print_result(train(config, folder, console), config, json_, console);
  return 0;
}

int TrainingCommand::run_resumed(const std::vector<Assignment>& assignments,
                                 ConsoleOptions options) const {
  for (const Assignment& a : assignments) {
    if (a.key != "steps" && a.key != "threads" && a.key != "checkpoint_seconds") {
      throw UsageError(a.origin + " (" + a.key +
                       ") cannot change in a run that is resumed; only "
                       "steps, threads and checkpoint_seconds can");
    }
  }
  const fs::path folder = resume_;
  const RunConfig config = read_run_config(folder, assignments);
  options.log_file = run_folder::log(folder);
  Console console(options);
  console.info("resuming " + folder.string());
  print_result(resume(config, folder, console), config, json_, console);
  return 0;
}

}  // namespace costate
