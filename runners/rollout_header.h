// What a rollout file says of the run that made it.
#pragma once

#include <cstddef>

#include "envs/spec.h"
#include "logs/rollout_file.h"
#include "policies/distribution.h"
#include "runners/run_config.h"

namespace costate {

/// The header of a file with episodes of the environment `spec` by a policy of the family
/// `distribution`, from a run of this configuration. A simulator's state takes `state_bytes`.
RolloutHeader rollout_header(RunConfig config, const Distribution& distribution,
                             const EnvSpec& spec, std::size_t state_bytes);

}  // namespace costate
