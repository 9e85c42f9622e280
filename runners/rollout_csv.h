// Rollouts as comma-separated values, a row per step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "logs/rollout_file.h"

namespace costate {

/// Writes the episodes of these indices into `path`, which appears when it is whole. The columns
/// are episode (the index in the file), step, observation[i], action[i], raw_action[i], reward,
/// terminated, truncated, log_prob, value, and those of the distribution's parameters by their
/// names. Numbers are the shortest decimals that read back as the same ones. Throws Error where the
/// file cannot be written.
void write_rollout_csv(const RolloutReader& reader, std::span<const std::uint64_t> episodes,
                       const std::filesystem::path& path);

}  // namespace costate
