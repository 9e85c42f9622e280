// The three matrix products of a dense layer, on one thread.
//
// Layers of the usual width are products too small for a general BLAS, which copies its operands
// first. Those go to libxsmm, which generates a kernel for each shape and for the machine's
// instruction set; wide layers, and single rows where reading the weights is all that counts, go to
// OpenBLAS. docs/performance.md has the measurements behind the choice.
//
// All matrices are row-major; weights are [in, out]. The result depends on the shapes, the most
// rows that the Layer was made for and the kind of machine alone.
#pragma once

#include <memory>

namespace costate::matmul {

/// What operands are rounded to; sums are float.
enum class Precision { kFloat32, kBfloat16 };

/// A layer of these sizes with its kernels and its scratch: for one thread at a time.
class Layer {
 public:
  /// For products of up to `max_rows` rows; without `gradients` only the first is computed. Rows
  /// that are as many as that take one kernel of their own, others some of powers of two.
  /// kBfloat16 needs has_bfloat16(); a single output stays in float, being a product of a matrix
  /// and a vector.
  Layer(int in, int out, int max_rows, bool gradients, Precision precision = Precision::kFloat32);
  ~Layer();
  Layer(Layer&&) noexcept;

  /// y [rows, out] = x [rows, in]·w.
  void product(const float* x, const float* w, int rows, float* y);

  /// dw [in, out] += xᵀ·dy, for x [rows, in] and dy [rows, out].
  void add_weight_gradient(const float* x, const float* dy, int rows, float* dw);

  /// dx [rows, in] = dy [rows, out]·wᵀ.
  void input_gradient(const float* dy, const float* w, int rows, float* dx);

 private:
  struct Kernels;

  int in_;
  int out_;
  std::unique_ptr<Kernels> kernels_;
};

}  // namespace costate::matmul
