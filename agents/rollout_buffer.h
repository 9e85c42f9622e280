// What T steps of N environments left: one row for each step, environment by environment.
#pragma once

#include <cstdint>
#include <vector>

namespace costate {

/// Row n·T + t is step t of environment n, so that the rows of one environment, and those of a
/// shard of neighbours, are contiguous.
struct RolloutBuffer {
  int envs = 0;   ///< N
  int steps = 0;  ///< T

  std::vector<float> observations;       ///< [N·T, obs] as the policy saw them (normalised)
  std::vector<float> raw_observations;   ///< [N·T, obs] as the environment gave them
  std::vector<float> raw_actions;        ///< [N·T, action] the distribution's own sample
  std::vector<float> actions;            ///< [N·T, action] as executed, in the environment's units
  std::vector<float> distribution;       ///< [N·T, P]
  std::vector<float> log_probs;          ///< [N·T] of the raw action
  std::vector<double> raw_rewards;       ///< [N·T] as the environment gave them
  std::vector<float> rewards;            ///< [N·T] as the learner sees them (normalised)
  std::vector<std::uint8_t> terminated;  ///< [N·T]
  std::vector<std::uint8_t> truncated;   ///< [N·T]
  std::vector<float> values;             ///< [N·T] V of the observation
  /// [N·T] V of the observation that followed: of the final one where the episode was truncated.
  std::vector<float> next_values;

  /// Makes room for N·T rows. Shrinking keeps the memory.
  void resize(int n, int t, int observation_size, int action_size, int parameter_size) {
    envs = n;
    steps = t;
    const std::size_t rows = static_cast<std::size_t>(n) * t;
    observations.resize(rows * observation_size);
    raw_observations.resize(rows * observation_size);
    raw_actions.resize(rows * action_size);
    actions.resize(rows * action_size);
    distribution.resize(rows * parameter_size);
    log_probs.resize(rows);
    raw_rewards.resize(rows);
    rewards.resize(rows);
    terminated.resize(rows);
    truncated.resize(rows);
    values.resize(rows);
    next_values.resize(rows);
  }

  int rows() const { return envs * steps; }
};

}  // namespace costate
