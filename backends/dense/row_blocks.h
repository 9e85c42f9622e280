// Generated kernels have a fixed number of rows; a few of them serve any number.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

namespace costate::matmul {

/// `Kernels`, made from a number of rows, for blocks of 1, 2, 4, … rows and for one of as many as
/// there usually are.
template <class Kernels>
class RowBlocks {
 public:
  RowBlocks() = default;
  /// make(rows) makes the kernels of a block.
  template <class Make>
  RowBlocks(int max_rows, const Make& make) : whole_rows_(std::min(max_rows, kMost)) {
    for (int rows = 1; rows <= whole_rows_; rows *= 2) powers_.push_back(make(rows));
    whole_ = make(whole_rows_);
  }

  /// The most rows of a block.
  int most() const { return whole_rows_; }

  /// Calls f(kernels, first row, rows) for blocks that cover the rows.
  template <class F>
  void for_rows(int rows, const F& f) const {
    int first = 0;
    for (; rows - first >= whole_rows_; first += whole_rows_) f(whole_, first, whole_rows_);
    while (first < rows) {
      const int power = std::bit_width(static_cast<unsigned>(rows - first)) - 1;
      f(powers_[static_cast<std::size_t>(power)], first, 1 << power);
      first += 1 << power;
    }
  }

 private:
  static constexpr int kMost = 256;

  int whole_rows_ = 0;
  Kernels whole_;
  std::vector<Kernels> powers_;
};

}  // namespace costate::matmul
