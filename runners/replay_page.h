// `costate replay --html`: logged episodes as one self-contained web page that plays them.
//
// The geometry is the environment's own (Env::scene), the poses are those of the episode simulated
// anew. docs/replay.md describes the page and the JSON in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "logs/rollout_file.h"

namespace costate {

/// One episode of a file, simulated anew: what the page shows of it. Numbers that are not finite
/// are null. Throws Error that names the file where it does not fit its environment.
nlohmann::ordered_json replayed_episode(const RolloutReader& reader, std::uint64_t episode,
                                        const std::filesystem::path& file);

/// The page of these episodes, side by side. Throws Error where three.js or the page's own script
/// is not installed.
std::string replay_page(std::span<const nlohmann::ordered_json> episodes);

}  // namespace costate
