// Acrobot-v1: swing the tip of a two-link pendulum, driven at the elbow only, above the bar.
//
// Source: Sutton and Barto, "Reinforcement learning: an introduction", the equations of the book,
// as Gymnasium defines the task. Links of length 1 and mass 1 with centres at 0.5 and moment of
// inertia 1, one step of the classical fourth-order Runge-Kutta method over the whole 0.2 s with
// the torque held; then angles are wrapped into [−π, π] and speeds clamped to ±4π and ±9π. State:
// θ1 (0 hanging down), θ2 (relative to link 1), θ̇1, θ̇2. Observation: cos θ1, sin θ1, cos θ2, sin
// θ2, θ̇1, θ̇2. The inertia of a link goes with its mass and the square of its length.
#pragma once

#include "envs/classic/classic_env.h"

namespace costate {

class Acrobot final : public ClassicEnv<4> {
 public:
  Acrobot();
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  /// The constants of the equations of motion: m masses, l lengths, c distances of the centres, i
  /// moments of inertia about these, g gravity.
  struct Terms {
    double shoulder;  ///< m1 c1² + i1 + m2 l1² + m2 c2² + i2
    double elbow;     ///< m2 c2² + i2
    double arm;       ///< m2 l1 c2
    double weight1;   ///< (m1 c1 + m2 l1) g
    double weight2;   ///< m2 c2 g
  };
  /// What a state's angles are to the equations of motion and to the observation. The definition's
  /// cos(θ1 − π/2) and cos(θ1 + θ2 − π/2) are made of these, to within 1e-15: cosines are most of
  /// what a step costs.
  struct Pose {
    explicit Pose(const State& state);
    double cosine1, sine1;  ///< of θ1
    double cosine2, sine2;  ///< of θ2
  };

  std::array<double, 2> acceleration(const State& state, const Pose& pose, double torque) const;
  /// Moves state_ by one step of the classical Runge-Kutta method.
  void runge_kutta(double torque);

  void take_parameters() override;
  void take_state() override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
  Scene scene() override;
  void body_poses(std::span<double> poses) override;

  Terms terms_;
  double gear_;
  Pose pose_{State{}};  ///< of state_: the next step begins there
};

}  // namespace costate
