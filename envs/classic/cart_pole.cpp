#include "envs/classic/cart_pole.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace costate {
namespace {

constexpr double kGravity = 9.8;
constexpr double kPoleMass = 0.1;
constexpr double kCartMass = 1.0;
constexpr double kHalfLength = 0.5;
constexpr double kForce = 10.0;
constexpr double kTimeStep = 0.02;
constexpr double kPositionLimit = 2.4;
constexpr double kAngleLimit = 12.0 * 2.0 * std::numbers::pi / 360.0;

EnvSpec cart_pole_spec() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EnvSpec spec;
  spec.id = "CartPole-v1";
  spec.summary = "Balance a pole on a cart by pushing the cart left or right";
  // The bounds are twice the limits, so that the observation that ends an episode is inside.
  spec.observation = Space::box({-2.0 * kPositionLimit, -kInfinity, -2.0 * kAngleLimit, -kInfinity},
                                {2.0 * kPositionLimit, kInfinity, 2.0 * kAngleLimit, kInfinity});
  spec.observation.labels = {"cart position (m)", "cart velocity (m/s)", "pole angle (rad)",
                             "pole angular velocity (rad/s)"};
  spec.action = Space::discrete(2);
  spec.action.labels = {"push (0: left, 1: right; 10 N)"};
  spec.time_limit = 500;
  spec.control_step = kTimeStep;
  spec.reward_threshold = 475.0;
  spec.reward = "1 on every step, the terminating one included";
  spec.termination = "|cart position| > 2.4 m or |pole angle| > 12 degrees";
  return spec;
}

}  // namespace

CartPole::CartPole()
    : ClassicEnv(cart_pole_spec(), {-0.05, -0.05, -0.05, -0.05}, {0.05, 0.05, 0.05, 0.05},
                 {"gravity", "mass", "mass/cart", "mass/pole", "length", "gear"}) {
  take_parameters();
}

void CartPole::take_parameters() {
  gravity_ = kGravity * factor("gravity");
  pole_mass_ = kPoleMass * factor("mass/pole");
  total_mass_ = pole_mass_ + kCartMass * factor("mass/cart");
  half_length_ = kHalfLength * factor("length");
  pole_mass_length_ = pole_mass_ * half_length_;
  force_ = kForce * factor("gear");
}

StepResult CartPole::step(std::span<const float> action, std::span<double> observation) {
  // A branch on a random action would be mispredicted every other time.
  const double force = force_ * (2 * discrete_action(action) - 1);
  auto& [x, x_dot, theta, theta_dot] = state_;
  const double cosine = std::cos(theta);
  const double sine = std::sin(theta);

  const double temp = (force + pole_mass_length_ * (theta_dot * theta_dot) * sine) / total_mass_;
  const double theta_acceleration =
      (gravity_ * sine - cosine * temp) /
      (half_length_ * (4.0 / 3.0 - pole_mass_ * (cosine * cosine) / total_mass_));
  const double x_acceleration =
      temp - pole_mass_length_ * theta_acceleration * cosine / total_mass_;

  x += kTimeStep * x_dot;
  x_dot += kTimeStep * x_acceleration;
  theta += kTimeStep * theta_dot;
  theta_dot += kTimeStep * theta_acceleration;

  observe(observation);
  const bool fell = std::abs(x) > kPositionLimit || std::abs(theta) > kAngleLimit;
  return {.reward = 1.0, .terminated = fell};
}

void CartPole::observe(std::span<double> observation) const {
  for (std::size_t i = 0; i < state_.size(); ++i) observation[i] = round_to_float32(state_[i]);
}

void CartPole::draw(Canvas& canvas) const {
  constexpr Color kBackground = {255, 255, 255};
  constexpr Color kInk = {0, 0, 0};
  constexpr Color kPole = {202, 152, 101};
  constexpr Color kAxle = {129, 132, 203};
  constexpr double kCartWidth = 0.4;
  constexpr double kCartHeight = 0.24;
  canvas.clear(kBackground);
  canvas.show(-kPositionLimit, kPositionLimit, -0.8, 1.6);
  canvas.draw_lines({{-10.0 * kPositionLimit, 0.0}, {10.0 * kPositionLimit, 0.0}}, 0.01, kInk);
  const double x = state_[0];
  const double theta = state_[2];
  canvas.fill({{x - kCartWidth / 2.0, -kCartHeight / 2.0},
               {x + kCartWidth / 2.0, -kCartHeight / 2.0},
               {x + kCartWidth / 2.0, kCartHeight / 2.0},
               {x - kCartWidth / 2.0, kCartHeight / 2.0}},
              kInk);
  const Point hinge = {x, kCartHeight / 4.0};
  canvas.draw_lines({hinge,
                     {hinge.x + 2.0 * half_length_ * std::sin(theta),
                      hinge.y + 2.0 * half_length_ * std::cos(theta)}},
                    0.08, kPole);
  canvas.fill_circle(hinge, 0.04, kAxle);
}

Scene CartPole::scene() {
  constexpr std::array<float, 4> kBlack = {0.1f, 0.1f, 0.1f, 1.0f};
  constexpr std::array<float, 4> kWood = {0.79f, 0.60f, 0.40f, 1.0f};
  const Point rail[] = {{-2.0 * kPositionLimit, 0.0}, {2.0 * kPositionLimit, 0.0}};
  const Point rod[] = {{0.0, 0.0}, {0.0, 2.0 * half_length_}};
  return {.bodies = {"rail", "cart", "pole"},
          .shapes = {flat_line(0, rail, 0.01, kBlack), flat_box(1, {}, 0.2, 0.12, kBlack),
                     flat_line(2, rod, 0.04, kWood)},
          .flat = true};
}

void CartPole::body_poses(std::span<double> poses) {
  const double x = state_[0];
  write_flat_pose({}, 0.0, poses);
  write_flat_pose({x, 0.0}, 0.0, poses.subspan(kPoseNumbers));
  write_flat_pose({x, 0.06}, -state_[2], poses.subspan(2 * kPoseNumbers));
}

}  // namespace costate
