// The configuration of a training run, and where its values come from.
//
// Defaults in the code ← the shipped file of the environment ← --config FILE ← the command line.
// The shipped file is the first there is of configs/<learner>/<environment id>.toml, <family>.toml
// and default.toml; it holds only what differs from the defaults.
//
// A key "learner.KEY" stands for that of whichever learner runs, such as "ppo.KEY".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/imitation.h"
#include "agents/mpo.h"
#include "agents/ppo.h"
#include "agents/rollout_logger.h"
#include "agents/runtime.h"
#include "agents/sac.h"
#include "agents/td3.h"
#include "envs/env_config.h"
#include "envs/options.h"
#include "policies/actor_critic.h"

namespace costate {

struct RunConfig {
  EnvConfig env;
  std::string algo = "ppo";
  std::int64_t seed = 1;
  std::int64_t steps = 100000;
  std::int64_t threads = 0;
  bool pin_threads = false;
  double checkpoint_seconds = 30.0;
  PolicyConfig policy;
  RuntimeConfig runtime;
  PpoConfig ppo;
  SacConfig sac;
  MpoConfig mpo;
  Td3Config td3;
  ImitationConfig imitation;
  RolloutLogConfig rollouts;

  /// The names that `algo` can have.
  static const std::vector<std::string>& learners();
  /// Takes `name`, one of learners(), as the learner, which decides what other keys there are.
  void set_learner(const std::string& name);
  /// Whether the learner takes environment steps of its own.
  bool interacts() const { return algo != "imitation"; }
  /// The part of the learner that holds its policy to a reference.
  const KlConfig& kl() const;
  /// Adds the keys of the learner.
  void describe_learner(Options& table);
  /// The table of all keys, those of the environment and the learner among them. It points into
  /// this object. Neither the environment nor the learner can be changed through it.
  Options options();
};

/// Layers the sources in the order above. Throws UsageError that names source, key and what was
/// expected; Error where a file cannot be read.
/// `origins` receives the table as TOML with each value's source (--print-config).
RunConfig resolve_config(const std::optional<std::filesystem::path>& file,
                         const std::vector<Assignment>& assignments,
                         std::string* origins = nullptr);

/// The configuration of an existing run, with the assignments on top. Throws UsageError where
/// `folder` is not a run folder.
RunConfig read_run_config(const std::filesystem::path& folder,
                          const std::vector<Assignment>& assignments = {});

/// Parses TOML text that was written by Options::to_toml (config.toml of a run folder, the config
/// entry of a checkpoint), then applies the assignments.
RunConfig parse_config(const std::string& toml, const std::string& source,
                       const std::vector<Assignment>& assignments = {});

/// The first lines, of the TOML of `a` and of `b`, in which values that change results differ.
std::optional<std::pair<std::string, std::string>> first_difference(RunConfig a, RunConfig b);

}  // namespace costate
