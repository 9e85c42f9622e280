// The MuJoCo tasks, a file each: observation, reward, termination and reset noise as Gymnasium's v5
// tasks define them. The mechanics are in envs/assets/*.xml.
#pragma once

#include <memory>

#include "envs/env.h"

namespace costate {

std::unique_ptr<Env> make_half_cheetah();
std::unique_ptr<Env> make_hopper();
std::unique_ptr<Env> make_inverted_pendulum();
std::unique_ptr<Env> make_walker2d();

}  // namespace costate
