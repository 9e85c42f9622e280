// What a rollout file says of the run that made it, and whether this program is alike.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "envs/env.h"
#include "logs/rollout_file.h"
#include "policies/distribution.h"
#include "runners/run_config.h"

namespace costate {

/// The header of a file with episodes of `env`, which `config` makes, by a policy of the family
/// `distribution`. Resets `env`, to see how large its state is.
RolloutHeader rollout_header(RunConfig config, const Distribution& distribution, Env& env);

/// What of that on which bits may depend is other here than where the file was logged (versions of
/// libraries and of this program, the processor's instruction sets), as one line; empty where
/// nothing is. `env` is what the file holds episodes of.
std::string origin_difference(const RolloutHeader& header, const Env& env);

/// Throws Error where the physics model of `env` is not the one that the episodes were simulated
/// with: its file has changed. Models that different versions of MuJoCo compiled cannot be
/// compared.
void check_same_model(const RolloutHeader& header, const Env& env);

/// The configuration of the run that made a file, where the file holds it.
std::optional<RunConfig> logged_config(const RolloutHeader& header);

/// The environment of which the file holds episodes, as it was configured for them. Throws Error
/// that names `file` where it cannot be made.
std::unique_ptr<Env> logged_environment(const RolloutHeader& header, const std::string& file);

/// Puts the environment where a logged episode begins, and writes the first observation. Throws
/// Error where the file's rows are not of the environment's size.
void start_logged(Env& env, const RolloutHeader& header, const Episode& episode,
                  std::span<double> observation);

}  // namespace costate
