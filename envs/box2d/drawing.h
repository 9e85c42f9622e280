// Box2D bodies on a canvas.
#pragma once

#include <box2d/box2d.h>

#include "envs/render/canvas.h"

namespace costate {

inline Point point(const b2Vec2& vector) {
  return {static_cast<double>(vector.x), static_cast<double>(vector.y)};
}

/// Fills the polygons that the body is made of.
void fill_body(Canvas& canvas, const b2Body& body, Color color);

}  // namespace costate
