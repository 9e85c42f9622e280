// Compiled MuJoCo models, shared between the environments that simulate them.
#pragma once

#include <filesystem>
#include <memory>
#include <mujoco/mujoco.h>

namespace costate {

/// The compiled model of an MJCF file. Environments that ask for the same file while another one
/// holds it get the same read-only model. May be called from any thread. Throws Error that names
/// the file and what MuJoCo found wrong.
///
/// From the first call on, MuJoCo's own errors are thrown as Error instead of ending the process,
/// and its warnings are counted in mjData only: nothing is printed and no MUJOCO_LOG.TXT is
/// written.
std::shared_ptr<const mjModel> shared_model(const std::filesystem::path& path);

/// Whether the geom is a plane of the world to stand on, its normal upwards. The physics gives no
/// plane an end, whatever its size; a picture shows floors so, and walls as large as the file says.
bool is_floor(const mjModel& model, int geom);

}  // namespace costate
