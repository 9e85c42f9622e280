// Commands as child processes, several at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace costate {

/// How a child process ended.
struct ProcessOutcome {
  bool succeeded = false;   ///< exit code 0
  std::string description;  ///< what it printed, or else how it ended; empty for a success
};

struct ProcessPool {
  /// The arguments of the i-th process, which runs this very program.
  std::function<std::vector<std::string>(std::size_t)> arguments;
  /// The i-th process has ended.
  std::function<void(std::size_t, const ProcessOutcome&)> ended;
  /// About once a second, and after every end: how many run at the moment.
  std::function<void(std::size_t)> tick;
};

/// Runs processes 0 … count − 1, at most `jobs` at a time. False where SIGINT, SIGTERM or SIGUSR1
/// has stopped it: no process is started after one of them, and those that run get SIGINT (each
/// time, so that they can take a second one as more urgent). Should this process be killed, they
/// are too. Throws Error where a process cannot be started.
bool run_processes(std::size_t count, int jobs, const ProcessPool& pool);

}  // namespace costate
