// Numbers as text, for messages and files.
#pragma once

#include <string>

namespace costate {

/// The shortest decimal text that reads back as the same number: "0.1", "3e-04", "nan", "-inf".
std::string format_number(double value);
std::string format_number(float value);

}  // namespace costate
