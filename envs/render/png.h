// Pictures as PNG files.
#pragma once

#include <string>

#include "envs/picture.h"

namespace costate {

/// The bytes of a PNG file. Throws Error where memory is short.
std::string to_png(const Picture& picture);

}  // namespace costate
