#include "backends/dense/kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "backends/dense/vector_math.h"
#include "envs/philox.h"

namespace costate::kernels {
namespace {

// The loops below are inlined into their callers, which are compiled for each instruction set.

// x[i] ← f(x[i]).
template <class F>
inline void map(std::span<float> x, F f) {
  float* const data = x.data();
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) data[i] = f(data[i]);
}

// y[i] ← f(x[i], y[i]).
template <class F>
inline void map(std::span<const float> x, std::span<float> y, F f) {
  const float* const in = x.data();
  float* const out = y.data();
  const std::size_t n = y.size();
  for (std::size_t i = 0; i < n; ++i) out[i] = f(in[i], out[i]);
}

// Independent partial sums fill a vector register of any machine; their number fixes the order.
constexpr std::size_t kLanes = 16;

// Σ f(i) for i < n.
template <class T, class F>
inline T sum_of(std::size_t n, F f) {
  std::array<T, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += f(i + l);
  }
  for (std::size_t l = 0; i < n; ++i, ++l) lanes[l] += f(i);
  T sum = 0;
  for (const T lane : lanes) sum += lane;
  return sum;
}

}  // namespace

COSTATE_CLONES void tanh(std::span<float> x) {
  map(x, [](float v) { return vector_math::tanh(v); });
}

COSTATE_CLONES void relu(std::span<float> x) {
  map(x, [](float v) { return std::max(v, 0.0f); });
}

COSTATE_CLONES void elu(std::span<float> x) {
  map(x, [](float v) {
    const float below = vector_math::expm1(std::min(v, 0.0f));
    return v > 0.0f ? v : below;
  });
}

COSTATE_CLONES void silu(std::span<float> x, std::span<float> slope) {
  float* const data = x.data();
  float* const out = slope.data();
  const std::size_t n = x.size();
  if (slope.empty()) {
    for (std::size_t i = 0; i < n; ++i) data[i] *= vector_math::sigmoid(data[i]);
    return;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const float s = vector_math::sigmoid(data[i]);
    const float y = data[i] * s;
    out[i] = s + y * (1.0f - s);
    data[i] = y;
  }
}

COSTATE_CLONES void tanh_gradient(std::span<const float> y, std::span<float> gradient) {
  map(y, gradient, [](float v, float g) { return g * (1.0f - v * v); });
}

COSTATE_CLONES void relu_gradient(std::span<const float> y, std::span<float> gradient) {
  map(y, gradient, [](float v, float g) { return v > 0.0f ? g : 0.0f; });
}

COSTATE_CLONES void elu_gradient(std::span<const float> y, std::span<float> gradient) {
  map(y, gradient, [](float v, float g) { return g * (1.0f + std::min(v, 0.0f)); });
}

COSTATE_CLONES void multiply(std::span<const float> x, std::span<float> y) {
  map(x, y, [](float a, float b) { return a * b; });
}

COSTATE_CLONES void add_rows(std::span<const float> bias, int rows, float* y) {
  const float* const b = bias.data();
  const std::size_t columns = bias.size();
  for (int i = 0; i < rows; ++i, y += columns) {
    for (std::size_t j = 0; j < columns; ++j) y[j] += b[j];
  }
}

COSTATE_CLONES void add_rows_relu(std::span<const float> bias, int rows, float* y) {
  const float* const b = bias.data();
  const std::size_t columns = bias.size();
  for (int i = 0; i < rows; ++i, y += columns) {
    for (std::size_t j = 0; j < columns; ++j) y[j] = std::max(y[j] + b[j], 0.0f);
  }
}

namespace {

// The bits of x rounded to bfloat16, which are the upper 16. NaN stays one.
inline std::uint32_t bfloat16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return (nan ? bits | 0x400000u : rounded) & 0xffff0000u;
}

}  // namespace

COSTATE_CLONES void round_rows(const float* x, int rows, int columns, std::uint16_t* out) {
  const std::size_t width = columns;
  for (int i = 0; i < rows; ++i, x += width) {
    for (std::size_t j = 0; j < width; ++j) {
      out[j] = static_cast<std::uint16_t>(bfloat16_bits(x[j]) >> 16);
    }
    out += width;
    if (width % 2 != 0) *out++ = 0;
  }
}

COSTATE_CLONES void round_pairs(const float* x, int rows, int columns, std::uint32_t* out) {
  const std::size_t width = columns;
  int i = 0;
  for (; i + 1 < rows; i += 2, x += 2 * width, out += width) {
    for (std::size_t j = 0; j < width; ++j) {
      out[j] = bfloat16_bits(x[j]) >> 16 | bfloat16_bits(x[width + j]);
    }
  }
  for (std::size_t j = 0; i < rows && j < width; ++j) out[j] = bfloat16_bits(x[j]) >> 16;
}

COSTATE_CLONES void add_column_sums(const float* y, int rows, std::span<float> sum) {
  float* const out = sum.data();
  const std::size_t columns = sum.size();
  for (int i = 0; i < rows; ++i, y += columns) {
    for (std::size_t j = 0; j < columns; ++j) out[j] += y[j];
  }
}

COSTATE_CLONES void add(std::span<const float> x, std::span<float> sum) {
  map(x, sum, [](float a, float b) { return a + b; });
}

COSTATE_CLONES void approach(std::span<const float> x, float rate, std::span<float> y) {
  map(x, y, [rate](float a, float b) { return b + rate * (a - b); });
}

COSTATE_CLONES void exp(std::span<float> x) {
  map(x, [](float v) { return vector_math::exp(v); });
}

COSTATE_CLONES void log(std::span<float> x) {
  map(x, [](float v) { return vector_math::log(v); });
}

