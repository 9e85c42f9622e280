// The three matrix products of a dense layer, on one thread.
//
// Layers of the usual width are products too small for a general BLAS, which copies its operands
// first. Those go to libxsmm, which generates a kernel for each shape and for the machine's
// instruction set when it first meets it; wide layers, and single rows where reading the weights is
// all that counts, go to OpenBLAS. docs/performance.md has the measurements behind the choice.
//
// All matrices are row-major; weights are [in, out]. The result depends on the shapes and the kind
// of machine alone.
#pragma once

namespace costate::matmul {

/// y [rows, out] += x [rows, in]·w.
void add_product(const float* x, const float* w, int rows, int in, int out, float* y);

/// dw [in, out] += xᵀ·dy, for x [rows, in] and dy [rows, out].
void add_weight_gradient(const float* x, const float* dy, int rows, int in, int out, float* dw);

/// dx [rows, in] = dy [rows, out]·wᵀ. `scratch` has room for in·out floats.
void input_gradient(const float* dy, const float* w, int rows, int in, int out, float* dx,
                    float* scratch);

/// Generates the kernels of up to `max_rows` rows, so that no product does so later: forward, and
/// with `gradients` the other two.
void prepare(int max_rows, int in, int out, bool gradients);

}  // namespace costate::matmul
