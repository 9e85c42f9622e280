#include "envs/classic/hill.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace costate::hill {

EnvSpec spec() {
  EnvSpec spec;
  spec.observation = Space::box({kMinPosition, -kMaxSpeed}, {kMaxPosition, kMaxSpeed});
  spec.observation.labels = {"position (1)", "velocity (1/step)"};
  // The task has no seconds; this is the pace at which Gymnasium shows it.
  spec.control_step = 1.0 / 30.0;
  return spec;
}

void drive(double& position, double& velocity, double push, double gravity) {
  velocity += push - gravity * std::cos(3.0 * position);
  velocity = std::clamp(velocity, -kMaxSpeed, kMaxSpeed);
  position += velocity;
  position = std::clamp(position, kMinPosition, kMaxPosition);
  if (position == kMinPosition && velocity < 0.0) velocity = 0.0;
}

namespace {

constexpr std::size_t kVertices = 101;

/// The hill whose slope the car's gravity follows: its derivative goes as cos(3 x).
double height(double x) {
  return 0.45 * std::sin(3.0 * x) + 0.55;
}
double slope_angle(double x) {
  return std::atan(3.0 * 0.45 * std::cos(3.0 * x));
}

std::array<Point, kVertices> surface() {
  std::array<Point, kVertices> points;
  for (std::size_t i = 0; i < kVertices; ++i) {
    const double x = kMinPosition + (kMaxPosition - kMinPosition) * static_cast<double>(i) /
                                        static_cast<double>(kVertices - 1);
    points[i] = {x, height(x)};
  }
  return points;
}

}  // namespace

void draw(Canvas& canvas, double position, double goal) {
  constexpr Color kSky = {255, 255, 255};
  constexpr Color kGround = {214, 208, 190};
  constexpr Color kInk = {0, 0, 0};
  constexpr Color kWheel = {118, 128, 140};
  constexpr Color kFlag = {204, 204, 0};
  canvas.clear(kSky);
  canvas.show(kMinPosition, kMaxPosition, 0.0, 1.2);

  std::array<Point, kVertices + 2> ground;
  std::ranges::copy(surface(), ground.begin());
  ground[kVertices] = {kMaxPosition, -2.0};
  ground[kVertices + 1] = {kMinPosition, -2.0};
  canvas.fill(ground, kGround);
  canvas.draw_lines(std::span(ground).first(kVertices), 0.006, kInk);

  const double slope = slope_angle(position);
  const auto on_car = [&](double along, double above) {
    return Point{position + along * std::cos(slope) - above * std::sin(slope),
                 height(position) + along * std::sin(slope) + above * std::cos(slope)};
  };
  canvas.fill({on_car(-0.06, 0.03), on_car(0.06, 0.03), on_car(0.06, 0.09), on_car(-0.06, 0.09)},
              kInk);
  canvas.fill_circle(on_car(-0.03, 0.025), 0.025, kWheel);
  canvas.fill_circle(on_car(0.03, 0.025), 0.025, kWheel);

  const double bottom = height(goal);
  canvas.draw_lines({{goal, bottom}, {goal, bottom + 0.15}}, 0.006, kInk);
  canvas.fill({{goal, bottom + 0.15}, {goal, bottom + 0.12}, {goal + 0.075, bottom + 0.135}},
              kFlag);
}

Scene scene(double goal) {
  constexpr std::array<float, 4> kEarth = {0.55f, 0.5f, 0.4f, 1.0f};
  constexpr std::array<float, 4> kWheel = {0.46f, 0.5f, 0.55f, 1.0f};
  const Point pole[] = {{goal, height(goal)}, {goal, height(goal) + 0.15}};
  Scene scene{.bodies = {"hill", "car"},
              .shapes = {flat_line(0, surface(), 0.006, kEarth),
                         flat_line(0, pole, 0.004, {0.8f, 0.6f, 0.0f, 1.0f}),
                         flat_box(1, {0.0, 0.06}, 0.06, 0.03, {0.1f, 0.1f, 0.1f, 1.0f})},
              .flat = true};
  for (const double x : {-0.03, 0.03}) {
    scene.shapes.push_back({.kind = SceneShape::Kind::kSphere,
                            .body = 1,
                            .pose = {.position = flat_point({x, 0.025})},
                            .size = {0.025},
                            .color = kWheel});
  }
  return scene;
}

void write_poses(double position, std::span<double> poses) {
  write_flat_pose({}, 0.0, poses);
  write_flat_pose({position, height(position)}, slope_angle(position), poses.subspan(kPoseNumbers));
}

}  // namespace costate::hill
