// What a policy on Pendulum-v1 could earn at most with the actions that its head can choose, by
// dynamic programming: the yardstick of returns that no baseline gives.
//
//   V_T = 0,   V_t(s) = max_a r(s, a) + V_{t+1}(s')
// over an episode of T steps, undiscounted, with V interpolated linearly on a grid of angle and
// speed. The return given is the one that the control which is greedy in V earns in the environment
// itself: never above the optimum, and below it by what the grid blurs.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "envs/env_config.h"

namespace costate {

class PendulumOptimum {
 public:
  /// `env` is a Pendulum-v1 whose steps depend on its state and action alone; costs that grow over
  /// training count in full. `levels` are the actions to choose from, normalised to [−1, 1].
  PendulumOptimum(const EnvConfig& env, std::span<const float> levels);

  /// The return of an episode that starts at this angle from upright (rad) and speed (rad/s).
  double return_from(double angle, double speed);

 private:
  static constexpr int kAngles = 120;  ///< a turn, the first of which is also its end
  static constexpr int kSpeeds = 121;

  /// A point of the grid's plane: its cell and place within.
  struct Place {
    int below[2];        ///< nodes at the lower speed, to either side in angle
    float angle, speed;  ///< within the cell, 0 to 1
  };
  struct Step {
    double reward;
    std::array<double, 2> next;
  };

  Step step(const std::array<double, 2>& state, float action);
  static Place locate(const std::array<double, 2>& state);
  /// V of the place, V given by nodes.
  static float interpolate(std::span<const float> values, const Place& place);

  std::unique_ptr<Env> env_;
  std::vector<float> actions_;              ///< in the units of the environment
  std::vector<std::vector<float>> values_;  ///< [T + 1][node]
  PhysicalState start_;
  std::vector<double> observation_;
};

}  // namespace costate
