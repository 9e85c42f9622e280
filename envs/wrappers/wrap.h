// The wrappers that any environment can be put into, as options.
//
// From the inside out: time limit, action repeat. All count in steps of what they wrap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "envs/env.h"
#include "envs/options.h"

namespace costate {

struct WrapperConfig {
  std::int64_t time_limit = -1;

  void describe(Options& options);
};

/// `env` in the wrappers that the configuration asks for. Throws UsageError where one does not fit.
std::unique_ptr<Env> wrap(std::unique_ptr<Env> env, const WrapperConfig& config);

}  // namespace costate
