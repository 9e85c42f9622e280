// Transposition of a matrix of 32-bit numbers by libxsmm's generated kernels.
#pragma once

#include <algorithm>
#include <array>
#include <libxsmm.h>

namespace costate::matmul {

/// to [columns, rows] = from [rows, columns]ᵀ, in tiles that stay in the first-level cache.
class Transposition {
 public:
  Transposition() = default;
  Transposition(int rows, int columns) : rows_(rows), columns_(columns) {
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        const int height = i == 0 ? std::min(kTile, rows) : rows % kTile;
        const int width = j == 0 ? std::min(kTile, columns) : columns % kTile;
        if (height == 0 || width == 0) continue;
        libxsmm_descriptor_blob blob;
        tiles_[i][j] = libxsmm_dispatch_trans(libxsmm_trans_descriptor_init(
            &blob, sizeof(float), static_cast<unsigned>(width), static_cast<unsigned>(height),
            static_cast<unsigned>(rows)));
      }
    }
  }
  void operator()(const void* from, void* to) const {
    const auto ldi = static_cast<unsigned>(columns_);
    const auto ldo = static_cast<unsigned>(rows_);
    for (int i = 0; i < rows_; i += kTile) {
      for (int j = 0; j < columns_; j += kTile) {
        const int height = std::min(kTile, rows_ - i);
        const int width = std::min(kTile, columns_ - j);
        const auto* const in = static_cast<const float*>(from) + i * columns_ + j;
        auto* const out = static_cast<float*>(to) + j * rows_ + i;
        const auto tile = tiles_[i > 0 && height < kTile][j > 0 && width < kTile];
        if (tile != nullptr) {
          tile(in, &ldi, out, &ldo);
        } else {
          libxsmm_otrans(out, in, sizeof(float), width, height, columns_, rows_);
        }
      }
    }
  }

 private:
  static constexpr int kTile = 32;

  int rows_ = 0;
  int columns_ = 0;
  // By whether the tile is what is left at the lower and at the right edge. Null where libxsmm does
  // not know the machine.
  std::array<std::array<libxsmm_xtransfunction, 2>, 2> tiles_{};
};

}  // namespace costate::matmul
