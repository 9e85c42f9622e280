#include "envs/classic/mountain_car.h"

#include "envs/classic/hill.h"

namespace costate {
namespace {

constexpr double kForce = 0.001;
constexpr double kGoal = 0.5;

EnvSpec mountain_car_spec() {
  EnvSpec spec = hill::spec();
  spec.id = "MountainCar-v0";
  spec.summary = "Drive an underpowered car up the right hill by swinging";
  spec.action = Space::discrete(3);
  spec.action.labels = {"push (0: left, 1: none, 2: right)"};
  spec.time_limit = 200;
  spec.reward_threshold = -110.0;
  spec.reward = "-1 on every step";
  spec.termination = "position >= 0.5 and velocity >= 0";
  return spec;
}

}  // namespace

MountainCar::MountainCar()
    : ClassicEnv(mountain_car_spec(), {-0.6, 0.0}, {-0.4, 0.0}, {"gravity", "gear"}) {
  take_parameters();
}

void MountainCar::take_parameters() {
  gravity_ = hill::kGravity * factor("gravity");
  force_ = kForce * factor("gear");
}

StepResult MountainCar::step(std::span<const float> action, std::span<double> observation) {
  auto& [position, velocity] = state_;
  hill::drive(position, velocity, (discrete_action(action) - 1) * force_, gravity_);
  observe(observation);
  return {.reward = -1.0, .terminated = position >= kGoal && velocity >= 0.0};
}

void MountainCar::observe(std::span<double> observation) const {
  observation[0] = round_to_float32(state_[0]);
  observation[1] = round_to_float32(state_[1]);
}

void MountainCar::draw(Canvas& canvas) const {
  hill::draw(canvas, state_[0], kGoal);
}

Scene MountainCar::scene() {
  return hill::scene(kGoal);
}

void MountainCar::body_poses(std::span<double> poses) {
  hill::write_poses(state_[0], poses);
}

}  // namespace costate
