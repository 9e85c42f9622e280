// Acrobot-v1: swing the tip of a two-link pendulum, driven at the elbow only, above the bar.
//
// Source: Sutton and Barto, "Reinforcement learning: an introduction", the equations of the book,
// as Gymnasium defines the task. Links of length 1 and mass 1 with centres at 0.5 and moment of
// inertia 1, one step of the classical fourth-order Runge-Kutta method over the whole 0.2 s with
// the torque held; then angles are wrapped into [−π, π] and speeds clamped to ±4π and ±9π. State:
// θ1 (0 hanging down), θ2 (relative to link 1), θ̇1, θ̇2. Observation: cos θ1, sin θ1, cos θ2, sin
// θ2, θ̇1, θ̇2.
#pragma once

#include "envs/classic/classic_env.h"

namespace costate {

class Acrobot final : public ClassicEnv<4> {
 public:
  Acrobot();
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
};

}  // namespace costate
