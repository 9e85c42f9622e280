#include "envs/mujoco/register.h"

#include "envs/mujoco/tasks.h"
#include "envs/registry.h"

namespace costate {

void register_mujoco() {
  register_env("HalfCheetah-v5", make_half_cheetah);
  register_env("Hopper-v5", make_hopper);
  register_env("InvertedPendulum-v5", make_inverted_pendulum);
  register_env("Walker2d-v5", make_walker2d);
}

}  // namespace costate
