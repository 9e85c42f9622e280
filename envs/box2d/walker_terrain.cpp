#include "envs/box2d/walker_terrain.h"

#include <cmath>

namespace costate {

WalkerTerrain WalkerTerrain::make(Draws& draws, bool obstacles) {
  enum class Kind { kGrass, kStump, kStairs, kPit };
  WalkerTerrain terrain;
  terrain.vertices.reserve(kLength);
  Kind kind = Kind::kGrass;
  bool first = false;          // whether this vertex is the first of its kind's stretch
  int counter = kStartLength;  // vertices left of the stretch
  double y = kHeight;
  double slope = 0.0;
  double base = 0.0;  // height before stairs or a pit
  constexpr int kStairWidth = 4;
  int stairs = 0;
  int direction = 0;  // of the stairs
  for (int i = 0; i < kLength; ++i) {
    const double x = i * kStep;
    switch (kind) {
      case Kind::kGrass:
        if (first) break;
        slope = 0.8 * slope;
        if (y != kHeight) slope += std::copysign(0.01, kHeight - y);
        if (i > kStartLength) slope += draws.uniform(-1.0, 1.0) / 30.0;
        y += slope;
        break;
      case Kind::kStump:
        if (!first) break;
        counter = draws.integer(1, 3);
        terrain.add_block(x, y + counter * kStep, counter * kStep, counter * kStep);
        break;
      case Kind::kStairs:
        if (first) {
          direction = draws.uniform(0.0, 1.0) > 0.5 ? 1 : -1;
          stairs = draws.integer(3, 5);
          base = y;
          for (int s = 0; s < stairs; ++s) {
            terrain.add_block(x + s * kStairWidth * kStep, y + s * direction * kStep,
                              kStairWidth * kStep, kStep);
          }
          counter = stairs * kStairWidth;
        } else {
          const int k = stairs * kStairWidth - counter - direction;
          y = base + static_cast<double>(k) / kStairWidth * direction * kStep;
        }
        break;
      case Kind::kPit:
        if (first) {
          counter = draws.integer(3, 5);
          terrain.add_block(x, y, kStep, 4.0 * kStep);
          terrain.add_block(x + counter * kStep, y, kStep, 4.0 * kStep);
          counter += 2;
          base = y;
        } else {
          y = counter > 1 ? base - 4.0 * kStep : base;
        }
        break;
    }
    terrain.vertices.push_back({x, y});
    first = false;
    if (--counter == 0) {
      counter = draws.integer(kGrassLength / 2, kGrassLength);
      const bool obstacle = kind == Kind::kGrass && obstacles && !draws.centred();
      kind = obstacle ? static_cast<Kind>(draws.integer(1, 4)) : Kind::kGrass;
      first = true;
    }
  }
  return terrain;
}

void WalkerTerrain::add_block(double x, double top, double width, double height) {
  blocks.push_back({{{x, top}, {x + width, top}, {x + width, top - height}, {x, top - height}}});
}

}  // namespace costate
