// A picture of an environment, and what to ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace costate {

/// Eight bits a channel, red, green and blue, row by row from the top left.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  ///< [height, width, 3]

  /// Makes room for a picture of this size; allocates only where it is larger than any before.
  void resize(int new_width, int new_height) {
    width = new_width;
    height = new_height;
    rgb.resize(static_cast<std::size_t>(3) * static_cast<std::size_t>(width) *
               static_cast<std::size_t>(height));
  }
};

struct RenderOptions {
  int width = 480;   ///< in pixels
  int height = 480;  ///< in pixels
  /// A camera of the model, for environments that have several; empty: the one that shows the task
  /// best.
  std::string camera;
  bool shadows = true;  ///< where the renderer can cast them; they take most of its time
};

}  // namespace costate
