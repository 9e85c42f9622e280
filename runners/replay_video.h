// `costate replay --video` and `--png`: logged episodes as pictures, simulated anew and drawn
// without a display.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "envs/picture.h"
#include "logs/rollout_file.h"

namespace costate {

/// Writes the episode as a video (logs/video.h says which kinds there are). Time is the
/// environment's, at up to 60 frames a second: of a task with more steps a second, every second,
/// third, … is shown. Below the picture a strip has the return so far, a bar for the reward (full:
/// the largest of the episode) and one for each action dimension within its bounds. `progress` is
/// called with the number of steps done; where it returns false, nothing is written and the
/// function returns false.
bool write_video(const RolloutReader& reader, std::uint64_t episode,
                 const std::filesystem::path& file, const RenderOptions& options,
                 const std::filesystem::path& video,
                 const std::function<bool(std::uint64_t)>& progress);

/// Writes a PNG of the state before step `step` of the episode; without one, of its middle. Throws
/// UsageError where the episode has no such step.
void write_frame(const RolloutReader& reader, std::uint64_t episode,
                 const std::filesystem::path& file, const RenderOptions& options,
                 std::optional<std::uint64_t> step, const std::filesystem::path& png);

}  // namespace costate
