// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011).
//
// A stream is a 64-bit key and a 64-bit counter, nothing else: streams of different keys are
// independent, so every environment, episode and step can own one and no result depends on which
// thread drew first.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>

namespace costate {

/// The Philox4x32-10 bijection: the 128-bit counter encrypted under the 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// A well-mixed 64-bit key from a list of numbers, such as {run seed, environment, episode}. Lists
/// that differ in any place, or in length, give unrelated keys.
std::uint64_t derive_key(std::initializer_list<std::uint64_t> parts);

/// One stream of random numbers. Copying it copies its position; `key` and `counter` are its whole
/// state.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t key = 0, std::uint64_t counter = 0)
      : key_(key), counter_(counter) {}

  std::uint64_t key() const { return key_; }
  /// How many 64-bit numbers were drawn.
  std::uint64_t counter() const { return counter_; }

  /// 64 uniform random bits.
  std::uint64_t bits() {
    const auto block = philox4x32(
        {static_cast<std::uint32_t>(counter_), static_cast<std::uint32_t>(counter_ >> 32), 0u, 0u},
        {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32)});
    ++counter_;
    return (static_cast<std::uint64_t>(block[1]) << 32) | block[0];
  }

  /// Uniform on [0, 1), 53 bits.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }

  /// Uniform on [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Standard normal by the Box-Muller transform, two draws a number, so that the counter alone
  /// says where the stream stands.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// Uniform integer in [0, n), n >= 1, without modulo bias beyond 2^-64·n.
  std::uint64_t below(std::uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(bits()) * n) >> 64);
  }

 private:
  std::uint64_t key_;
  std::uint64_t counter_;
};

}  // namespace costate
