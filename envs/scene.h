// What an environment looks like in space: bodies that move, and the shapes that each is made of.
//
// Lengths are metres, z points up, quaternions are (w, x, y, z). An environment of the plane lies
// in x and z, or, where it is seen from above, in x and y. The geometry holds for an episode; where
// its bodies are belongs to the state (Env::body_poses).
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/render/point.h"

namespace costate {

struct ScenePose {
  std::array<double, 3> position = {};
  std::array<double, 4> rotation = {1.0, 0.0, 0.0, 0.0};
};

struct SceneShape {
  enum class Kind {
    kPlane,      ///< size: half widths in x and y; 0: without an end
    kSphere,     ///< size: radius
    kCapsule,    ///< along z; size: radius, half the length of the cylinder
    kEllipsoid,  ///< size: three radii
    kCylinder,   ///< along z; size: radius, half length
    kBox,        ///< size: three half lengths
    kPrism,      ///< a polygon of `points`, size: half its depth, across the plane of the task
    kLine,       ///< from point to point, size: radius
    kMesh        ///< triangles `faces` of `points`
  };

  Kind kind = Kind::kSphere;
  std::size_t body = 0;
  ScenePose pose = {};  ///< in the frame of the body
  std::array<double, 3> size = {};
  std::array<float, 4> color = {0.5f, 0.5f, 0.5f, 1.0f};  ///< red, green, blue, opacity: 0 … 1
  std::vector<std::array<double, 3>> points = {};
  std::vector<std::array<int, 3>> faces = {};
};

struct Scene {
  std::vector<std::string> bodies = {};  ///< names; empty: there is nothing to see
  std::vector<SceneShape> shapes = {};
  bool flat = false;        ///< everything happens in a plane
  bool from_above = false;  ///< which is that of x and y
};

/// "plane", "sphere", …
std::string_view kind_name(SceneShape::Kind kind);

/// Numbers that a pose takes in Env::body_poses: x, y, z, then the quaternion.
constexpr std::size_t kPoseNumbers = 7;

/// Writes a pose of the plane of x and z, turned counter-clockwise by `angle` (rad) as seen with x
/// to the right and z up; or, `from_above`, of x and y.
void write_flat_pose(Point at, double angle, std::span<double> pose, bool from_above = false);

/// A point of the plane of x and z.
inline std::array<double, 3> flat_point(Point point) {
  return {point.x, 0.0, point.y};
}

/// A box in that plane, centred at `at`.
SceneShape flat_box(std::size_t body, Point at, double half_width, double half_height,
                    std::array<float, 4> color);
/// A line with round ends in that plane.
SceneShape flat_line(std::size_t body, std::span<const Point> points, double radius,
                     std::array<float, 4> color);

}  // namespace costate
