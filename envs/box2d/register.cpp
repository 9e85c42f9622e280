#include "envs/box2d/register.h"

#include "envs/box2d/tasks.h"
#include "envs/registry.h"

namespace costate {

void register_box2d() {
  register_env("LunarLander-v3", make_lunar_lander);
  register_env("LunarLanderContinuous-v3", make_lunar_lander, {.continuous = true});
  register_env("BipedalWalker-v3", make_bipedal_walker);
  register_env("BipedalWalkerHardcore-v3", make_bipedal_walker_hardcore);
  register_env("CarRacing-v3", make_car_racing);
}

}  // namespace costate
