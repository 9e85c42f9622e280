#include "envs/env.h"

#include <limits>

namespace costate {

void Env::render(const RenderOptions&, Picture&) {
  throw Error(spec().id + ": there is no picture of this environment");
}

void Env::scale_parameters(std::span<const double>) {}

double Env::actuator_power(std::span<const float>) {
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace costate
