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

/// The angle within [−π, π]. remainder() is exact, so it takes off whole turns with the same bits
/// as repeated subtraction; within the range it changes nothing, but takes as long as a cosine.
double wrap(double angle) {
  return std::abs(angle) <= kPi ? angle : std::remainder(angle, 2.0 * kPi);
}

}  // namespace

Acrobot::Pose::Pose(const State& state)
    : cosine1(std::cos(state[0])),
      sine1(std::sin(state[0])),
      cosine2(std::cos(state[1])),
      sine2(std::sin(state[1])) {}

Acrobot::Acrobot()
    : ClassicEnv(acrobot_spec(), {-0.1, -0.1, -0.1, -0.1}, {0.1, 0.1, 0.1, 0.1},
                 {"gravity", "mass", "mass/link 1", "mass/link 2", "length", "length/link 1",
                  "length/link 2", "gear"},
                 /*round_start=*/true) {
  take_parameters();
}

void Acrobot::take_parameters() {
  const double mass1 = factor("mass/link 1");
  const double mass2 = factor("mass/link 2");
  const double length1 = factor("length/link 1");
  const double length2 = factor("length/link 2");
  const double link1 = kLength1 * length1;
  const double centre1 = kCentre1 * length1;
  const double centre2 = kCentre2 * length2;
  const double weighed1 = kMass1 * mass1;
  const double weighed2 = kMass2 * mass2;
  const double inertia1 = kInertia * mass1 * length1 * length1;
  const double inertia2 = kInertia * mass2 * length2 * length2;
  terms_.elbow = weighed2 * centre2 * centre2 + inertia2;
  terms_.shoulder =
      weighed1 * centre1 * centre1 + inertia1 + weighed2 * link1 * link1 + terms_.elbow;
  terms_.arm = weighed2 * link1 * centre2;
  const double gravity = kGravity * factor("gravity");
  terms_.weight1 = (weighed1 * centre1 + weighed2 * link1) * gravity;
  terms_.weight2 = weighed2 * centre2 * gravity;
  gear_ = factor("gear");
}

void Acrobot::take_state() {
  pose_ = Pose(state_);
}

// A call that is not inlined passes its numbers through memory, and takes a third of the step.
[[gnu::always_inline]] inline std::array<double, 2> Acrobot::acceleration(const State& state,
                                                                          const Pose& pose,
                                                                          double torque) const {
  const double omega1 = state[2];
  const double omega2 = state[3];
  const auto& [cosine1, sine1, cosine2, sine2] = pose;
  const Terms& t = terms_;
  // The book eliminates one acceleration from the other, which takes three divisions in a row. The
  // two equations are mass · acceleration = load, and Cramer's rule needs one.
  const double coupling = t.arm * cosine2;
  const double mass11 = t.shoulder + 2.0 * coupling;
  const double mass12 = t.elbow + coupling;
  const double mass22 = t.elbow;
  const double swing = t.arm * sine2;
  const double pull2 = t.weight2 * (sine1 * cosine2 + cosine1 * sine2);
  const double load1 = swing * omega2 * (omega2 + 2.0 * omega1) - t.weight1 * sine1 - pull2;
  const double load2 = torque - swing * omega1 * omega1 - pull2;
  const double scale = 1.0 / (mass11 * mass22 - mass12 * mass12);
  return {(mass22 * load1 - mass12 * load2) * scale, (mass11 * load2 - mass12 * load1) * scale};
}

void Acrobot::runge_kutta(double torque) {
  constexpr std::array<double, 4> kWeights = {1.0, 2.0, 2.0, 1.0};
  constexpr std::array<double, 3> kTimes = {kTimeStep / 2.0, kTimeStep / 2.0, kTimeStep};
  const State start = state_;
  State at = start;
  Pose pose = pose_;
  State sum{};
  for (std::size_t stage = 0;; ++stage) {
    const auto [alpha1, alpha2] = acceleration(at, pose, torque);
    const State slope = {at[2], at[3], alpha1, alpha2};
    for (std::size_t i = 0; i < 4; ++i) sum[i] += kWeights[stage] * slope[i];
    if (stage == kTimes.size()) break;
    for (std::size_t i = 0; i < 4; ++i) at[i] = start[i] + kTimes[stage] * slope[i];
    pose = Pose(at);
  }
  for (std::size_t i = 0; i < 4; ++i) state_[i] = start[i] + kTimeStep / 6.0 * sum[i];
}

