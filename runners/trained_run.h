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
  std::filesystem::path folder;  ///< or the checkpoint file
  RunConfig config;
  EnvSpec spec;
  std::int64_t steps = 0;  ///< environment steps that the policy was trained for
  std::shared_ptr<const FrozenPolicy> policy;
};

/// `run` is a run folder, or a checkpoint file. Throws UsageError where it is neither, Error where
/// the checkpoint is missing or damaged.
TrainedRun open_run(const std::filesystem::path& run);

}  // namespace costate
