// DoubleIntegrator-v0: bring a mass on a rail to rest at the origin in the shortest time.
//
//   ẍ = u,   |u| ≤ 1
// integrated exactly over each step with u held. The textbook example of bang-bang control
// (Pontryagin, Boltyanskii, Gamkrelidze and Mishchenko, "The mathematical theory of optimal
// processes", 1962, §5; Athans and Falb, "Optimal control", 1966, chapter 7): every optimal control
// is at one extreme and switches at most once, on the curve x + v|v| / 2 = 0, by the feedback
//   u = −sign(x + v|v| / 2),   on the curve u = −sign(v)
// and the shortest time from (x, v) to (0, 0) is
//   T = v + 2 √(x + v²/2) where x + v|v| / 2 ≥ 0,   T(x, v) = T(−x, −v) elsewhere.
// A price on |u| makes it bang-off-bang: between the two extremes the mass coasts.
// The task ends in a box around the origin, not in the origin, so T is a little more than the best
// time. Episodes start uniformly in |x| ≤ 1.5, |v| ≤ 1; one that starts within the box (1 in 150)
// ends with its first step. State and observation: x, v.
#pragma once

#include "envs/classic/classic_env.h"
#include "envs/options.h"

namespace costate {

struct DoubleIntegratorConfig {
  double time_step = 0.05;
  double tolerance = 0.1;
  double fuel_cost = 0.0;

  void describe(Options& options);
};

class DoubleIntegrator final : public ClassicEnv<2> {
 public:
  explicit DoubleIntegrator(const DoubleIntegratorConfig& config);
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  void take_parameters() override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;

  DoubleIntegratorConfig config_;
  double force_to_acceleration_;  ///< gear / mass
};

/// The shortest time (s) in which ẍ = u, |u| ≤ 1 comes from position x and velocity v to rest at
/// the origin: T above.
double minimum_time(double x, double v);

}  // namespace costate
