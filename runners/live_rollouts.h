// `costate replay --policy`: a trained policy's episodes, rolled out now.
#pragma once

#include <filesystem>
#include <string>

#include "agents/evaluation.h"
#include "envs/thread_pool.h"

namespace costate {

/// Where the rollouts of a policy go that has been given no other place: live.h5 in its run folder,
/// or <name>-live.h5 beside a checkpoint file.
std::filesystem::path live_rollouts_path(const std::filesystem::path& run_or_checkpoint);

/// Rolls out the newest policy of a run folder, or that of a checkpoint file, in the environment
/// that it was trained in, with a cost that grows over training at its full size, into a rollout
/// file. The file takes the place of an earlier one when it is whole. Throws as open_run() does.
void write_live_rollouts(const std::filesystem::path& run_or_checkpoint,
                         const RecordingOptions& options, const std::filesystem::path& out,
                         ThreadPool& pool);

}  // namespace costate
