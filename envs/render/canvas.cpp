#include "envs/render/canvas.h"

#include <algorithm>
#include <array>
#include <cairo.h>
#include <cstddef>
#include <numbers>
#include <string>

#include "envs/error.h"

namespace costate {

struct Canvas::Context {
  Context(int width, int height)
      : surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)),
        cairo(cairo_create(surface)) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
  }

  cairo_surface_t* surface;
  cairo_t* cairo;
};

View View::of(const View& inner) const {
  return {xx * inner.xx + xy * inner.yx,      xx * inner.xy + xy * inner.yy,
          xx * inner.x0 + xy * inner.y0 + x0, yx * inner.xx + yy * inner.yx,
          yx * inner.xy + yy * inner.yy,      yx * inner.x0 + yy * inner.y0 + y0};
}

Canvas::Canvas(int width, int height)
    : width_(width), height_(height), context_(std::make_unique<Context>(width, height)) {
  const cairo_status_t status = cairo_status(context_->cairo);
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error("a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                " pixels cannot be drawn: " + cairo_status_to_string(status));
  }
  cairo_set_line_cap(context_->cairo, CAIRO_LINE_CAP_ROUND);
  cairo_set_line_join(context_->cairo, CAIRO_LINE_JOIN_ROUND);
}

Canvas::Canvas(const RenderOptions& options, const std::string& id)
    : Canvas(options.width, options.height) {
  if (!options.camera.empty()) {
    throw UsageError(id + ": there is no camera \"" + options.camera +
                     "\", the picture is flat and has none");
  }
}

Canvas::~Canvas() = default;
Canvas::Canvas(Canvas&&) noexcept = default;
Canvas& Canvas::operator=(Canvas&&) noexcept = default;

void Canvas::set_view(const View& view) {
  cairo_matrix_t matrix;
  cairo_matrix_init(&matrix, view.xx, view.yx, view.xy, view.yy, view.x0, view.y0);
  cairo_set_matrix(context_->cairo, &matrix);
}

void Canvas::show(double left, double right, double bottom, double top) {
  const double scale = std::min(width_ / (right - left), height_ / (top - bottom));
  set_view({scale, 0.0, 0.5 * (width_ - scale * (left + right)), 0.0, -scale,
            0.5 * (height_ + scale * (bottom + top))});
}

void Canvas::clear(Color color) {
  set_color(color);
  cairo_paint(context_->cairo);
}

void Canvas::fill(std::span<const Point> polygon, Color color) {
  trace(polygon);
  set_color(color);
  cairo_fill(context_->cairo);
}

void Canvas::fill_circle(Point centre, double radius, Color color) {
  set_color(color);
  cairo_new_path(context_->cairo);
  cairo_arc(context_->cairo, centre.x, centre.y, radius, 0.0, 2.0 * std::numbers::pi);
  cairo_fill(context_->cairo);
}

void Canvas::draw_lines(std::span<const Point> points, double width, Color color) {
  trace(points);
  set_color(color);
  cairo_set_line_width(context_->cairo, width);
  cairo_stroke(context_->cairo);
}

void Canvas::draw_number(std::string_view digits, Point corner, double height, Color color) {
  // Segments by bit: top, upper right, lower right, bottom, lower left, upper left, middle.
  constexpr std::array<unsigned, 10> kSegments = {0b0111111, 0b0000110, 0b1011011, 0b1001111,
                                                  0b1100110, 0b1101101, 0b1111101, 0b0000111,
                                                  0b1111111, 0b1101111};
  constexpr unsigned kMinus = 0b1000000;
  const double width = 0.5 * height;
  const double thickness = 0.15 * height;
  for (const char digit : digits) {
    const auto [x, y] = corner;
    if (digit == '.') {
      // In the gap before it.
      fill_circle({x - 0.175 * height, y + height}, 0.6 * thickness, color);
      continue;
    }
    const std::array<std::array<Point, 2>, 7> segments = {{
        {{{x, y}, {x + width, y}}},
        {{{x + width, y}, {x + width, y + width}}},
        {{{x + width, y + width}, {x + width, y + height}}},
        {{{x, y + height}, {x + width, y + height}}},
        {{{x, y + width}, {x, y + height}}},
        {{{x, y}, {x, y + width}}},
        {{{x, y + width}, {x + width, y + width}}},
    }};
    const unsigned lit = digit == '-' ? kMinus : kSegments[static_cast<std::size_t>(digit - '0')];
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if ((lit >> i) & 1u) draw_lines(segments[i], thickness, color);
    }
    corner.x += 0.85 * height;
  }
}

void Canvas::copy_to(Picture& picture) const {
  picture.resize(width_, height_);
  auto next = picture.rgb.begin();
  read([&next](std::uint8_t value) { *next++ = value; });
}

void Canvas::set_color(Color color) {
  cairo_set_source_rgb(context_->cairo, color.red / 255.0, color.green / 255.0, color.blue / 255.0);
}

void Canvas::trace(std::span<const Point> points) {
  cairo_new_path(context_->cairo);
  for (const Point& point : points) cairo_line_to(context_->cairo, point.x, point.y);
}

const std::uint32_t* Canvas::pixels(int y) const {
  cairo_surface_flush(context_->surface);
  const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(context_->surface));
  const unsigned char* data = cairo_image_surface_get_data(context_->surface);
  return reinterpret_cast<const std::uint32_t*>(data + static_cast<std::size_t>(y) * stride);
}

}  // namespace costate
