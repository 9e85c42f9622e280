// Float functions that the compiler can vectorise: no branches, no calls, no errno. With
// COSTATE_CLONES on the loop around them they run at the machine's full width.
//
// No fused multiply-adds are formed (see the top CMakeLists.txt), so every instruction set gives
// the same bits. NaN comes out as NaN.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

// Compiles a function for AVX-512, AVX2 and plain x86-64; which one runs is decided when the
// program starts. Sanitizers cannot instrument that decision, so their builds take the plain code.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COSTATE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define COSTATE_CLONES
#endif

namespace costate::vector_math {

/// 2ⁿ·(q + 1) = eˣ, with n the nearest integer to x/ln 2 and q = eʳ − 1 for the rest r.
struct ExpParts {
  float scale;  ///< 2ⁿ
  float q;
};
inline ExpParts exp_parts(float x) {
  x = std::min(std::max(x, -87.0f), 88.0f);
  constexpr float kRound = 12582912.0f;  // 1.5·2²³: adding it leaves no bits behind the point
  const float n = (x * 1.44269504f + kRound) - kRound;
  // ln 2 in two parts, of which n times the first is exact.
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  // A minimax fit of (eʳ − 1 − r)/r² on |r| ≤ ln(2)/2, with the figures of the Cephes library.
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127);
  return {std::bit_cast<float>(exponent << 23), p * r * r + r};
}

/// eˣ within 2 units in the last place; 0 below −87, e⁸⁸ above 88.
inline float exp(float x) {
  const auto [scale, q] = exp_parts(x);
  const float y = scale * (q + 1.0f);
  return x < -87.0f ? 0.0f : y;
}

/// eˣ − 1, also for small x; e⁸⁸ above 88.
inline float expm1(float x) {
  const auto [scale, q] = exp_parts(x);
  return scale * q + (scale - 1.0f);
}

/// log x for normal x > 0, within 2 units in the last place: x = 2ᵉ·m with m in [√½, √2), and a
/// minimax fit of log(m) with the figures of the Cephes library.
inline float log(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  // The exponent of x/√½, so that m lies around 1.
  const auto e = static_cast<std::int32_t>(bits - 0x3f3504f3u) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(e) << 23));
  const float exponent = static_cast<float>(e);
  const float r = m - 1.0f;
  const float s = r * r;
  float p = 7.0376836292e-2f;
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  // e·ln 2 in two parts, of which the larger is exact.
  const float tail = r * s * p + exponent * -2.12194440e-4f - 0.5f * s;
  const float y = (r + tail) + exponent * 0.693359375f;
  return std::isnan(x) ? x : y;
}

/// log(1 + x) for x in [0, 1]: 2·artanh(x/(2 + x)) by its series.
inline float log1p_unit(float x) {
  const float t = x / (2.0f + x);
  const float s = t * t;
  float p = 1.0f / 13.0f;
  p = p * s + 1.0f / 11.0f;
  p = p * s + 1.0f / 9.0f;
  p = p * s + 1.0f / 7.0f;
  p = p * s + 1.0f / 5.0f;
  p = p * s + 1.0f / 3.0f;
  return 2.0f * (t + t * s * p);
}

/// log(1 + eˣ), without overflow.
inline float softplus(float x) {
  return std::max(x, 0.0f) + log1p_unit(exp(-std::abs(x)));
}

/// 1/(1 + e⁻ˣ), without overflow.
inline float sigmoid(float x) {
  const float e = exp(-std::abs(x));
  return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

/// tanh(x) ≈ x·P(x²)/Q(x²), a rational minimax fit (degrees 13 and 6; the figures are the ones
/// Eigen uses) on |x| ≤ 7.905, where tanh reaches 1 in float; beyond that the argument is clamped.
/// Within 4 units in the last place.
inline float tanh(float x) {
  constexpr float kBound = 7.90531110763549805f;
  x = std::min(std::max(x, -kBound), kBound);
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

/// cos(2π·turn/2³²) within 1e-7, by Cephes' polynomials of the rest of `turn` over the nearest
/// quarter.
inline float cos_turn(std::uint32_t turn) {
  constexpr float kQuarter = 1.57079632679489662f * 0x1p-30f;
  const std::uint32_t quarter = (turn + (1u << 29)) >> 30;
  const float r = static_cast<float>(static_cast<std::int32_t>(turn - (quarter << 30))) * kQuarter;
  const float s = r * r;
  float sine = -1.9515295891e-4f;
  sine = sine * s + 8.3321608736e-3f;
  sine = sine * s - 1.6666654611e-1f;
  sine = sine * s * r + r;
  float cosine = 2.443315711809948e-5f;
  cosine = cosine * s - 1.388731625493765e-3f;
  cosine = cosine * s + 4.166664568298827e-2f;
  cosine = cosine * s * s - 0.5f * s + 1.0f;
  const float size = (quarter & 1) != 0 ? sine : cosine;
  return ((quarter + 1) & 2) != 0 ? -size : size;  // cos(x + π/2) = −sin x
}

}  // namespace costate::vector_math
