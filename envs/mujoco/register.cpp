#include "envs/mujoco/register.h"

#include "envs/mujoco/tasks.h"
#include "envs/registry.h"

namespace costate {

void register_mujoco() {
  register_env("Ant-v5", make_ant);
  register_env("HalfCheetah-v5", make_half_cheetah);
  register_env("Hopper-v5", make_hopper);
  register_env("Humanoid-v5", make_humanoid);
  register_env("HumanoidStandup-v5", make_humanoid_standup);
  register_env("InvertedDoublePendulum-v5", make_inverted_double_pendulum);
  register_env("InvertedPendulum-v5", make_inverted_pendulum);
  register_env("Pusher-v5", make_pusher);
  register_env("Reacher-v5", make_reacher);
  register_env("Swimmer-v5", make_swimmer);
  register_env("Walker2d-v5", make_walker2d);
}

}  // namespace costate
