// MountainCarContinuous-v0: as MountainCar-v0, with a push of any strength that costs its square.
//
// Gymnasium's definition: force = clip(a, ±1) and
//   v += 0.0015 force − 0.0025 cos(3 x),   x += v
// clipped as there; the cost takes the action before clipping, and the state is rounded to float32
// after each step. State and observation: x, v.
#pragma once

#include "envs/classic/classic_env.h"

namespace costate {

class MountainCarContinuous final : public ClassicEnv<2> {
 public:
  MountainCarContinuous();
  StepResult step(std::span<const float> action, std::span<double> observation) override;

 private:
  void take_parameters() override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
  Scene scene() override;
  void body_poses(std::span<double> poses) override;

  double gravity_;
  double power_;
};

}  // namespace costate
