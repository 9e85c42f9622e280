#include "envs/classic/pendulum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "envs/format.h"

namespace costate {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kGravity = 10.0;
constexpr double kMass = 1.0;
constexpr double kLength = 1.0;
constexpr double kTimeStep = 0.05;
constexpr double kMaxSpeed = 8.0;
constexpr double kMaxTorque = 2.0;

EnvSpec pendulum_spec(const PendulumConfig& config) {
  EnvSpec spec;
  spec.id = "Pendulum-v1";
  spec.summary = "Swing a torque-limited pendulum up and hold it upright";
  spec.observation = Space::box({-1.0, -1.0, -kMaxSpeed}, {1.0, 1.0, kMaxSpeed});
  spec.observation.labels = {"cosine of the angle from upright (1)",
                             "sine of the angle from upright (1)", "angular velocity (rad/s)"};
  spec.action = Space::box(1, -kMaxTorque, kMaxTorque);
  spec.action.labels = {"torque (N m)"};
  spec.time_limit = 200;
  spec.control_step = kTimeStep;
  spec.reward = "-(angle^2 + 0.1 velocity^2 + " + format_number(config.torque_cost) +
                " torque^2), angle in [-pi, pi) and velocity from before the step, torque after "
                "clipping";
  spec.termination = "never";
  return spec;
}

/// The angle within [−π, π).
double wrap(double angle) {
  constexpr double kTurn = 2.0 * kPi;
  double turned = angle + kPi;
  // Within one turn of the range fmod is the identity or a subtraction, which is exact there.
  if (turned >= kTurn && turned < 2.0 * kTurn) {
    turned -= kTurn;
  } else if (!(turned > -kTurn && turned < kTurn)) {
    turned = std::fmod(turned, kTurn);
  }
  if (turned < 0.0) turned += kTurn;
  return turned - kPi;
}

}  // namespace

void PendulumConfig::describe(Options& options) {
  options.add("torque_cost", torque_cost, Range::at_least(0.0),
              "weight of the square of the torque (N m) in the cost of a step");
}

Pendulum::Pendulum(const PendulumConfig& config)
    : ClassicEnv(pendulum_spec(config), {-kPi, -1.0}, {kPi, 1.0},
                 {"gravity", "mass", "length", "gear"}),
      torque_cost_(config.torque_cost) {
  take_parameters();
}

void Pendulum::take_parameters() {
  length_ = kLength * factor("length");
  of_gravity_ = 3.0 * (kGravity * factor("gravity")) / (2.0 * length_);
  of_torque_ = 3.0 / (kMass * factor("mass") * length_ * length_) * factor("gear");
}

StepResult Pendulum::step(std::span<const float> action, std::span<double> observation) {
  const double torque = std::clamp(static_cast<double>(action[0]), -kMaxTorque, kMaxTorque);
  auto& [theta, theta_dot] = state_;

  const double angle = wrap(theta);
  const double cost =
      angle * angle + 0.1 * (theta_dot * theta_dot) + torque_cost_ * (torque * torque);

  const double acceleration = of_gravity_ * std::sin(theta) + of_torque_ * torque;
  theta_dot = std::clamp(theta_dot + acceleration * kTimeStep, -kMaxSpeed, kMaxSpeed);
  theta += theta_dot * kTimeStep;

  observe(observation);
  return {.reward = -cost};
}

void Pendulum::observe(std::span<double> observation) const {
  observation[0] = round_to_float32(std::cos(state_[0]));
  observation[1] = round_to_float32(std::sin(state_[0]));
  observation[2] = round_to_float32(state_[1]);
}

void Pendulum::draw(Canvas& canvas) const {
  constexpr Color kBackground = {255, 255, 255};
  constexpr Color kRod = {204, 77, 77};
  constexpr Color kAxle = {0, 0, 0};
  canvas.clear(kBackground);
  canvas.show(-1.3, 1.3, -1.3, 1.3);
  const double theta = state_[0];
  canvas.draw_lines({{0.0, 0.0}, {-length_ * std::sin(theta), length_ * std::cos(theta)}}, 0.2,
                    kRod);
  canvas.fill_circle({0.0, 0.0}, 0.05, kAxle);
}

Scene Pendulum::scene() {
  const Point rod[] = {{0.0, 0.0}, {0.0, length_}};
  const Point axle[] = {{-0.05, 0.0}, {0.05, 0.0}};
  return {.bodies = {"axle", "rod"},
          .shapes = {flat_line(0, axle, 0.11, {0.1f, 0.1f, 0.1f, 1.0f}),
                     flat_line(1, rod, 0.1, {0.8f, 0.3f, 0.3f, 1.0f})},
          .flat = true};
}

void Pendulum::body_poses(std::span<double> poses) {
  write_flat_pose({}, 0.0, poses);
  write_flat_pose({}, state_[0], poses.subspan(kPoseNumbers));
}

}  // namespace costate
