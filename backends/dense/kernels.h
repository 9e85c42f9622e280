// Element-wise loops of the dense path, compiled for AVX-512, AVX2 and plain x86-64 and chosen when
// the program starts. No fused multiply-adds are formed, so all three give the same bits.
#pragma once

#include <cstddef>
#include <span>

namespace costate::kernels {

/// x[i] ← tanh(x[i]), within 4 units in the last place of float.
void tanh(std::span<float> x);
/// x[i] ← max(x[i], 0).
void relu(std::span<float> x);
/// gradient[i] ← gradient[i]·(1 − y[i]²), for y = tanh(x).
void tanh_gradient(std::span<const float> y, std::span<float> gradient);
/// gradient[i] ← y[i] > 0 ? gradient[i] : 0, for y = max(x, 0).
void relu_gradient(std::span<const float> y, std::span<float> gradient);
/// Copies `bias` [columns] into each of the rows of y [rows, columns].
void fill_rows(std::span<const float> bias, int rows, float* y);
/// sum[j] += Σ_i y[i, j], for y [rows, columns].
void add_column_sums(const float* y, int rows, std::span<float> sum);
/// sum[i] += x[i].
void add(std::span<const float> x, std::span<float> sum);

struct AdamStep {
  float step_size;  ///< learning rate / (1 − β₁ᵗ)
  float beta1;
  float beta2;
  float inverse_root;  ///< 1 / √(1 − β₂ᵗ)
  float epsilon;
};
/// One Adam update of `parameters`, first moments m and second moments v with `scale`·gradients.
void adam(const AdamStep& s, float scale, std::span<const float> gradients,
          std::span<float> parameters, std::span<float> m, std::span<float> v);

}  // namespace costate::kernels
