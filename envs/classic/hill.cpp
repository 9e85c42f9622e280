#include "envs/classic/hill.h"

#include <algorithm>
#include <cmath>

namespace costate::hill {

EnvSpec spec() {
  EnvSpec spec;
  spec.observation = Space::box({kMinPosition, -kMaxSpeed}, {kMaxPosition, kMaxSpeed});
  spec.observation.labels = {"position (1)", "velocity (1/step)"};
  // The task has no seconds; this is the pace at which Gymnasium shows it.
  spec.control_step = 1.0 / 30.0;
  return spec;
}

void drive(double& position, double& velocity, double push) {
  velocity += push - kGravity * std::cos(3.0 * position);
  velocity = std::clamp(velocity, -kMaxSpeed, kMaxSpeed);
  position += velocity;
  position = std::clamp(position, kMinPosition, kMaxPosition);
  if (position == kMinPosition && velocity < 0.0) velocity = 0.0;
}

}  // namespace costate::hill
