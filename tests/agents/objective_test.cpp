// Policy objectives: weights and losses by hand, and weights as derivatives of the losses.
#include "agents/objective.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

namespace costate {
namespace {

using Floats = std::vector<float>;

struct Weighed {
  Objective::Sums sums;
  Floats weights;
};

Weighed weigh(const std::string& kind, Floats log_ratios, const Floats& advantages,
              float share = 1.0f) {
  const Objective objective({.kind = kind, .clip = 0.2});
  Weighed result;
  result.weights.resize(advantages.size());
  result.sums = objective.weigh(log_ratios, advantages, share, result.weights);
  return result;
}

float log_of(double x) {
  return static_cast<float>(std::log(x));
}

TEST_CASE("objectives weigh rows as by hand") {
  // Ratios 1, 1.5 (out of the bounds 0.8 to 1.2) and 0.5 (likewise) with either sign of advantage.
  const Floats log_ratios = {0.0f, log_of(1.5), log_of(1.5), log_of(0.5), log_of(0.5)};
  const Floats advantages = {2.0f, 1.0f, -1.0f, 1.0f, -1.0f};

  const Weighed clip = weigh("clip", log_ratios, advantages, 0.2f);
  // The bound counts only where it makes the objective smaller.
  const Floats clip_weights = {-0.4f, 0.0f, 0.3f, -0.1f, 0.0f};
  for (std::size_t i = 0; i < 5; ++i) CHECK(clip.weights[i] == Approx(clip_weights[i]));
  CHECK(clip.sums.loss == Approx(-(2.0 + 1.2 - 1.5 + 0.5 - 0.8)));
  CHECK(clip.sums.clipped == 4.0);

  const Weighed gradient = weigh("gradient", log_ratios, advantages, 0.2f);
  const Floats gradient_weights = {-0.4f, -0.3f, 0.3f, -0.1f, 0.1f};
  for (std::size_t i = 0; i < 5; ++i) CHECK(gradient.weights[i] == Approx(gradient_weights[i]));
  CHECK(gradient.sums.loss == Approx(-(2.0 + 1.5 - 1.5 + 0.5 - 0.5)));
  CHECK(gradient.sums.clipped == 0.0);

  const Weighed kl = weigh("kl", {0.0f, log_of(1.5), log_of(0.5)}, {2.0f, 1.0f, -3.0f}, 0.5f);
  CHECK(kl.weights == Floats{-1.0f, -0.5f, 1.5f});
  CHECK(kl.sums.loss == Approx(-(std::log(1.5) - 3.0 * std::log(0.5))));
}

TEST_CASE("weights are the derivatives of the loss with respect to log π") {
  for (const std::string& kind : objective_names()) {
    for (const float advantage : {1.3f, -0.7f}) {
      for (const float log_ratio : {-0.5f, -0.1f, 0.0f, 0.15f, 0.4f}) {
        const float weight = weigh(kind, {log_ratio}, {advantage}).weights[0];
        constexpr float kStep = 1e-3f;
        const double above = weigh(kind, {log_ratio + kStep}, {advantage}).sums.loss;
        const double below = weigh(kind, {log_ratio - kStep}, {advantage}).sums.loss;
        INFO(kind << ", advantage " << advantage << ", log ratio " << log_ratio);
        CHECK(weight == Approx((above - below) / (2.0 * kStep)).margin(1e-3));
      }
    }
  }
}

TEST_CASE("at the old policy all objectives have the policy gradient") {
  const Floats advantages = {0.5f, -2.0f, 3.0f};
  for (const std::string& kind : objective_names()) {
    CHECK(weigh(kind, {0.0f, 0.0f, 0.0f}, advantages).weights == Floats{-0.5f, 2.0f, -3.0f});
  }
}

// The exact maximiser of E[Â log π] − (1/η)·KL(π_old‖π) over a categorical policy is π_old(1 + ηÂ)
// where Â has mean 0 under π_old: gradient descent on the objective kl with that KL ends there.
TEST_CASE("the objective kl with its KL leads to the mirror-ascent step") {
  const double old[3] = {0.665241, 0.244728, 0.090031};
  const double advantage[3] = {0.475129, -1.024871, -0.724871};
  const double eta = 0.7;
  double logits[3] = {std::log(old[0]), std::log(old[1]), std::log(old[2])};
  double pi[3];
  for (int iteration = 0; iteration < 20000; ++iteration) {
    double sum = 0.0;
    for (const double logit : logits) sum += std::exp(logit);
    for (int a = 0; a < 3; ++a) pi[a] = std::exp(logits[a]) / sum;
    // Each action counts by its probability under the old policy; ∇ log π(a) = e_a − π.
    double gradient[3] = {};
    for (int a = 0; a < 3; ++a) {
      const float weight = weigh("kl", {log_of(pi[a] / old[a])}, {static_cast<float>(advantage[a])},
                                 static_cast<float>(old[a]))
                               .weights[0];
      for (int b = 0; b < 3; ++b) gradient[b] += weight * ((a == b ? 1.0 : 0.0) - pi[b]);
      // ∇ KL(π_old‖π) = π − π_old.
      gradient[a] += (pi[a] - old[a]) / eta;
    }
    for (int a = 0; a < 3; ++a) logits[a] -= 0.2 * gradient[a];
  }
  CHECK(pi[0] == Approx(0.886494).margin(1e-4));
  CHECK(pi[1] == Approx(0.069158).margin(1e-4));
  CHECK(pi[2] == Approx(0.044348).margin(1e-4));
}

}  // namespace
}  // namespace costate
