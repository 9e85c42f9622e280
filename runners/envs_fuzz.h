// `costate envs fuzz`: steps an environment with actions of every kind, looking for crashes and for
// numbers that go wrong without being reported.
#pragma once

#include <cstdint>

#include "envs/env_config.h"

namespace costate {

struct FuzzResult {
  std::int64_t steps = 0;
  std::int64_t episodes = 0;
  std::int64_t reports = 0;  ///< steps that were refused with an Error, after which all start anew
};

/// Takes about `steps` steps in a VectorEnv of four environments on two threads. Actions change in
/// kind every few steps: random, at the bounds, up to a thousand times beyond them, and now and
/// then NaN or infinite. Throws Error where an observation or a reward is not finite and was not
/// reported, or where an action of finite numbers within the space was refused.
FuzzResult fuzz(const EnvConfig& env, std::int64_t steps, std::uint64_t seed);

}  // namespace costate
