#include "envs/box2d/drawing.h"

#include <array>
#include <cstddef>
#include <span>

namespace costate {

void fill_body(Canvas& canvas, const b2Body& body, Color color) {
  for (const b2Fixture* fixture = body.GetFixtureList(); fixture != nullptr;
       fixture = fixture->GetNext()) {
    if (fixture->GetType() != b2Shape::e_polygon) continue;
    const auto& shape = static_cast<const b2PolygonShape&>(*fixture->GetShape());
    std::array<Point, b2_maxPolygonVertices> corners;
    const auto count = static_cast<std::size_t>(shape.m_count);
    for (std::size_t i = 0; i < count; ++i) {
      corners[i] = point(body.GetWorldPoint(shape.m_vertices[i]));
    }
    canvas.fill(std::span(corners).first(count), color);
  }
}

}  // namespace costate
