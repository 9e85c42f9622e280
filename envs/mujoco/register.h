// The MuJoCo environments, for the registry.
#pragma once

namespace costate {

/// Registers every MuJoCo environment. Loads no model: that waits until one is made.
void register_mujoco();

}  // namespace costate
