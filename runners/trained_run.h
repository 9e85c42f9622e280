// A run folder opened for use: its configuration and its newest checkpoint's policy.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "agents/evaluation.h"
#include "envs/normalizer.h"
#include "envs/spec.h"
#include "policies/actor_critic.h"
#include "runners/run_config.h"

namespace costate {

struct TrainedRun {
  std::filesystem::path folder;
  RunConfig config;
  EnvSpec spec;
  std::int64_t steps = 0;  ///< environment steps that the policy was trained for
  std::shared_ptr<const FrozenPolicy> policy;
};

/// Throws UsageError where `folder` is not a run folder, Error where its checkpoint is missing or
/// damaged.
TrainedRun open_run(const std::filesystem::path& folder);

}  // namespace costate