StepResult Acrobot::step(std::span<const float> action, std::span<double> observation) {
  runge_kutta((discrete_action(action) - 1) * gear_);
  auto& [theta1, theta2, omega1, omega2] = state_;
  theta1 = wrap(theta1);
  theta2 = wrap(theta2);
  omega1 = std::clamp(omega1, -kMaxSpeed1, kMaxSpeed1);
  omega2 = std::clamp(omega2, -kMaxSpeed2, kMaxSpeed2);
  take_state();

  observe(observation);
  // With the elbow below the shoulder the tip cannot be above the bar: that saves a cosine.
  const bool above = pose_.cosine1 < 0.0 && -pose_.cosine1 - std::cos(theta1 + theta2) > 1.0;
  return {.reward = above ? 0.0 : -1.0, .terminated = above};
}

void Acrobot::observe(std::span<double> observation) const {
  observation[0] = round_to_float32(pose_.cosine1);
  observation[1] = round_to_float32(pose_.sine1);
  observation[2] = round_to_float32(pose_.cosine2);
  observation[3] = round_to_float32(pose_.sine2);
  observation[4] = round_to_float32(state_[2]);
  observation[5] = round_to_float32(state_[3]);
}

void Acrobot::draw(Canvas& canvas) const {
  constexpr Color kBackground = {255, 255, 255};
  constexpr Color kBar = {0, 0, 0};
  constexpr Color kLink = {0, 204, 204};
  constexpr Color kJoint = {204, 204, 0};
  const double length1 = kLength1 * factor("length/link 1");
  const double length2 = 2.0 * kCentre2 * factor("length/link 2");
  const double reach = length1 + length2 + 0.2;
  canvas.clear(kBackground);
  canvas.show(-reach, reach, -reach, reach);
  canvas.draw_lines({{-10.0 * reach, 1.0}, {10.0 * reach, 1.0}}, 0.02, kBar);
  const double absolute = state_[0] + state_[1];
  const Point shoulder = {0.0, 0.0};
  const Point elbow = {length1 * std::sin(state_[0]), -length1 * std::cos(state_[0])};
  const Point tip = {elbow.x + length2 * std::sin(absolute),
                     elbow.y - length2 * std::cos(absolute)};
  canvas.draw_lines({shoulder, elbow}, 0.2, kLink);
  canvas.draw_lines({elbow, tip}, 0.2, kLink);
  canvas.fill_circle(shoulder, 0.1, kJoint);
  canvas.fill_circle(elbow, 0.1, kJoint);
}

Scene Acrobot::scene() {
  const double length1 = kLength1 * factor("length/link 1");
  const double length2 = 2.0 * kCentre2 * factor("length/link 2");
  const double reach = length1 + length2;
  const Point bar[] = {{-reach, 1.0}, {reach, 1.0}};
  const Point link1[] = {{0.0, 0.0}, {0.0, -length1}};
  const Point link2[] = {{0.0, 0.0}, {0.0, -length2}};
  return {.bodies = {"bar", "link 1", "link 2"},
          .shapes = {flat_line(0, bar, 0.01, {0.1f, 0.1f, 0.1f, 1.0f}),
                     flat_line(1, link1, 0.1, {0.0f, 0.6f, 0.6f, 1.0f}),
                     flat_line(2, link2, 0.1, {0.8f, 0.6f, 0.0f, 1.0f})},
          .flat = true};
}

void Acrobot::body_poses(std::span<double> poses) {
  const double length1 = kLength1 * factor("length/link 1");
  const Point elbow = {length1 * std::sin(state_[0]), -length1 * std::cos(state_[0])};
  write_flat_pose({}, 0.0, poses);
  write_flat_pose({}, state_[0], poses.subspan(kPoseNumbers));
  write_flat_pose(elbow, state_[0] + state_[1], poses.subspan(2 * kPoseNumbers));
}

}  // namespace costate
