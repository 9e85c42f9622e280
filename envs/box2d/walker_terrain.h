// The ground of the BipedalWalker tasks: a line of edges, and blocks of stumps, stairs and pits.
//
// Gymnasium's definition: after a flat start, grass whose slope wanders; with obstacles, stretches
// of grass take turns with one of the three.
#pragma once

#include <array>
#include <vector>

#include "envs/box2d/box2d_env.h"

namespace costate {

struct WalkerTerrain {
  static constexpr double kStep = 14.0 / 30.0;           ///< m from vertex to vertex
  static constexpr int kLength = 200;                    ///< vertices
  static constexpr double kHeight = 400.0 / 30.0 / 4.0;  ///< of the start in m
  static constexpr int kGrassLength = 10;                ///< vertices of grass, at most
  static constexpr int kStartLength = 20;                ///< vertices of the flat start
  using Block = std::array<Point, 4>;

  /// The noise-free ground is flat and has no obstacles.
  static WalkerTerrain make(Draws& draws, bool obstacles);

  std::vector<Point> vertices;  ///< from left to right
  std::vector<Block> blocks;    ///< rectangles, from the upper left corner clockwise

 private:
  void add_block(double x, double top, double width, double height);
};

}  // namespace costate
