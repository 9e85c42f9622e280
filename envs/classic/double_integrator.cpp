#include "envs/classic/double_integrator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "envs/format.h"

namespace costate {
namespace {

constexpr double kMass = 1.0;
constexpr double kForce = 1.0;

EnvSpec double_integrator_spec(const DoubleIntegratorConfig& config) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string tolerance = format_number(config.tolerance);
  EnvSpec spec;
  spec.id = "DoubleIntegrator-v0";
  spec.summary = "Bring a mass on a rail to rest at the origin in the shortest time";
  spec.observation = Space::box(2, -kInfinity, kInfinity);
  spec.observation.labels = {"position (m)", "velocity (m/s)"};
  spec.action = Space::box(1, -1.0, 1.0);
  spec.action.labels = {"force (N)"};
  spec.time_limit = 200;
  spec.control_step = config.time_step;
  spec.reward = "-dt, dt = " + format_number(config.time_step) + " s";
  spec.termination = "|position| <= " + tolerance + " m and |velocity| <= " + tolerance + " m/s";
  return spec;
}

}  // namespace

void DoubleIntegratorConfig::describe(Options& options) {
  options.add("time_step", time_step, Range::above(0.0), "seconds for which a force is held");
  options.add("tolerance", tolerance, Range::above(0.0),
              "distance (m) and speed (m/s) up to which the mass is at rest at the origin");
}

DoubleIntegrator::DoubleIntegrator(const DoubleIntegratorConfig& config)
    : ClassicEnv(double_integrator_spec(config), {-1.5, -1.0}, {1.5, 1.0}, {"mass", "gear"}),
      config_(config) {
  take_parameters();
}

void DoubleIntegrator::take_parameters() {
  force_to_acceleration_ = kForce * factor("gear") / (kMass * factor("mass"));
}

StepResult DoubleIntegrator::step(std::span<const float> action, std::span<double> observation) {
  const double dt = config_.time_step;
  const double force = std::clamp(static_cast<double>(action[0]), -1.0, 1.0);
  const double acceleration = force_to_acceleration_ * force;
  auto& [x, v] = state_;
  x += (v + 0.5 * acceleration * dt) * dt;
  v += acceleration * dt;

  observe(observation);
  return {.reward = -dt,
          .terminated = std::abs(x) <= config_.tolerance && std::abs(v) <= config_.tolerance};
}

void DoubleIntegrator::observe(std::span<double> observation) const {
  observation[0] = round_to_float32(state_[0]);
  observation[1] = round_to_float32(state_[1]);
}

void DoubleIntegrator::draw(Canvas& canvas) const {
  constexpr Color kBackground = {255, 255, 255};
  constexpr Color kInk = {0, 0, 0};
  constexpr Color kGoal = {120, 190, 120};
  constexpr Color kBlock = {90, 130, 190};
  constexpr Color kVelocity = {204, 77, 77};
  // As far as the shortest way leads from any start: 1.5 m, and 0.5 m to stop.
  constexpr double kReach = 2.25;
  constexpr double kHalfWidth = 0.2;
  constexpr double kHeight = 0.4;
  canvas.clear(kBackground);
  canvas.show(-kReach, kReach, -1.0, 1.4);
  const double goal = config_.tolerance;
  canvas.fill({{-goal, -0.3}, {goal, -0.3}, {goal, 0.0}, {-goal, 0.0}}, kGoal);
  canvas.draw_lines({{-10.0 * kReach, 0.0}, {10.0 * kReach, 0.0}}, 0.02, kInk);
  const auto [x, v] = state_;
  canvas.fill({{x - kHalfWidth, 0.0},
               {x + kHalfWidth, 0.0},
               {x + kHalfWidth, kHeight},
               {x - kHalfWidth, kHeight}},
              kBlock);
  // A metre for each metre a second.
  canvas.draw_lines({{x, 0.5 * kHeight}, {x + v, 0.5 * kHeight}}, 0.06, kVelocity);
  canvas.fill_circle({x + v, 0.5 * kHeight}, 0.08, kVelocity);
}

Scene DoubleIntegrator::scene() {
  const Point rail[] = {{-4.5, 0.0}, {4.5, 0.0}};
  return {
      .bodies = {"rail", "block"},
      .shapes = {flat_line(0, rail, 0.01, {0.1f, 0.1f, 0.1f, 1.0f}),
                 flat_box(0, {0.0, -0.05}, config_.tolerance, 0.04, {0.47f, 0.75f, 0.47f, 1.0f}),
                 flat_box(1, {0.0, 0.2}, 0.2, 0.2, {0.35f, 0.51f, 0.75f, 1.0f})},
      .flat = true};
}

void DoubleIntegrator::body_poses(std::span<double> poses) {
  write_flat_pose({}, 0.0, poses);
  write_flat_pose({state_[0], 0.0}, 0.0, poses.subspan(kPoseNumbers));
}

double minimum_time(double x, double v) {
  return minimum_cost(x, v, 0.0);
}

double minimum_cost(double x, double v, double price) {
  if (x + 0.5 * v * std::abs(v) < 0.0) return minimum_cost(-x, -v, price);
  const double way = x + 0.5 * v * v;
  const double factor = 1.0 + 2.0 * price;
  if (v < 0.0 && factor * v * v > way) return -way / v - price * v;
  return (1.0 + price) * v + 2.0 * std::sqrt(factor * way);
}

double minimum_fuel(double x0, double v0, double x1, double v1, double time) {
  // Between the two speeds it is enough to change from one to the other, early or late.
  const auto [low, high] = std::minmax(v0, v1);
  const double coasted = x1 - x0 - 0.5 * (high * high - low * low);
  const double left = std::max(time - (high - low), 0.0);
  if (coasted < low * left) return minimum_fuel(-x0, -v0, -x1, -v1, time);
  if (coasted <= high * left) return high - low;
  const double half = 0.5 * (time + v0 + v1);
  const double square = half * half - (x1 - x0) - 0.5 * (v0 * v0 + v1 * v1);
  return 2.0 * (half - std::sqrt(std::max(square, 0.0))) - v0 - v1;
}

}  // namespace costate
