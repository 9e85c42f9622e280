// MountainCar-v0: an underpowered car must swing up the right hill, by pushes of full strength.
//
// Source: Moore, "Efficient memory-based learning for robot control" (1990), as Gymnasium defines
// it:
//   v += 0.001 push − 0.0025 cos(3 x),   x += v
// with both clipped to their ranges and an inelastic wall on the left.
// State and observation: x, v.
#pragma once

#include "envs/classic/classic_env.h"

namespace costate {

class MountainCar final : public ClassicEnv<2> {
 public:
  MountainCar();
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  void take_parameters() override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
  Scene scene() override;
  void body_poses(std::span<double> poses) override;

  double gravity_;
  double force_;
};

}  // namespace costate
