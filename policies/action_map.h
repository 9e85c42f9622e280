// From a distribution's normalised actions to those of an environment.
#pragma once

#include <span>
#include <vector>

#include "envs/spec.h"

namespace costate {

/// Maps each entry of [−1, 1] linearly onto the bounds of its box entry. Entries with an infinite
/// bound, and discrete actions, pass unchanged.
class ActionMap {
 public:
  explicit ActionMap(const Space& action);

  /// In place, one executed action row of the distribution → one action row of the environment.
  void to_env(std::span<float> action) const;
  /// The inverse, in place.
  void from_env(std::span<float> action) const;

 private:
  std::vector<float> low_;   // empty where nothing is scaled
  std::vector<float> half_;  // half the width of the box
};

}  // namespace costate
