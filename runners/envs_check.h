// `costate envs check`: does an environment keep the contract of envs/env.h?
#pragma once

#include <string>
#include <vector>

#include "envs/registry.h"

namespace costate {

struct CheckResult {
  std::string name;
  bool passed = false;
  std::string detail;  ///< what was looked at, or what went wrong
};

/// Runs every check, each on new environments of `make`, time limit included: spaces, the
/// reset/step contract, determinism, save and restore, given starts, the time limit, and random and
/// extreme actions. A check that throws has failed.
std::vector<CheckResult> check_env(const EnvFactory& make);

}  // namespace costate
