// What the runners that train share: flags, configuration, resuming, and the result.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "envs/options.h"
#include "logs/console.h"

namespace costate {

/// A flag that stands for a key of the configuration.
struct KeyFlag {
  const char* flag;
  const char* key;
  const char* help;
};

class TrainingCommand {
 public:
  /// Adds the flags, and those that every such runner has, to `app`. Both outlive this object.
  TrainingCommand(CLI::App& app, std::span<const KeyFlag> flags);

  bool resumes() const { return !resume_.empty(); }
  /// What was given for a flag; empty where it was not.
  const std::string& given(const std::string& flag) const { return given_.at(flag); }

  /// Trains or resumes. `base` goes before what the flags and --set say. `doing` is what a run that
  /// begins is told of as: "training". Returns the exit code.
  int run(std::vector<Assignment> base, const std::string& doing) const;

 private:
  int run_resumed(const std::vector<Assignment>& assignments, ConsoleOptions console) const;

  CLI::App& app_;
  std::span<const KeyFlag> flags_;
  std::map<std::string, std::string> given_;
  std::string run_;
  std::string resume_;
  std::string config_;
  std::vector<std::string> sets_;
  std::vector<std::string> env_sets_;
  bool json_ = false;
  bool quiet_ = false;
  bool print_config_ = false;
};

}  // namespace costate
