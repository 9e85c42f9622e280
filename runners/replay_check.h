// `costate replay --verify`: are logged rollouts what the environment does?
//
// Every episode is simulated anew: the environment is reset with the logged seed, which must give
// the logged initial state, and stepped with the logged actions. Each value must have the same bits
// as the logged one. What the simulation cannot tell is held to checksums (docs/file-formats.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "envs/env.h"
#include "envs/thread_pool.h"
#include "logs/rollout_file.h"

namespace costate {

/// One value that is not what the simulation gives, or a column that is not what was written.
struct ReplayDifference {
  std::uint64_t episode = 0;  ///< index in the file
  /// Of the episode, from 0. What belongs to the episode's end has the last step.
  std::uint64_t step = 0;
  std::string field;        ///< the column, such as "actions" or "final_observation"
  std::uint64_t index = 0;  ///< within the step's row of the column
  double logged = 0.0;
  double replayed = 0.0;
  /// False: only the checksum of `field` differs, which tells neither step nor index.
  bool simulated = true;
  /// The columns of the episode that, by their checksums, were changed after they were written.
  /// Empty: what differs is the simulation.
  std::vector<std::string> changed_columns = {};
};

struct ReplayCheck {
  std::uint64_t episodes = 0;  ///< that were checked
  std::uint64_t steps = 0;
  /// A difference ends the comparison of its episode, because what follows is only its consequence.
  /// Counted are the values that differ in that first row of a column, over all episodes; in an
  /// episode where none does, the columns that were changed.
  std::uint64_t differences = 0;
  std::optional<ReplayDifference> first;  ///< in the order of the indices
  bool stopped = false;                   ///< before all episodes were checked
};

/// Checks the episodes of these indices. Before the steps: the initial state, what was drawn; at
/// every step: observation, action, log-probability, reward, terminated, truncated; after them the
/// final observation, the hash of the final state and the return. All but the log-probability must
/// be the same bits; that must follow from the raw action and the distribution's parameters up to
/// rounding. The logged action must be the one that the policy head in the file's configuration
/// makes of the raw action, so that a damaged action is named itself and found even where the
/// environment clips it. These two are left out where the file holds no configuration.
///
/// The result does not depend on the number of threads. At most one episode a thread is in memory.
/// `go_on`, where given, is called after every episode, by one thread at a time, and ends the
/// check by returning false. `file` is for messages. Throws Error where the file does not fit its
/// environment, or its episodes cannot be simulated.
ReplayCheck check_replay(const RolloutReader& reader, std::span<const std::uint64_t> episodes,
                         const std::string& file, ThreadPool& pool,
                         const std::function<bool(const ReplayCheck&)>& go_on = {});

/// "episode 3, step 17: actions[2] is 0.5, replayed 0.25", and what the checksums say to it.
std::string to_string(const ReplayDifference& difference);

}  // namespace costate