COSTATE_CLONES void expm1(std::span<float> x) {
  map(x, [](float v) { return vector_math::expm1(v); });
}

COSTATE_CLONES void sigmoid(std::span<float> x) {
  map(x, [](float v) { return vector_math::sigmoid(v); });
}

COSTATE_CLONES void softplus(std::span<float> x) {
  map(x, [](float v) { return vector_math::softplus(v); });
}

// Box and Muller's transform, as RandomStream::normal has it, from the same two draws a number:
// √(−2·log(1 − u)) · cos(2πv).
COSTATE_CLONES void normals(RandomStream& random, std::span<float> x) {
  constexpr std::size_t kBlock = 128;
  std::array<std::uint64_t, kBlock> u;
  std::array<std::uint64_t, kBlock> v;
  const std::uint64_t key = random.key();
  const std::array<std::uint32_t, 2> words = {static_cast<std::uint32_t>(key),
                                              static_cast<std::uint32_t>(key >> 32)};
  const auto bits = [&words](std::uint64_t at) {
    const auto block = philox_rounds(
        {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at >> 32), 0u, 0u}, words);
    return (static_cast<std::uint64_t>(block[1]) << 32) | block[0];
  };
  std::uint64_t counter = random.counter();
  while (!x.empty()) {
    const std::size_t count = std::min(kBlock, x.size());
    for (std::size_t i = 0; i < count; ++i) {
      u[i] = bits(counter + 2 * i);
      v[i] = bits(counter + 2 * i + 1);
    }
    float* const out = x.data();
    for (std::size_t i = 0; i < count; ++i) {
      const auto first = static_cast<std::int64_t>(u[i] >> 11);
      const auto rest = static_cast<float>(static_cast<double>((std::int64_t{1} << 53) - first)) *
                        0x1p-53f;  // 1 − u
      // The logarithm knows nothing of what rounding took from 1 − u near 1, where it counts.
      const float lost = (rest - 1.0f) + static_cast<float>(static_cast<double>(first)) * 0x1p-53f;
      const float radius = std::sqrt(2.0f * (lost - vector_math::log(rest)));
      out[i] = radius * vector_math::cos_turn(static_cast<std::uint32_t>(v[i] >> 32));
    }
    counter += 2 * count;
    x = x.subspan(count);
  }
  random = RandomStream(key, counter);
}

COSTATE_CLONES double sum_of_squares(std::span<const float> x) {
  const float* const data = x.data();
  return sum_of<double>(x.size(), [data](std::size_t i) {
    const double value = data[i];
    return value * value;
  });
}

COSTATE_CLONES void layer_norm(std::span<const float> gain, std::span<const float> shift, int rows,
                               float* z, float* normalized, float* inverse_deviations) {
  constexpr float kEpsilon = 1e-5f;  // LibTorch's default
  const std::size_t columns = gain.size();
  const float* const g = gain.data();
  const float* const s = shift.data();
  const float share = 1.0f / static_cast<float>(columns);
  for (int row = 0; row < rows; ++row, z += columns, normalized += columns) {
    const float mean = share * sum_of<float>(columns, [z](std::size_t j) { return z[j]; });
    const float variance = share * sum_of<float>(columns, [z, mean](std::size_t j) {
                             return (z[j] - mean) * (z[j] - mean);
                           });
    const float inverse = 1.0f / std::sqrt(variance + kEpsilon);
    inverse_deviations[row] = inverse;
    for (std::size_t j = 0; j < columns; ++j) {
      normalized[j] = (z[j] - mean) * inverse;
      z[j] = g[j] * normalized[j] + s[j];
    }
  }
}

// With u = dL/dẑ = gain·d: dL/dz = (u − mean(u) − ẑ·mean(u·ẑ))/deviation.
COSTATE_CLONES void layer_norm_gradient(std::span<const float> gain, const float* normalized,
                                        const float* inverse_deviations, int rows, float* d,
                                        std::span<float> gain_gradient,
                                        std::span<float> shift_gradient) {
  const std::size_t columns = gain.size();
  const float* const g = gain.data();
  float* const dg = gain_gradient.data();
  float* const ds = shift_gradient.data();
  const float share = 1.0f / static_cast<float>(columns);
  for (int row = 0; row < rows; ++row, d += columns, normalized += columns) {
    for (std::size_t j = 0; j < gain_gradient.size(); ++j) {
      dg[j] += d[j] * normalized[j];
      ds[j] += d[j];
    }
    for (std::size_t j = 0; j < columns; ++j) d[j] *= g[j];
    const float mean = share * sum_of<float>(columns, [d](std::size_t j) { return d[j]; });
    const float slope = share * sum_of<float>(columns, [d, normalized](std::size_t j) {
                          return d[j] * normalized[j];
                        });
    for (std::size_t j = 0; j < columns; ++j) {
      d[j] = (d[j] - mean - normalized[j] * slope) * inverse_deviations[row];
    }
  }
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
    const float step = s.step_size * first[i] / (std::sqrt(second[i]) * s.inverse_root + s.epsilon);
    x[i] -= s.decay * x[i] + step;
  }
}

COSTATE_CLONES void sgd(const SgdStep& s, float scale, std::span<const float> gradients,
                        std::span<float> parameters, std::span<float> velocity) {
  const float* const g = gradients.data();
  float* const x = parameters.data();
  float* const v = velocity.data();
  const std::size_t n = parameters.size();
  for (std::size_t i = 0; i < n; ++i) {
    v[i] = s.momentum * v[i] + g[i] * scale;
    x[i] -= s.learning_rate * v[i];
  }
}

}  // namespace costate::kernels
