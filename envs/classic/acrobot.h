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
  /// The constants of the equations of motion: m masses, l lengths, c distances of the centres, g
  /// gravity.
  struct Terms {
    double centre1;  ///< m1 c1²
    double centre2;  ///< m2 c2²
    double both;     ///< m2 (l1² + c2²)
    double arm;      ///< m2 l1 c2
    double twice_arm;
    double inertia1;  ///< about the centres
    double inertia2;
    double about_elbow;  ///< m2 c2² + inertia2
    double weight1;      ///< (m1 c1 + m2 l1) g
    double weight2;      ///< m2 c2 g
  };
  /// What the equations of motion take of the angles of a state.
  struct Pose {
    explicit Pose(const State& state);
    double cosine2, sine2;  ///< of θ2
    double lever1;          ///< cos(θ1 − π/2), how far link 1 leans
    double lever2;          ///< cos(θ1 + θ2 − π/2)
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
