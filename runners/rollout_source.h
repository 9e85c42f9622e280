// The rollout file that a command line means.
#pragma once

#include <filesystem>
#include <string>

namespace costate {

/// `named` is a rollout file (*.h5), or a run folder, whose rollouts.h5 is meant. Throws UsageError
/// where it is no run folder, Error where the run has logged no rollouts.
std::filesystem::path rollout_path(const std::string& named);

}  // namespace costate
