// Element-wise loops of the dense path, compiled for AVX-512, AVX2 and plain x86-64 and chosen when
// the program starts. No fused multiply-adds are formed, so all three give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "envs/random.h"

namespace costate::kernels {

/// x[i] ← tanh(x[i]), within 4 units in the last place of float.
void tanh(std::span<float> x);
/// x[i] ← max(x[i], 0).
void relu(std::span<float> x);
/// x[i] ← x[i] where positive, else eˣ − 1.
void elu(std::span<float> x);
/// x[i] ← x[i]·σ(x[i]); `slope` [the same length, or empty] ← the derivative there, which cannot be
/// told from the value.
void silu(std::span<float> x, std::span<float> slope);
/// gradient[i] ← gradient[i]·(1 − y[i]²), for y = tanh(x).
void tanh_gradient(std::span<const float> y, std::span<float> gradient);
/// gradient[i] ← y[i] > 0 ? gradient[i] : 0, for y = max(x, 0).
void relu_gradient(std::span<const float> y, std::span<float> gradient);
/// gradient[i] ← gradient[i]·(y[i] > 0 ? 1 : 1 + y[i]), for y = elu(x).
void elu_gradient(std::span<const float> y, std::span<float> gradient);
/// y[i] ← x[i]·y[i].
void multiply(std::span<const float> x, std::span<float> y);
/// y[i, j] ← y[i, j] + bias[j], for y [rows, columns]; the second with y ← max(y, 0) after it.
void add_rows(std::span<const float> bias, int rows, float* y);
void add_rows_relu(std::span<const float> bias, int rows, float* y);
/// x [rows, columns] rounded to bfloat16 (to nearest, ties to even), the upper half of a float:
/// rows after each other, an odd number of columns filled up with a zero ([rows, columns']), and as
/// pairs of rows, the first in the lower half, an odd last row with zeros ([rows'/2, columns]).
void round_rows(const float* x, int rows, int columns, std::uint16_t* out);
void round_pairs(const float* x, int rows, int columns, std::uint32_t* out);
/// sum[j] += Σ_i y[i, j], for y [rows, columns].
void add_column_sums(const float* y, int rows, std::span<float> sum);
/// sum[i] += x[i].
void add(std::span<const float> x, std::span<float> sum);
/// y[i] ← y[i] + rate·(x[i] − y[i]).
void approach(std::span<const float> x, float rate, std::span<float> y);
/// x[i] ← exp(x[i]), log(x[i]), exp(x[i]) − 1, 1/(1 + exp(−x[i])), log(1 + exp(x[i])); see
/// vector_math.h.
void exp(std::span<float> x);
void log(std::span<float> x);
void expm1(std::span<float> x);
void sigmoid(std::span<float> x);
void softplus(std::span<float> x);
/// x[i] ← random.normal(), within 1e-6, as many and in this order.
void normals(RandomStream& random, std::span<float> x);
/// Σ x[i]², in double precision, in an order that is the same on every machine.
double sum_of_squares(std::span<const float> x);

/// Layer normalisation (Ba et al. 2016) of each row of z [rows, columns]: z ← gain·ẑ + shift with
/// ẑ = (z − mean)/√(variance + 1e-5), the variance being the biased one. Keeps ẑ in `normalized`
/// [rows, columns] and 1/√(variance + 1e-5) in `inverse_deviations` [rows].
void layer_norm(std::span<const float> gain, std::span<const float> shift, int rows, float* z,
                float* normalized, float* inverse_deviations);
/// Adds dL/dgain and dL/dshift (both may be empty: then not), and turns dL/d(its output), `d`
/// [rows, columns], into dL/dz.
void layer_norm_gradient(std::span<const float> gain, const float* normalized,
                         const float* inverse_deviations, int rows, float* d,
                         std::span<float> gain_gradient, std::span<float> shift_gradient);

struct AdamStep {
  float step_size;  ///< learning rate / (1 − β₁ᵗ)
  float beta1;
  float beta2;
  float inverse_root;  ///< 1 / √(1 − β₂ᵗ)
  float epsilon;
  float decay;  ///< learning rate × weight decay (AdamW), or 0
};
/// One update of `parameters`, first moments m and second moments v with `scale`·gradients.
void adam(const AdamStep& s, float scale, std::span<const float> gradients,
          std::span<float> parameters, std::span<float> m, std::span<float> v);

struct SgdStep {
  float learning_rate;
  float momentum;
};
/// One update of `parameters` and `velocity` with `scale`·gradients.
void sgd(const SgdStep& s, float scale, std::span<const float> gradients,
         std::span<float> parameters, std::span<float> velocity);

}  // namespace costate::kernels
