#include "envs/render/png.h"

#include <cairo.h>
#include <cstdint>
#include <vector>

#include "envs/error.h"

namespace costate {

std::string to_png(const Picture& picture) {
  // Cairo's pixels: four bytes each, as one number 0x00RRGGBB in the machine's byte order.
  std::vector<std::uint32_t> pixels(picture.rgb.size() / 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::uint8_t* rgb = picture.rgb.data() + 3 * i;
    pixels[i] =
        static_cast<std::uint32_t>(rgb[0]) << 16 | static_cast<std::uint32_t>(rgb[1]) << 8 | rgb[2];
  }
  cairo_surface_t* surface = cairo_image_surface_create_for_data(
      reinterpret_cast<unsigned char*>(pixels.data()), CAIRO_FORMAT_RGB24, picture.width,
      picture.height, 4 * picture.width);
  std::string bytes;
  const cairo_status_t status = cairo_surface_write_to_png_stream(
      surface,
      [](void* out, const unsigned char* data, unsigned int length) {
        static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(data), length);
        return CAIRO_STATUS_SUCCESS;
      },
      &bytes);
  cairo_surface_destroy(surface);
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error(std::string("a picture cannot be written as PNG: ") +
                cairo_status_to_string(status));
  }
  return bytes;
}

}  // namespace costate
