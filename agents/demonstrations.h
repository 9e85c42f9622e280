// What a policy saw and did, as another one can learn from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "envs/spec.h"

namespace costate {

/// E episodes with S steps in all, end to end.
struct Demonstrations {
  std::vector<std::int64_t> lengths;  ///< [E] steps, at least 1
  std::vector<float> observations;    ///< [S, O] as the environment gave them
  /// [S, A] as executed, a bounded box mapped to [−1, 1]; discrete ones as their index.
  std::vector<float> actions;

  std::int64_t steps() const;
};

/// Throws Error that names `file` where it is no rollout file, damaged, or of another environment
/// or other sizes than `spec`.
void check_demonstrations(const std::filesystem::path& file, const EnvSpec& spec);

/// Adds every step of the file. Throws Error that names the file, and the episode and step where a
/// number is not finite or an action not one of `spec`; also where there is no step.
void read_demonstrations(const std::filesystem::path& file, const EnvSpec& spec,
                         Demonstrations& to);

}  // namespace costate
