// CartPole-v1: balance a pole on a cart by pushing the cart left or right.
//
// Source: Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult
// learning control problems" (1983), without friction, as Gymnasium defines it. With total mass M,
// pole mass m and half length l:
//   temp = (F + m l θ̇² sin θ) / M
//   θ̈ = (g sin θ − cos θ temp) / (l (4/3 − m cos²θ / M)),   ẍ = temp − m l θ̈ cos θ / M
// integrated by explicit Euler with the velocities from before the step.
// State and observation: x, ẋ, θ, θ̇. "length" scales that of the pole.
#pragma once

#include "envs/classic/classic_env.h"

namespace costate {

class CartPole final : public ClassicEnv<4> {
 public:
  CartPole();
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  void take_parameters() override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
  Scene scene() override;
  void body_poses(std::span<double> poses) override;

  double gravity_;
  double pole_mass_;
  double total_mass_;  ///< with the cart
  double half_length_;
  double pole_mass_length_;
  double force_;
};

}  // namespace costate
