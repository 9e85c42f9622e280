#include "backends/dense/kernels.h"

#include <algorithm>
#include <cmath>

// Sanitizers cannot instrument the resolvers that pick a clone, so their builds take the plain
// code.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COSTATE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define COSTATE_CLONES
#endif

namespace costate::kernels {
namespace {

// tanh(x) ≈ x·P(x²)/Q(x²), a rational minimax fit (degrees 13 and 6; the figures are the ones Eigen
// uses) on |x| ≤ 7.905, where tanh reaches 1 in float; beyond that the argument is clamped.
constexpr float kTanhBound = 7.90531110763549805f;

inline float tanh_one(float x) {
  x = std::min(std::max(x, -kTanhBound), kTanhBound);
  const float s = x * x;
  float p = -2.76076847742355e-16f;
  p = p * s + 2.00018790482477e-13f;
  p = p * s - 8.60467152213735e-11f;
  p = p * s + 5.12229709037114e-08f;
  p = p * s + 1.48572235717979e-05f;
  p = p * s + 6.37261928875436e-04f;
  p = p * s + 4.89352455891786e-03f;
  float q = 1.19825839466702e-06f;
  q = q * s + 1.18534705686654e-04f;
  q = q * s + 2.26843463243900e-03f;
  q = q * s + 4.89352518554385e-03f;
  return x * p / q;
}

}  // namespace

COSTATE_CLONES void tanh(std::span<float> x) {
  float* const data = x.data();
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) data[i] = tanh_one(data[i]);
}

COSTATE_CLONES void relu(std::span<float> x) {
  float* const data = x.data();
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) data[i] = std::max(data[i], 0.0f);
}

COSTATE_CLONES void tanh_gradient(std::span<const float> y, std::span<float> gradient) {
  const float* const in = y.data();
  float* const out = gradient.data();
  const std::size_t n = gradient.size();
  for (std::size_t i = 0; i < n; ++i) out[i] *= 1.0f - in[i] * in[i];
}

COSTATE_CLONES void relu_gradient(std::span<const float> y, std::span<float> gradient) {
  const float* const in = y.data();
  float* const out = gradient.data();
  const std::size_t n = gradient.size();
  for (std::size_t i = 0; i < n; ++i) out[i] = in[i] > 0.0f ? out[i] : 0.0f;
}

void fill_rows(std::span<const float> bias, int rows, float* y) {
  for (int i = 0; i < rows; ++i) y = std::copy(bias.begin(), bias.end(), y);
}

COSTATE_CLONES void add_column_sums(const float* y, int rows, std::span<float> sum) {
  float* const out = sum.data();
  const std::size_t columns = sum.size();
  for (int i = 0; i < rows; ++i, y += columns) {
    for (std::size_t j = 0; j < columns; ++j) out[j] += y[j];
  }
}

COSTATE_CLONES void add(std::span<const float> x, std::span<float> sum) {
  const float* const in = x.data();
  float* const out = sum.data();
  const std::size_t n = sum.size();
  for (std::size_t i = 0; i < n; ++i) out[i] += in[i];
}

COSTATE_CLONES void adam(const AdamStep& s, float scale, std::span<const float> gradients,
                         std::span<float> parameters, std::span<float> m, std::span<float> v) {
  const float* const g = gradients.data();
  float* const x = parameters.data();
  float* const first = m.data();
  float* const second = v.data();
  const std::size_t n = parameters.size();
  for (std::size_t i = 0; i < n; ++i) {
    const float gradient = g[i] * scale;
    first[i] += (1.0f - s.beta1) * (gradient - first[i]);
    second[i] += (1.0f - s.beta2) * (gradient * gradient - second[i]);
    x[i] -= s.step_size * first[i] / (std::sqrt(second[i]) * s.inverse_root + s.epsilon);
  }
}

}  // namespace costate::kernels
