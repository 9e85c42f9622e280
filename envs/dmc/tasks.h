// The tasks of the DeepMind control suite, a file for each domain. Observations, rewards and starts
// are those of the suite's sources; the mechanics are in envs/assets/dmc_*.xml.
#pragma once

#include <memory>
#include <string>

#include "envs/env.h"

namespace costate {

std::unique_ptr<Env> make_dmc_acrobot(bool sparse);
std::unique_ptr<Env> make_dmc_ball_in_cup();
std::unique_ptr<Env> make_dmc_cartpole(bool swing_up, bool sparse);
std::unique_ptr<Env> make_dmc_cheetah();
std::unique_ptr<Env> make_dmc_finger_spin();
std::unique_ptr<Env> make_dmc_finger_turn(bool hard);
std::unique_ptr<Env> make_dmc_hopper(bool hop);
std::unique_ptr<Env> make_dmc_pendulum();
std::unique_ptr<Env> make_dmc_reacher(bool hard);
// `task` is the id's part behind the domain, `speed` the one that is asked for in m/s; 0: to stand.
std::unique_ptr<Env> make_dmc_humanoid(const std::string& task, double speed);
std::unique_ptr<Env> make_dmc_quadruped(const std::string& task, double speed);
std::unique_ptr<Env> make_dmc_walker(const std::string& task, double speed);

}  // namespace costate
