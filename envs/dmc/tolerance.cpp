#include "envs/dmc/tolerance.h"

#include <cmath>
#include <numbers>

namespace costate {
namespace {

double fall(double d, Sigmoid sigmoid, double value) {
  switch (sigmoid) {
    case Sigmoid::kGaussian: {
      const double scale = std::sqrt(-2.0 * std::log(value));
      return std::exp(-0.5 * (d * scale) * (d * scale));
    }
    case Sigmoid::kHyperbolic:
      return 1.0 / std::cosh(d * std::acosh(1.0 / value));
    case Sigmoid::kLongTail: {
      const double scale = std::sqrt(1.0 / value - 1.0);
      return 1.0 / ((d * scale) * (d * scale) + 1.0);
    }
    case Sigmoid::kReciprocal:
      return 1.0 / (std::abs(d) * (1.0 / value - 1.0) + 1.0);
    case Sigmoid::kCosine: {
      const double scaled = d * std::acos(2.0 * value - 1.0) / std::numbers::pi;
      return std::abs(scaled) < 1.0 ? (1.0 + std::cos(std::numbers::pi * scaled)) / 2.0 : 0.0;
    }
    case Sigmoid::kLinear: {
      const double scaled = d * (1.0 - value);
      return std::abs(scaled) < 1.0 ? 1.0 - scaled : 0.0;
    }
    case Sigmoid::kQuadratic: {
      const double scaled = d * std::sqrt(1.0 - value);
      return std::abs(scaled) < 1.0 ? 1.0 - scaled * scaled : 0.0;
    }
    case Sigmoid::kTanhSquared: {
      const double tanh = std::tanh(d * std::atanh(std::sqrt(1.0 - value)));
      return 1.0 - tanh * tanh;
    }
  }
  return 0.0;
}

}  // namespace

double tolerance(double x, Bounds bounds, Falloff falloff) {
  if (bounds.low <= x && x <= bounds.high) return 1.0;
  if (falloff.margin == 0.0) return 0.0;
  const double distance = x < bounds.low ? bounds.low - x : x - bounds.high;
  return fall(distance / falloff.margin, falloff.sigmoid, falloff.value_at_margin);
}

}  // namespace costate
