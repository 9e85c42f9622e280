// Distributions of independent dimensions work on [n, D] blocks whose rows are too short to be
// vectorised one by one. They cut the n·D entries into blocks, evaluate exponentials of a whole
// block with the kernels, and do the plain arithmetic entry by entry.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace costate {

inline constexpr std::size_t kBlockEntries = 256;
using Block = std::array<float, kBlockEntries>;

/// Calls f(first, count) for blocks of at most kBlockEntries entries that cover 0 … entries − 1.
template <class F>
void for_blocks(std::size_t entries, F f) {
  for (std::size_t first = 0; first < entries; first += kBlockEntries) {
    f(first, std::min(kBlockEntries, entries - first));
  }
}

/// Calls f(k, row, dimension) for k = 0 … count − 1, where entry first + k of [n, dimensions] is
/// that row and dimension.
template <class F>
void for_entries(std::size_t first, std::size_t count, std::size_t dimensions, F f) {
  std::size_t row = first / dimensions;
  std::size_t dimension = first % dimensions;
  for (std::size_t k = 0; k < count; ++k) {
    f(k, row, dimension);
    if (++dimension == dimensions) {
      dimension = 0;
      ++row;
    }
  }
}

}  // namespace costate
