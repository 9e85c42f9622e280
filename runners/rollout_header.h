// What a rollout file says of the run that made it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "envs/env.h"
#include "envs/env_config.h"
#include "envs/spec.h"
#include "logs/rollout_file.h"
#include "policies/distribution.h"
#include "runners/run_config.h"

namespace costate {

/// The header of a file with episodes of the environment `spec` by a policy of the family
/// `distribution`, from a run of this configuration. A simulator's state takes `state_bytes`.
RolloutHeader rollout_header(RunConfig config, const Distribution& distribution,
                             const EnvSpec& spec, std::size_t state_bytes);

/// The configuration of the run that made a file, where the file holds it.
std::optional<RunConfig> logged_config(const RolloutHeader& header);

/// The environment whose episodes are in a file: with the options of the run that made it, where
/// the file holds its configuration.
EnvConfig logged_environment(const RolloutHeader& header);

/// Puts the environment where a logged episode begins, and writes the first observation.
void start_logged(Env& env, const RolloutHeader& header, const Episode& episode,
                  std::span<double> observation);

}  // namespace costate
