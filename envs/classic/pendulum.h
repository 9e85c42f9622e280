// Pendulum-v1: swing a torque-limited pendulum up and hold it there.
//
// Gymnasium's definition: a rod of mass m and length l about its end, θ = 0 upright, with
//   θ̈ = 3 g / (2 l) sin θ + 3 u / (m l²)
// integrated by semi-implicit Euler; θ̇ is clipped to ±8 rad/s, θ is not wrapped.
// State: θ, θ̇. Observation: cos θ, sin θ, θ̇. What the torque costs is an option: a price at which
// pushing with full strength no longer pays tells policies apart that otherwise do equally well.
#pragma once

#include "envs/classic/classic_env.h"
#include "envs/options.h"

namespace costate {

struct PendulumConfig {
  double torque_cost = 0.001;

  void describe(Options& options);
};

class Pendulum final : public ClassicEnv<2> {
 public:
  explicit Pendulum(const PendulumConfig& config);
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  void take_parameters() override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
  Scene scene() override;
  void body_poses(std::span<double> poses) override;

  double torque_cost_;
  double length_;
  double of_gravity_;  ///< 3 g / (2 l)
  double of_torque_;   ///< 3 / (m l²)
};

}  // namespace costate
