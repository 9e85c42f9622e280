// Where the files that programs need at run time, such as MJCF models, are found.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace costate {

/// The path of a data file named from share/costate, such as "configs/mujoco.toml", or nothing
/// where there is none. Looks into the folder named by the environment variable COSTATE_DATA, if it
/// is set, then into ../../share/costate as seen from the running executable, which is right in a
/// build tree and in an installation.
std::optional<std::filesystem::path> find_data(std::string_view name);

/// The path of the MJCF model `name`, such as "hopper.xml". Throws Error that names every place
/// looked at.
std::filesystem::path asset_path(std::string_view name);

}  // namespace costate
