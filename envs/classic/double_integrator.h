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
  Scene scene() override;
  void body_poses(std::span<double> poses) override;

  DoubleIntegratorConfig config_;
  double force_to_acceleration_;  ///< gear / mass
};

/// The shortest time (s) in which ẍ = u, |u| ≤ 1 comes from position x and velocity v to rest at
/// the origin: T above.
double minimum_time(double x, double v);

/// The least of ∫(1 + price |u|) dt on the way from (x, v) to rest at the origin: full force one
/// way, coasting at a speed w, full force the other way. Where x + v|v| / 2 ≥ 0 (elsewhere it is
/// mirrored), with A = x + v²/2,
///   w = √(A / (1 + 2 price)),   cost = (1 + price) v + 2 √((1 + 2 price) A)
/// or, where the mass comes faster than w, it coasts at once: cost = A / |v| + price |v|.
double minimum_cost(double x, double v, double price);

/// The least fuel ∫|u| dt with which ẍ = u, |u| ≤ 1 comes from position x0 and velocity v0 to x1
/// and v1 in a time (s) in which it can. Where it coasts at a speed between v0 and v1 that is |v1 −
/// v0|; where at a greater one, w, it is 2 w − v0 − v1 with the smaller root w of
///   w² − (time + v0 + v1) w + (v0² + v1²)/2 + x1 − x0 = 0,
/// and where at a smaller one, that mirrored. From rest to rest over d: time² ≥ 4 d.
double minimum_fuel(double x0, double v0, double x1, double v1, double time);

}  // namespace costate
