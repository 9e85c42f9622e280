// The shaped rewards of the DeepMind control suite (Tassa et al., "DeepMind control suite", 2018,
// section 3): 1 within bounds, falling off outside of them.
#pragma once

#include <limits>

#include "envs/options.h"

namespace costate {

/// How the reward falls off with the distance d from the bounds, in units of the margin; each is
/// scaled so that it is `value_at_margin` at d = 1.
enum class Sigmoid {
  kGaussian,
  kHyperbolic,
  kLongTail,
  kReciprocal,
  kCosine,
  kLinear,
  kQuadratic,
  kTanhSquared,
};

struct Falloff {
  double margin = 0.0;  ///< 0: the reward drops to 0 at the bounds
  Sigmoid sigmoid = Sigmoid::kGaussian;
  double value_at_margin = 0.1;  ///< in (0, 1), or 0 for cosine, linear and quadratic
};

/// 1 for bounds.low <= x <= bounds.high, else the value of the sigmoid; within [0, 1].
double tolerance(double x, Bounds bounds, Falloff falloff = {});

/// Bounds that reach upwards without end.
inline Bounds at_least(double low) {
  return {low, std::numeric_limits<double>::infinity()};
}

}  // namespace costate
