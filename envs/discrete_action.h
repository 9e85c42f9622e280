// The index in the one number of a discrete action.
#pragma once

#include <string>

#include "envs/error.h"
#include "envs/format.h"

namespace costate {

/// The index, 0 … n−1, that `value` is. Throws UsageError that names the environment `id` where it
/// is none.
inline int discrete_action(float value, int n, const std::string& id) {
  // What Space::contains says, without its loop over entries and kinds.
  if (value >= 0.0f && value < static_cast<float>(n)) {
    const int index = static_cast<int>(value);
    if (static_cast<float>(index) == value) return index;
  }
  throw UsageError(id + ": action " + format_number(value) +
                   ", expected a whole number from 0 to " + std::to_string(n - 1));
}

}  // namespace costate
