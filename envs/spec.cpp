#include "envs/spec.h"

#include <cassert>
#include <cmath>
#include <utility>

#include "envs/random.h"

namespace costate {
namespace {

/// Whether `value` is one of 0 … count − 1. A NaN is not.
bool is_index(float value, int count) {
  return value >= 0.0f && value < static_cast<float>(count) && value == std::floor(value);
}

}  // namespace

Space Space::box(int n, double low, double high) {
  return box(std::vector<double>(static_cast<std::size_t>(n), low),
             std::vector<double>(static_cast<std::size_t>(n), high));
}

Space Space::box(std::vector<double> low, std::vector<double> high) {
  assert(low.size() == high.size());
  Space space;
  space.kind = Kind::kBox;
  space.shape = {static_cast<int>(low.size())};
  space.low = std::move(low);
  space.high = std::move(high);
  return space;
}

Space Space::picture(int height, int width) {
  Space space = box(height * width * 3, 0.0, 255.0);
  space.shape = {height, width, 3};
  return space;
}

Space Space::discrete(int n) {
  Space space;
  space.kind = Kind::kDiscrete;
  space.counts = {n};
  return space;
}

Space Space::multi_discrete(std::vector<int> counts) {
  Space space;
  space.kind = Kind::kMultiDiscrete;
  space.shape = {static_cast<int>(counts.size())};
  space.counts = std::move(counts);
  return space;
}

Space Space::multi_binary(int n) {
  Space space;
  space.kind = Kind::kMultiBinary;
  space.shape = {n};
  return space;
}

int Space::size() const {
  int product = 1;
  for (const int extent : shape) product *= extent;
  return product;
}

bool Space::bounded() const {
  if (kind != Kind::kBox) return false;
  for (const double bound : low) {
    if (!std::isfinite(bound)) return false;
  }
  for (const double bound : high) {
    if (!std::isfinite(bound)) return false;
  }
  return true;
}

bool Space::contains(std::span<const float> row) const {
  if (row.size() != static_cast<std::size_t>(size())) return false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    switch (kind) {
      case Kind::kBox:
        // Bounds are rounded like the row, or a value at the bound 0.1 would lie outside.
        if (!(row[i] >= static_cast<float>(low[i]) && row[i] <= static_cast<float>(high[i]))) {
          return false;
        }
        break;
      case Kind::kDiscrete:
      case Kind::kMultiDiscrete:
        if (!is_index(row[i], counts[i])) return false;
        break;
      case Kind::kMultiBinary:
        if (!is_index(row[i], 2)) return false;
        break;
    }
  }
  return true;
}

void Space::sample(RandomStream& random, std::span<float> row) const {
  assert(row.size() == static_cast<std::size_t>(size()));
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (kind == Kind::kBox) {
      const double from = std::isfinite(low[i]) ? low[i] : -1.0;
      const double to = std::isfinite(high[i]) ? high[i] : 1.0;
      row[i] = static_cast<float>(random.uniform(from, to));
    } else {
      row[i] = static_cast<float>(random.below(static_cast<std::uint64_t>(count(i))));
    }
  }
}

std::string Space::to_string() const {
  const auto list = [](const std::vector<int>& numbers) {
    std::string text;
    for (const int number : numbers) {
      if (!text.empty()) text += ", ";
      text += std::to_string(number);
    }
    return "(" + text + ")";
  };
  switch (kind) {
    case Kind::kBox:
      return "Box" + list(shape);
    case Kind::kDiscrete:
      return "Discrete" + list(counts);
    case Kind::kMultiDiscrete:
      return "MultiDiscrete" + list(counts);
    case Kind::kMultiBinary:
      return "MultiBinary" + list(shape);
  }
  return "";
}

}  // namespace costate
