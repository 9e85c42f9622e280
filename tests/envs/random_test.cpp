// Random numbers: Philox against the known-answer vectors published with Random123, and the moments
// of what is drawn from it. Seeds are fixed, so a test that passes once passes always; the bounds
// are five standard errors, which a correct generator leaves for 1 seed in 1.7 million.
#include "envs/random.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <vector>

namespace costate {
namespace {

using Block = std::array<std::uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("A stream is its key and its counter") {
  RandomStream stream(42);
  CHECK(RandomStream(0).bits() == 0xe169c58d6627e8d5);
  stream.uniform();
  stream.normal();
  CHECK(stream.counter() == 3);
  RandomStream resumed(stream.key(), stream.counter());
  CHECK(resumed.bits() == stream.bits());
  CHECK(RandomStream(42).bits() != RandomStream(43).bits());
}

TEST_CASE("Uniform numbers have the moments of the uniform distribution") {
  constexpr int kDraws = 200'000;
  RandomStream stream(derive_key({1}));
  double sum = 0.0;
  double sum_of_squares = 0.0;
  double lagged = 0.0;
  double previous = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = stream.uniform();
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    sum += u;
    sum_of_squares += u * u;
    if (i > 0) lagged += (u - 0.5) * (previous - 0.5);
    previous = u;
  }
  const double root = std::sqrt(double{kDraws});
  CHECK(std::abs(sum / kDraws - 0.5) < 5.0 * std::sqrt(1.0 / 12.0) / root);
  CHECK(std::abs(sum_of_squares / kDraws - 1.0 / 3.0) < 5.0 * std::sqrt(4.0 / 45.0) / root);
  CHECK(std::abs(lagged / kDraws) < 5.0 / 12.0 / root);

  for (int i = 0; i < 1000; ++i) {
    const double value = stream.uniform(-3.0, -2.0);
    REQUIRE(value >= -3.0);
    REQUIRE(value < -2.0);
  }
}

TEST_CASE("Normal numbers have the moments and tails of the normal distribution") {
  constexpr int kDraws = 200'000;
  RandomStream stream(derive_key({2}));
  std::array<double, 4> powers{};
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal();
    REQUIRE(std::isfinite(x));
    double power = 1.0;
    for (double& total : powers) total += (power *= x);
    if (std::abs(x) > 2.0) ++beyond_two;
  }
  // Var(x^k) = E[x^2k] − E[x^k]², with E[x^2k] = (2k − 1)!!: 1, 2, 15, 96.
  const double root = std::sqrt(double{kDraws});
  CHECK(std::abs(powers[0] / kDraws) < 5.0 * std::sqrt(1.0) / root);
  CHECK(std::abs(powers[1] / kDraws - 1.0) < 5.0 * std::sqrt(2.0) / root);
  CHECK(std::abs(powers[2] / kDraws) < 5.0 * std::sqrt(15.0) / root);
  CHECK(std::abs(powers[3] / kDraws - 3.0) < 5.0 * std::sqrt(96.0) / root);
  const double tail = std::erfc(std::sqrt(2.0));
  CHECK(std::abs(beyond_two / double{kDraws} - tail) < 5.0 * std::sqrt(tail * (1.0 - tail)) / root);
}

TEST_CASE("Integers below n are uniform") {
  constexpr int kDraws = 70'000;
  RandomStream stream(derive_key({3}));
  std::array<int, 7> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t value = stream.below(7);
    REQUIRE(value < 7);
    ++counts[value];
  }
  double chi_squared = 0.0;
  for (const int count : counts) chi_squared += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  CHECK(chi_squared < 38.3);  // exceeded with probability 1e-6 at 6 degrees of freedom
  CHECK(stream.below(1) == 0);
}

TEST_CASE("Keys differ with every part, its place, and the length of the list") {
  std::set<std::uint64_t> keys = {derive_key({}),     derive_key({0}),         derive_key({0, 0}),
                                  derive_key({1}),    derive_key({1, 0}),      derive_key({0, 1}),
                                  derive_key({1, 1}), derive_key({1ull << 32})};
  CHECK(keys.size() == 8);

  keys.clear();
  for (std::uint64_t env = 0; env < 100; ++env) {
    for (std::uint64_t episode = 0; episode < 100; ++episode) {
      keys.insert(derive_key({1, env, episode}));
    }
  }
  CHECK(keys.size() == 10'000);

  // One more flips half of the 64 bits: a mean of 32 with a standard error of 4 / sqrt(1000).
  double flipped = 0.0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    flipped += std::popcount(derive_key({7, i}) ^ derive_key({7, i + 1}));
  }
  CHECK(std::abs(flipped / 1000.0 - 32.0) < 5.0 * 4.0 / std::sqrt(1000.0));
}

}  // namespace
}  // namespace costate
