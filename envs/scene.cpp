#include "envs/scene.h"

#include <algorithm>

namespace costate {

std::string_view kind_name(SceneShape::Kind kind) {
  constexpr std::array<std::string_view, 9> kNames = {
      "plane", "sphere", "capsule", "ellipsoid", "cylinder", "box", "prism", "line", "mesh"};
  return kNames[static_cast<std::size_t>(kind)];
}

void write_flat_pose(Point at, double angle, std::span<double> pose, bool from_above) {
  const double real = std::cos(0.5 * angle);
  const double imaginary = std::sin(0.5 * angle);
  // From x to z is a turn about −y.
  const std::array<double, kPoseNumbers> values =
      from_above ? std::array<double, kPoseNumbers>{at.x, at.y, 0.0, real, 0.0, 0.0, imaginary}
                 : std::array<double, kPoseNumbers>{at.x, 0.0, at.y, real, 0.0, -imaginary, 0.0};
  std::copy(values.begin(), values.end(), pose.begin());
}

SceneShape flat_box(std::size_t body, Point at, double half_width, double half_height,
                    std::array<float, 4> color) {
  return {.kind = SceneShape::Kind::kBox,
          .body = body,
          .pose = {.position = flat_point(at)},
          .size = {half_width, 0.5 * half_width, half_height},
          .color = color};
}

SceneShape flat_line(std::size_t body, std::span<const Point> points, double radius,
                     std::array<float, 4> color) {
  SceneShape shape{.kind = SceneShape::Kind::kLine, .body = body, .size = {radius}, .color = color};
  for (const Point& point : points) shape.points.push_back(flat_point(point));
  return shape;
}

}  // namespace costate
