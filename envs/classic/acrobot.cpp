#include "envs/classic/acrobot.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace costate {
namespace {

using State = Acrobot::State;

constexpr double kPi = std::numbers::pi;
constexpr double kLength1 = 1.0;
constexpr double kMass1 = 1.0;
constexpr double kMass2 = 1.0;
constexpr double kCentre1 = 0.5;
constexpr double kCentre2 = 0.5;
constexpr double kInertia = 1.0;  // of either link
constexpr double kGravity = 9.8;
constexpr double kTimeStep = 0.2;
constexpr double kMaxSpeed1 = 4.0 * kPi;
constexpr double kMaxSpeed2 = 9.0 * kPi;

EnvSpec acrobot_spec() {
  EnvSpec spec;
  spec.id = "Acrobot-v1";
  spec.summary = "Swing the tip of a two-link pendulum above the bar, driven at the elbow only";
  spec.observation = Space::box({-1.0, -1.0, -1.0, -1.0, -kMaxSpeed1, -kMaxSpeed2},
                                {1.0, 1.0, 1.0, 1.0, kMaxSpeed1, kMaxSpeed2});
  spec.observation.labels = {"cosine of angle 1 (1)",      "sine of angle 1 (1)",
                             "cosine of angle 2 (1)",      "sine of angle 2 (1)",
                             "angular velocity 1 (rad/s)", "angular velocity 2 (rad/s)"};
  spec.action = Space::discrete(3);
  spec.action.labels = {"elbow torque (0: -1, 1: 0, 2: +1 N m)"};
  spec.time_limit = 500;
  spec.control_step = kTimeStep;
  spec.reward_threshold = -100.0;
  spec.reward = "-1 on every step, 0 on the terminating one";
  spec.termination = "the tip is above the bar: -cos(angle 1) - cos(angle 1 + angle 2) > 1 m";
  return spec;
}

State derivative(const State& state, double torque) {
  const auto& [theta1, theta2, omega1, omega2] = state;
  const double cosine2 = std::cos(theta2);
  const double sine2 = std::sin(theta2);
  const double d1 =
      kMass1 * kCentre1 * kCentre1 +
      kMass2 * (kLength1 * kLength1 + kCentre2 * kCentre2 + 2.0 * kLength1 * kCentre2 * cosine2) +
      kInertia + kInertia;
  const double d2 = kMass2 * (kCentre2 * kCentre2 + kLength1 * kCentre2 * cosine2) + kInertia;
  const double phi2 = kMass2 * kCentre2 * kGravity * std::cos(theta1 + theta2 - kPi / 2.0);
  const double phi1 =
      -kMass2 * kLength1 * kCentre2 * (omega2 * omega2) * sine2 -
      2.0 * kMass2 * kLength1 * kCentre2 * omega2 * omega1 * sine2 +
      (kMass1 * kCentre1 + kMass2 * kLength1) * kGravity * std::cos(theta1 - kPi / 2.0) + phi2;
  const double alpha2 =
      (torque + d2 / d1 * phi1 - kMass2 * kLength1 * kCentre2 * (omega1 * omega1) * sine2 - phi2) /
      (kMass2 * kCentre2 * kCentre2 + kInertia - d2 * d2 / d1);
  const double alpha1 = -(d2 * alpha2 + phi1) / d1;
  return {omega1, omega2, alpha1, alpha2};
}

/// state + factor · slope
State advance(const State& state, double factor, const State& slope) {
  State result;
  for (std::size_t i = 0; i < state.size(); ++i) result[i] = state[i] + factor * slope[i];
  return result;
}

/// The angle within [−π, π]. remainder() is exact, so it takes off whole turns with the same bits
/// as repeated subtraction; within the range it changes nothing, but takes as long as a cosine.
double wrap(double angle) {
  return std::abs(angle) <= kPi ? angle : std::remainder(angle, 2.0 * kPi);
}

/// One step of the classical Runge-Kutta method.
State runge_kutta(const State& state, double torque) {
  const State k1 = derivative(state, torque);
  const State k2 = derivative(advance(state, kTimeStep / 2.0, k1), torque);
  const State k3 = derivative(advance(state, kTimeStep / 2.0, k2), torque);
  const State k4 = derivative(advance(state, kTimeStep, k3), torque);
  State result;
  for (std::size_t i = 0; i < state.size(); ++i) {
    result[i] = state[i] + kTimeStep / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
  }
  return result;
}

}  // namespace

Acrobot::Acrobot()
    : ClassicEnv(acrobot_spec(), {-0.1, -0.1, -0.1, -0.1}, {0.1, 0.1, 0.1, 0.1},
                 /*round_start=*/true) {}

StepResult Acrobot::step(std::span<const float> action, std::span<double> observation) {
  const double torque = discrete_action(action) - 1;
  state_ = runge_kutta(state_, torque);
  auto& [theta1, theta2, omega1, omega2] = state_;
  theta1 = wrap(theta1);
  theta2 = wrap(theta2);
  omega1 = std::clamp(omega1, -kMaxSpeed1, kMaxSpeed1);
  omega2 = std::clamp(omega2, -kMaxSpeed2, kMaxSpeed2);

  observe(observation);
  const bool above = -std::cos(theta1) - std::cos(theta1 + theta2) > 1.0;
  return {.reward = above ? 0.0 : -1.0, .terminated = above};
}

void Acrobot::observe(std::span<double> observation) const {
  const auto& [theta1, theta2, omega1, omega2] = state_;
  observation[0] = round_to_float32(std::cos(theta1));
  observation[1] = round_to_float32(std::sin(theta1));
  observation[2] = round_to_float32(std::cos(theta2));
  observation[3] = round_to_float32(std::sin(theta2));
  observation[4] = round_to_float32(omega1);
  observation[5] = round_to_float32(omega2);
}

void Acrobot::draw(Canvas& canvas) const {
  constexpr Color kBackground = {255, 255, 255};
  constexpr Color kBar = {0, 0, 0};
  constexpr Color kLink = {0, 204, 204};
  constexpr Color kJoint = {204, 204, 0};
  constexpr double kLength2 = 1.0;
  constexpr double kReach = kLength1 + kLength2 + 0.2;
  canvas.clear(kBackground);
  canvas.show(-kReach, kReach, -kReach, kReach);
  canvas.draw_lines({{-10.0 * kReach, 1.0}, {10.0 * kReach, 1.0}}, 0.02, kBar);
  const double absolute = state_[0] + state_[1];
  const Point shoulder = {0.0, 0.0};
  const Point elbow = {kLength1 * std::sin(state_[0]), -kLength1 * std::cos(state_[0])};
  const Point tip = {elbow.x + kLength2 * std::sin(absolute),
                     elbow.y - kLength2 * std::cos(absolute)};
  canvas.draw_lines({shoulder, elbow}, 0.2, kLink);
  canvas.draw_lines({elbow, tip}, 0.2, kLink);
  canvas.fill_circle(shoulder, 0.1, kJoint);
  canvas.fill_circle(elbow, 0.1, kJoint);
}

}  // namespace costate
