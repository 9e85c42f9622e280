#include "envs/format.h"

#include <charconv>

namespace costate {
namespace {

template <class T>
std::string shortest(T value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

}  // namespace

std::string format_number(double value) {
  return shortest(value);
}
std::string format_number(float value) {
  return shortest(value);
}

}  // namespace costate
