// The optimum on the pendulum against the linear-quadratic regulator, identities that hold for any
// start, and the figures of the bang-bang paper's card.
#include "runners/studies/bang_bang/pendulum_optimum.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace costate {
namespace {

constexpr double kPi = std::numbers::pi;

EnvConfig pendulum(const std::string& torque_cost, const std::string& steps = "200") {
  return EnvConfig("Pendulum-v1",
                   {{"torque_cost", torque_cost, "test"}, {"time_limit", steps, "test"}});
}

/// `count` actions, evenly over [−1, 1].
std::vector<float> levels(int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) {
    values.push_back(-1.0f + 2.0f * static_cast<float>(i) / static_cast<float>(count - 1));
  }
  return values;
}

/// Over the middles of the cells that the starts of the task fall into.
double mean_return(const std::string& torque_cost, int count) {
  PendulumOptimum optimum(pendulum(torque_cost), levels(count));
  double sum = 0.0;
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 4; ++j) {
      sum += optimum.return_from(kPi * ((i + 0.5) / 8.0 - 1.0), (j + 0.5) / 2.0 - 1.0);
    }
  }
  return sum / 64.0;
}

TEST_CASE("With two levels a cost of torque is paid in full, whatever the control") {
  PendulumOptimum free(pendulum("0"), levels(2));
  PendulumOptimum costly(pendulum("0.3"), levels(2));
  for (const double angle : {-3.0, -1.0, 0.0, 0.5, 2.0}) {
    CHECK(costly.return_from(angle, 0.3) ==
          Approx(free.return_from(angle, 0.3) - 0.3 * 4.0 * 200).margin(0.5));
  }
}

TEST_CASE("At rest upright, no torque is best, and the best control is as good to either side") {
  PendulumOptimum optimum(pendulum("0.1"), levels(3));
  CHECK(optimum.return_from(0.0, 0.0) == 0.0);
  // Rounded, a turn is not quite upright, from where the pendulum falls unless it is held.
  CHECK(optimum.return_from(2.0 * kPi, 0.0) == Approx(0.0).margin(0.01));
  for (const double angle : {0.4, 1.3, 2.2}) {
    CHECK(optimum.return_from(angle, 0.5) ==
          Approx(optimum.return_from(-angle, -0.5)).epsilon(0.01));
  }
}

// Near upright, where sin θ ≈ θ and no bound is reached, the optimum is that of the
// linear-quadratic regulator of x = (θ, θ̇), θ̇' = θ̇ + dt (15 θ + 3 u), θ' = θ + dt θ̇'.
TEST_CASE("Near upright the optimum is that of the linear-quadratic regulator") {
  constexpr double kStep = 0.05;
  constexpr double kCost = 0.3;
  const double a[2][2] = {{1.0 + 15.0 * kStep * kStep, kStep}, {15.0 * kStep, 1.0}};
  const double b[2] = {3.0 * kStep * kStep, 3.0 * kStep};
  double p[2][2] = {{0.0, 0.0}, {0.0, 0.0}};
  for (int t = 0; t < 60; ++t) {
    // P ← Q + AᵀPA − AᵀPB (R + BᵀPB)⁻¹ BᵀPA
    double pa[2][2];
    double pb[2];
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) pa[i][j] = p[i][0] * a[0][j] + p[i][1] * a[1][j];
      pb[i] = p[i][0] * b[0] + p[i][1] * b[1];
    }
    const double s = kCost + b[0] * pb[0] + b[1] * pb[1];
    const double g[2] = {b[0] * pa[0][0] + b[1] * pa[1][0], b[0] * pa[0][1] + b[1] * pa[1][1]};
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        p[i][j] = a[0][i] * pa[0][j] + a[1][i] * pa[1][j] - g[i] * g[j] / s;
      }
    }
    p[0][0] += 1.0;
    p[1][1] += 0.1;
  }
  PendulumOptimum optimum(pendulum("0.3", "60"), levels(41));
  for (const auto& x : {std::array{0.2, 0.0}, std::array{-0.3, 0.4}, std::array{0.3, -0.6}}) {
    const double cost = p[0][0] * x[0] * x[0] + 2.0 * p[0][1] * x[0] * x[1] + p[1][1] * x[1] * x[1];
    const double found = -optimum.return_from(x[0], x[1]);
    INFO(x[0] << ", " << x[1] << ": " << found << " for " << cost);
    CHECK(found >= 0.98 * cost);  // sin θ < θ makes it a little cheaper
    CHECK(found <= 1.2 * cost);   // levels and grid make it dearer
  }
}

// The card's figures are means over 64 random starts, of which returns spread by 73 to 84, so that
// they have a standard error of up to 10.5. Differences between levels depend less on the starts
// (standard errors of up to 1.7), and on the card's horizon, discounted by 0.99 and without end.
TEST_CASE("The optimum has the known returns with two and three levels") {
  const double two = mean_return("0", 2);
  CHECK(two == Approx(-145.0).margin(3 * 10.5));
  CHECK(mean_return("0", 3) - two == Approx(0.2).margin(0.5));
  CHECK(mean_return("0.1", 3) - (two - 80.0) == Approx(68.7).margin(3.0));
  CHECK(mean_return("0.3", 3) - (two - 240.0) == Approx(207.2).margin(10.0));
}

TEST_CASE("The optimum gains what is known by 21 levels where torque costs") {
  CHECK(mean_return("0.3", 21) - mean_return("0.3", 3) == Approx(177.8 - 161.1).margin(4.0));
}

}  // namespace
}  // namespace costate
