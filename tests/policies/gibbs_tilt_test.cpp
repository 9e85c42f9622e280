// The Gibbs tilt against the bang-bang paper's card and what defines it.
#include "policies/gibbs_tilt.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "envs/random.h"
#include "policies/distribution.h"

namespace costate {
namespace {

using Floats = std::vector<float>;

// The card's exact E-step of MPO: l = (0.5, −1), Q = a₁ + 0.5·a₂ + 0.25·a₁a₂, temperature 0.5.
TEST_CASE("MPO's exact E-step over the actions of a bernoulli") {
  const auto policy = make_bernoulli(2);
  const Floats l = {0.5f, -1.0f};
  const Floats actions = policy->enumerate();
  Floats log_ref(4), value(4), log_q(4);
  for (std::size_t k = 0; k < 4; ++k) {
    const float a = actions[2 * k];
    const float b = actions[2 * k + 1];
    Floats per_dimension(2);
    policy->log_prob(l, Floats{a, b}, per_dimension);
    log_ref[k] = per_dimension[0] + per_dimension[1];
    value[k] = a + 0.5f * b + 0.25f * a * b;
  }
  const double log_z = gibbs_tilt(log_ref, value, 0.5, log_q);
  const double expected[] = {0.003574, 0.003574, 0.118351, 0.874501};
  double up[2] = {0.0, 0.0};
  double kl = 0.0;
  double mean = 0.0;
  for (std::size_t k = 0; k < 4; ++k) {
    const double q = std::exp(static_cast<double>(log_q[k]));
    CHECK(q == Approx(expected[k]).margin(1e-6));
    for (std::size_t i = 0; i < 2; ++i) up[i] += actions[2 * k + i] > 0.0f ? q : 0.0;
    kl += q * (static_cast<double>(log_q[k]) - log_ref[k]);
    mean += q * value[k];
  }
  // The M-step of independent dimensions takes over the marginals.
  CHECK(up[0] == Approx(0.992852).margin(1e-6));
  CHECK(up[1] == Approx(0.878075).margin(1e-6));
  CHECK(kl == Approx(1.258872).margin(1e-6));
  CHECK(0.5 * log_z == Approx(mean - 0.5 * kl).margin(1e-6));
}

// P(|a| ≥ τ) = 1 − sinh(τ·s/T)/sinh(s/T) for the value s·a and a uniform reference on the box.
TEST_CASE("the tilt of a uniform box by a linear value has the mass at its edge that theory says") {
  constexpr int kPoints = 20000;
  Floats log_ref(kPoints, -std::log(static_cast<float>(kPoints)));
  Floats a(kPoints), log_q(kPoints);
  for (int k = 0; k < kPoints; ++k) a[k] = -1.0f + (2.0f * static_cast<float>(k) + 1.0f) / kPoints;
  const auto edge = [&](double slope, float tau) {
    gibbs_tilt(log_ref, a, 1.0 / slope, log_q);
    double mass = 0.0;
    for (int k = 0; k < kPoints; ++k) {
      if (std::abs(a[k]) >= tau) mass += std::exp(static_cast<double>(log_q[k]));
    }
    return mass;
  };
  CHECK(edge(10.0, 0.95f) == Approx(0.393469).margin(1e-3));
  CHECK(edge(10.0, 0.99f) == Approx(0.095163).margin(1e-3));
  CHECK(edge(100.0, 0.95f) == Approx(0.993262).margin(1e-3));
  CHECK(edge(100.0, 0.99f) == Approx(0.632121).margin(5e-3));
}

TEST_CASE("no other distribution is better than the tilt") {
  RandomStream random(1);
  constexpr int kActions = 6;
  constexpr double kTemperature = 0.7;
  Floats log_ref(kActions), value(kActions), log_q(kActions), zeros(kActions, 0.0f);
  for (float& x : log_ref) x = static_cast<float>(random.normal());
  for (float& x : value) x = static_cast<float>(random.normal());
  gibbs_tilt(log_ref, zeros, 1.0, log_ref);  // normalises, in place
  double total = 0.0;
  for (const float x : log_ref) total += std::exp(static_cast<double>(x));
  CHECK(total == Approx(1.0).margin(1e-6));

  const double best = kTemperature * gibbs_tilt(log_ref, value, kTemperature, log_q);
  const auto objective = [&](const Floats& log_p) {
    double sum = 0.0;
    for (int k = 0; k < kActions; ++k) {
      sum += std::exp(static_cast<double>(log_p[k])) *
             (value[k] - kTemperature * (static_cast<double>(log_p[k]) - log_ref[k]));
    }
    return sum;
  };
  CHECK(objective(log_q) == Approx(best).margin(1e-6));
  for (int trial = 0; trial < 100; ++trial) {
    Floats other(kActions);
    for (float& x : other) x = static_cast<float>(random.normal());
    gibbs_tilt(log_q, other, 10.0, other);
    CHECK(objective(other) < best);
  }
}

TEST_CASE("values of any size, and actions that are excluded") {
  const float inf = std::numeric_limits<float>::infinity();
  Floats out(3);
  CHECK(gibbs_tilt(Floats{0.0f, 0.0f, -inf}, Floats{1e30f, 1e30f, 3e30f}, 1e-3, out) ==
        Approx(1e33));
  CHECK(out[0] == Approx(-std::log(2.0)));
  CHECK(out[2] == -inf);
  // Of a common offset, nothing is left in q.
  Floats shifted(2), plain(2);
  gibbs_tilt(Floats{0.0f, 0.0f}, Floats{1048576.0f, 1048577.0f}, 1.0, shifted);
  gibbs_tilt(Floats{0.0f, 0.0f}, Floats{0.0f, 1.0f}, 1.0, plain);
  CHECK(shifted[0] == Approx(plain[0]).epsilon(1e-9));
}

}  // namespace
}  // namespace costate
