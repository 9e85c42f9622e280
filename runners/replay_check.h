// `costate replay --verify`: are logged rollouts what the environment does?
//
// Every episode is simulated anew: reset with its logged seed, put into its logged initial state,
// and stepped with its logged actions. Each value must have the same bits as the logged one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "envs/thread_pool.h"
#include "logs/rollout_file.h"

namespace costate {

/// One value that is not what the simulation gives.
struct ReplayDifference {
  std::uint64_t episode = 0;  ///< index in the file
  /// Of the episode, from 0. The final observation belongs to the last step.
  std::uint64_t step = 0;
  std::string field;        ///< the column, such as "actions" or "final_observation"
  std::uint64_t index = 0;  ///< within the step's row of the column
  double logged = 0.0;
  double replayed = 0.0;
};

struct ReplayCheck {
  std::uint64_t episodes = 0;
  std::uint64_t steps = 0;
  /// A difference ends the comparison of its episode, because what follows is only its consequence.
  /// Counted are the values that differ in that first row of a column, over all episodes.
  std::uint64_t differences = 0;
  std::optional<ReplayDifference> first;  ///< in the order of the indices
};

/// Checks the episodes of these indices, in this order at every step: observation, action, reward,
/// terminated, truncated; and before them the initial state, after them the final observation and
/// the return. The logged action must also be the one that the policy head in the file's
/// configuration makes of the raw action, so that a damaged action is named itself and found even
/// where the environment clips it; this is left out where the file holds no configuration.
///
/// The result does not depend on the number of threads. `file` is for messages. Throws Error where
/// the file does not fit its environment, or its episodes cannot be simulated.
ReplayCheck check_replay(const RolloutReader& reader, std::span<const std::uint64_t> episodes,
                         const std::string& file, ThreadPool& pool);

/// "episode 3, step 17: actions[2] is 0.5, replayed 0.25".
std::string to_string(const ReplayDifference& difference);

}  // namespace costate
