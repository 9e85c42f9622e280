// The closed road of CarRacing-v3: points along its middle, 3.5 m apart, and the tiles between
// them.
//
// Gymnasium's definition: twelve checkpoints at random distances around the origin; a point drives
// from one to the next with a bounded turn rate for several laps, and one whole lap is the road,
// if its ends meet.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "envs/box2d/box2d_env.h"

namespace costate {

struct RaceTrack {
  static constexpr double kHalfWidth = 40.0 / 6.0;  ///< m
  static constexpr double kStep = 21.0 / 6.0;       ///< m between two points
  static constexpr double kBorder = 8.0 / 6.0;      ///< width of the kerb in m
  /// A lap is cut from a drive of so many points.
  static constexpr std::size_t kMaxPoints = 2500;

  struct Node {
    double heading = 0.0;  ///< rad; the road runs along (−sin heading, cos heading)
    double x = 0.0;        ///< m
    double y = 0.0;        ///< m
  };
  using Quad = std::array<Point, 4>;

  /// Draws until a road closes.
  static RaceTrack make(Draws& draws);

  /// The tile between point i and the point before it (the last one for i = 0).
  Quad tile(std::size_t i) const;
  /// The kerb beside that tile, where there is one.
  Quad kerb(std::size_t i) const;
  const Node& before(std::size_t i) const {
    return points[(i + points.size() - 1) % points.size()];
  }

  std::vector<Node> points;
  std::vector<bool> has_kerb;  ///< of every tile: sharp turns have one

 private:
  /// Empty where the road does not close.
  static std::vector<Node> drive(Draws& draws);
  void mark_kerbs();
};

}  // namespace costate
