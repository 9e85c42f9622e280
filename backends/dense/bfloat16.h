// The matrix products of a dense layer in bfloat16: operands are rounded to the upper half of a
// float (8 bits of precision, to nearest, ties to even) and products are added up in float, by
// libxsmm's kernels for AVX-512 BF16, which do twice as many operations a cycle as float ones.
// Everything that goes in and comes out is float.
//
// The kernels want one operand as pairs: of two rows of a matrix [k, m], what stands in a column
// side by side, [k/2, m, 2]. Sizes that are odd are filled up with zeros.
#pragma once

#include <memory>

namespace costate::matmul {

/// Whether this processor, and libxsmm on it, multiply bfloat16 numbers.
bool has_bfloat16();

/// As matmul::Layer, with all gradients.
class Bfloat16Layer {
 public:
  Bfloat16Layer(int in, int out, int max_rows);
  ~Bfloat16Layer();

  void product(const float* x, const float* w, int rows, float* y);
  void add_weight_gradient(const float* x, const float* dy, int rows, float* dw);
  void input_gradient(const float* dy, const float* w, int rows, float* dx);

 private:
  struct Kernels;

  std::unique_ptr<Kernels> kernels_;
};

}  // namespace costate::matmul
