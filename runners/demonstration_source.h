// Where the demonstrations of an imitating run come from: a teacher that is rolled out, or rollout
// files.
#pragma once

#include <filesystem>
#include <vector>

#include "agents/demonstrations.h"
#include "envs/options.h"
#include "envs/thread_pool.h"
#include "logs/console.h"
#include "runners/run_config.h"

namespace costate {

/// The environment of the source, as assignments to `env` and `environment.*`: that of the teacher,
/// or of the first file. Throws as check_demonstration_source does.
std::vector<Assignment> environment_of_source(const std::string& teacher,
                                              const std::string& rollouts);

/// Throws UsageError where the teacher does not act in the run's environment, and what open_run and
/// check_demonstrations throw.
void check_demonstration_source(const RunConfig& config);

/// The demonstrations that the run learns from. A teacher plays its episodes in the run's
/// environment, with every cost at its full size, and they are logged as the run's own rollouts;
/// its folder stays as it is. Tells the console what it does. Throws Error where a file is not what
/// it should be.
Demonstrations gather_demonstrations(const RunConfig& config, const std::filesystem::path& run,
                                     ThreadPool& pool, Console& console);

}  // namespace costate
