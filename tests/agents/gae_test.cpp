// Advantages against an example worked by hand and a second formulation.
#include "agents/gae.h"

#include <catch2/catch.hpp>
#include <vector>

#include "envs/random.h"

namespace costate {
namespace {

// γ = ½, λ = ½, so γλ = ¼. Backwards from the last step, where the episode runs on:
//   t=4: δ = 1 + ½·4 − 2 = 1                        A = 1
//   t=3: truncated, V' = 6 (of the final observation) δ = 2 + ½·6 − 1 = 4   A = 4 (trace cut)
//   t=2: δ = 0 + ½·1 − 3 = −2.5                     A = −2.5 + ¼·4 = −1.5
//   t=1: terminated: δ = 5 − 2 = 3                  A = 3 (no bootstrap, trace cut)
//   t=0: δ = 1 + ½·2 − 1 = 1                        A = 1 + ¼·3 = 1.75
TEST_CASE("advantages of a hand-worked example with a termination and a truncation") {
  const std::vector<float> rewards = {1, 5, 0, 2, 1};
  const std::vector<float> values = {1, 2, 3, 1, 2};
  const std::vector<float> next_values = {2, 99, 1, 6, 4};  // 99 must not be used
  const std::vector<std::uint8_t> terminated = {0, 1, 0, 0, 0};
  const std::vector<std::uint8_t> truncated = {0, 0, 0, 1, 0};
  std::vector<float> advantages(5);
  generalized_advantages(rewards, values, next_values, terminated, truncated, 0.5, 0.5, advantages);
  CHECK(advantages == std::vector<float>{1.75f, 3.0f, -1.5f, 4.0f, 1.0f});
}

TEST_CASE("both flags at once mean terminated") {
  const std::vector<float> one = {1};
  const std::vector<float> next = {50};
  const std::vector<std::uint8_t> yes = {1};
  std::vector<float> advantages(1);
  generalized_advantages(one, one, next, yes, yes, 0.9, 0.9, advantages);
  CHECK(advantages[0] == 0.0f);
}

// Equation 16 as a plain double sum: A_t = Σ_l (γλ)^l δ_{t+l} up to the episode's end.
TEST_CASE("advantages equal the sum of discounted residuals") {
  RandomStream random(3);
  const int n = 200;
  const double gamma = 0.97;
  const double lambda = 0.9;
  std::vector<float> r(n), v(n), next(n), advantages(n);
  std::vector<std::uint8_t> terminated(n), truncated(n);
  for (int t = 0; t < n; ++t) {
    r[t] = static_cast<float>(random.normal());
    v[t] = static_cast<float>(random.normal());
    next[t] = static_cast<float>(random.normal());
    terminated[t] = random.uniform() < 0.05;
    truncated[t] = random.uniform() < 0.05;
  }
  generalized_advantages(r, v, next, terminated, truncated, gamma, lambda, advantages);
  for (int t = 0; t < n; ++t) {
    double sum = 0.0;
    double weight = 1.0;
    for (int k = t; k < n; ++k) {
      sum += weight * (r[k] + (terminated[k] ? 0.0 : gamma * next[k]) - v[k]);
      weight *= gamma * lambda;
      if (terminated[k] || truncated[k]) break;
    }
    CHECK(advantages[t] == Approx(sum).margin(1e-5));
  }
}

}  // namespace
}  // namespace costate
