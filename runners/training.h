// The loop around a learner: run folder, metrics, progress, checkpoints, interruption, resume.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agents/learner.h"
#include "logs/console.h"
#include "runners/run_config.h"

namespace costate {

struct TrainingResult {
  std::filesystem::path run;
  std::string policy;  ///< the distribution's name
  std::int64_t steps = 0;
  std::int64_t episodes = 0;
  double return_mean_100 = 0.0;  ///< NaN for a learner that takes no steps of its own
  MetricValues metrics;          ///< the last row of this call; empty where it wrote none
  double wall_seconds = 0.0;
  double steps_per_second = 0.0;
  bool interrupted = false;  ///< stopped by a signal after writing its checkpoint
};

/// The folder for a run that was given none: runs/<env>-<algo>-<policy>-s<seed>, with a number
/// behind it where that exists.
std::filesystem::path default_run_folder(const RunConfig& config);

/// Makes the folder with its config.toml. Throws UsageError where it already holds a run, and what
/// check_demonstration_source throws.
void prepare_run_folder(const RunConfig& config, const std::filesystem::path& run);

/// Trains into the prepared folder `run`. SIGINT, SIGTERM and SIGUSR1 end it early with a
/// checkpoint.
TrainingResult train(const RunConfig& config, const std::filesystem::path& run, Console& console);

/// Continues the run in folder `run` from its newest checkpoint, as if it had never stopped.
/// `config` is the one of the run folder, perhaps with other steps or threads.
TrainingResult resume(const RunConfig& config, const std::filesystem::path& run, Console& console);

}  // namespace costate
