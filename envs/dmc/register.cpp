#include "envs/dmc/register.h"

#include "envs/dmc/tasks.h"
#include "envs/registry.h"

namespace costate {

void register_dmc() {
  register_env("dmc/acrobot-swingup", [] { return make_dmc_acrobot(false); });
  register_env("dmc/acrobot-swingup_sparse", [] { return make_dmc_acrobot(true); });
  register_env("dmc/ball_in_cup-catch", make_dmc_ball_in_cup);
  register_env("dmc/cartpole-balance", [] { return make_dmc_cartpole(false, false); });
  register_env("dmc/cartpole-balance_sparse", [] { return make_dmc_cartpole(false, true); });
  register_env("dmc/cartpole-swingup", [] { return make_dmc_cartpole(true, false); });
  register_env("dmc/cartpole-swingup_sparse", [] { return make_dmc_cartpole(true, true); });
  register_env("dmc/cheetah-run", make_dmc_cheetah);
  register_env("dmc/finger-spin", make_dmc_finger_spin);
  register_env("dmc/finger-turn_easy", [] { return make_dmc_finger_turn(false); });
  register_env("dmc/finger-turn_hard", [] { return make_dmc_finger_turn(true); });
  register_env("dmc/hopper-hop", [] { return make_dmc_hopper(true); });
  register_env("dmc/hopper-stand", [] { return make_dmc_hopper(false); });
  register_env("dmc/humanoid-run", [] { return make_dmc_humanoid("run", 10.0); });
  register_env("dmc/humanoid-stand", [] { return make_dmc_humanoid("stand", 0.0); });
  register_env("dmc/humanoid-walk", [] { return make_dmc_humanoid("walk", 1.0); });
  register_env("dmc/pendulum-swingup", make_dmc_pendulum);
  register_env("dmc/quadruped-run", [] { return make_dmc_quadruped("run", 5.0); });
  register_env("dmc/quadruped-walk", [] { return make_dmc_quadruped("walk", 0.5); });
  register_env("dmc/reacher-easy", [] { return make_dmc_reacher(false); });
  register_env("dmc/reacher-hard", [] { return make_dmc_reacher(true); });
  register_env("dmc/walker-run", [] { return make_dmc_walker("run", 8.0); });
  register_env("dmc/walker-stand", [] { return make_dmc_walker("stand", 0.0); });
  register_env("dmc/walker-walk", [] { return make_dmc_walker("walk", 1.0); });
}

}  // namespace costate
