// A picture that is drawn by filled shapes and lines, over cairo.
//
// Edges are smoothed by the share of a pixel that a shape covers. Nothing depends on fonts or
// displays: the same calls give the same bytes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "envs/picture.h"
#include "envs/render/point.h"

namespace costate {

struct Color {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
};

/// An affine map to pixels, x to the right and y down:
///   (xx·x + xy·y + x0, yx·x + yy·y + y0)
struct View {
  double xx = 1.0;
  double xy = 0.0;
  double x0 = 0.0;
  double yx = 0.0;
  double yy = 1.0;
  double y0 = 0.0;

  /// First `inner`, then this map.
  View of(const View& inner) const;
};

class Canvas {
 public:
  /// For Env::render of the environment `id`. Throws UsageError where a camera is asked for, which
  /// a flat picture has not.
  Canvas(const RenderOptions& options, const std::string& id);
  /// Throws Error where there is no room for a picture of that size.
  Canvas(int width, int height);
  ~Canvas();
  Canvas(Canvas&&) noexcept;
  Canvas& operator=(Canvas&&) noexcept;

  int width() const { return width_; }
  int height() const { return height_; }

  /// How all that follows is mapped to pixels; pixels themselves at first.
  void set_view(const View& view);
  /// Shows a rectangle, y up, as large as it fits, in the middle; what lies around it is shown,
  /// too.
  void show(double left, double right, double bottom, double top);

  void clear(Color color);
  void fill(std::span<const Point> polygon, Color color);
  void fill(std::initializer_list<Point> polygon, Color color) {
    fill(std::span(polygon.begin(), polygon.size()), color);
  }
  void fill_circle(Point centre, double radius, Color color);
  /// Lines from point to point with round ends; `width` in the units of the view.
  void draw_lines(std::span<const Point> points, double width, Color color);
  void draw_lines(std::initializer_list<Point> points, double width, Color color) {
    draw_lines(std::span(points.begin(), points.size()), width, color);
  }
  /// A number ("-12.5") in seven-segment digits of that height (half as wide), with its upper left
  /// corner at `corner`, in a view whose y points down.
  void draw_number(std::string_view digits, Point corner, double height, Color color);

  /// Eight bits a channel, [height, width, 3], by calling `take(value)` in that order.
  template <class Take>
  void read(Take take) const {
    for (int y = 0; y < height_; ++y) {
      const std::uint32_t* row = pixels(y);
      for (int x = 0; x < width_; ++x) {
        take(static_cast<std::uint8_t>(row[x] >> 16));
        take(static_cast<std::uint8_t>(row[x] >> 8));
        take(static_cast<std::uint8_t>(row[x]));
      }
    }
  }
  void copy_to(Picture& picture) const;

 private:
  struct Context;

  void set_color(Color color);
  void trace(std::span<const Point> points);
  /// A row as 0x..RRGGBB, after all drawing is done.
  const std::uint32_t* pixels(int y) const;

  int width_;
  int height_;
  std::unique_ptr<Context> context_;
};

}  // namespace costate
