#include "envs/classic/mountain_car_continuous.h"

#include <algorithm>

#include "envs/classic/hill.h"

namespace costate {
namespace {

constexpr double kPower = 0.0015;
constexpr double kGoal = 0.45;

EnvSpec mountain_car_continuous_spec() {
  EnvSpec spec = hill::spec();
  spec.id = "MountainCarContinuous-v0";
  spec.summary = "Drive an underpowered car up the right hill by swinging, with little effort";
  spec.action = Space::box(1, -1.0, 1.0);
  spec.action.labels = {"push (1)"};
  spec.time_limit = 999;
  spec.reward_threshold = 90.0;
  spec.reward = "100 on the terminating step, minus 0.1 action^2 (before clipping) on every step";
  spec.termination = "position >= 0.45 and velocity >= 0";
  return spec;
}

}  // namespace

MountainCarContinuous::MountainCarContinuous()
    : ClassicEnv(mountain_car_continuous_spec(), {-0.6, 0.0}, {-0.4, 0.0}, {"gravity", "gear"}) {
  take_parameters();
}

void MountainCarContinuous::take_parameters() {
  gravity_ = hill::kGravity * factor("gravity");
  power_ = kPower * factor("gear");
}

StepResult MountainCarContinuous::step(std::span<const float> action,
                                       std::span<double> observation) {
  const double push = action[0];
  auto& [position, velocity] = state_;
  hill::drive(position, velocity, std::clamp(push, -1.0, 1.0) * power_, gravity_);
  const bool arrived = position >= kGoal && velocity >= 0.0;
  position = round_to_float32(position);
  velocity = round_to_float32(velocity);

  observe(observation);
  return {.reward = (arrived ? 100.0 : 0.0) - push * push * 0.1, .terminated = arrived};
}

void MountainCarContinuous::observe(std::span<double> observation) const {
  observation[0] = round_to_float32(state_[0]);
  observation[1] = round_to_float32(state_[1]);
}

void MountainCarContinuous::draw(Canvas& canvas) const {
  hill::draw(canvas, state_[0], kGoal);
}

Scene MountainCarContinuous::scene() {
  return hill::scene(kGoal);
}

void MountainCarContinuous::body_poses(std::span<double> poses) {
  hill::write_poses(state_[0], poses);
}

}  // namespace costate
