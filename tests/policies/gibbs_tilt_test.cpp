// The Gibbs tilt against the bang-bang paper's card, optimal control and what defines it.
#include "policies/gibbs_tilt.h"

#include <algorithm>
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

// Pontryagin's principle in one step: with the switching function s, the best control minimises
// s·u + c(u) over [−1, 1], and the tilt of all levels of `policy` by −(s·u + c(u)) finds it as the
// temperature goes to 0.
template <class Cost>
float best_action(const Distribution& policy, float s, Cost cost) {
  const Floats levels = policy.enumerate();
  Floats log_ref(levels.size(), 0.0f), value(levels.size()), log_q(levels.size());
  for (std::size_t k = 0; k < levels.size(); ++k) value[k] = -(s * levels[k] + cost(levels[k]));
  gibbs_tilt(log_ref, value, 1e-4, log_q);
  return levels[static_cast<std::size_t>(std::ranges::max_element(log_q) - log_q.begin())];
}

TEST_CASE("the best action switches as optimal control says, for every head that can follow") {
  constexpr float kPrice = 0.4f;
  const auto fuel = [](float u) { return kPrice * std::abs(u); };
  const auto energy = [](float u) { return 0.5f * kPrice * u * u; };
  const auto free = [](float) { return 0.0f; };
  const auto bernoulli = make_bernoulli(1);
  const auto ternary = make_ternary(1);
  const auto fine = make_bins(1, 101);
  const auto sign = [](float x) { return x > 0.0f ? 1.0f : -1.0f; };
  // Between the grid's points lie the switches at 0 and ±0.4, and at ties of the 101 levels.
  for (int i = -60; i < 60; ++i) {
    const float s = 0.02f * (static_cast<float>(i) + 0.37f);
    INFO("s = " << s);
    // Without a cost every head with both extremes is bang-bang …
    for (const Distribution* head : {bernoulli.get(), ternary.get(), fine.get()}) {
      CHECK(best_action(*head, s, free) == -sign(s));
    }
    // … a price on fuel makes it bang-off-bang, for which three levels are enough, …
    const float off = std::abs(s) > kPrice ? -sign(s) : 0.0f;
    CHECK(best_action(*ternary, s, fuel) == off);
    CHECK(best_action(*fine, s, fuel) == Approx(off).margin(1e-6));
    CHECK(best_action(*bernoulli, s, fuel) == -sign(s));
    // … and a price on energy saturates only beyond it, for which two or three are not.
    const float inside = std::clamp(-s / kPrice, -1.0f, 1.0f);
    CHECK(best_action(*fine, s, energy) == Approx(inside).margin(0.0101));
    CHECK((best_action(*fine, s, energy) == -sign(s)) == (std::abs(inside) > 0.99f));
    CHECK(best_action(*bernoulli, s, energy) == -sign(s));
  }
}

TEST_CASE("one step of a critic Q = s·a − κa² is maximised at the bound from |s| = 2κ on") {
  constexpr float kCurvature = 0.3f;
  const auto fine = make_bins(1, 101);
  for (int i = -100; i <= 100; ++i) {
    const float s = 0.01f * static_cast<float>(i) + 0.003f;
    const float best = best_action(*fine, -s, [](float a) { return kCurvature * a * a; });
    INFO("s = " << s);
    // A level of 0.98 is nearer to the maximum s / (2κ) up to 0.99 than the bound.
    CHECK((std::abs(best) == 1.0f) == (std::abs(s) >= 0.99f * 2.0f * kCurvature));
    CHECK(best == Approx(std::clamp(s / (2.0f * kCurvature), -1.0f, 1.0f)).margin(0.0101));
  }
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
