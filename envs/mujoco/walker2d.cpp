// Walker2d-v5: a planar two-legged walker that must stay upright.
// Gymnasium's definition: reward = forward velocity + 1 while healthy − 0.001·Σa².
#include <cmath>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

class Walker2d final : public MujocoEnv {
 public:
  Walker2d()
      : MujocoEnv(
            {.id = "Walker2d-v5",
             .family = "mujoco",
             .summary = "Walk forward on two planar legs without falling",
             .observation = {},
             .action = {},
             .time_limit = 1000,
             .reward_threshold = std::nullopt,
             .reward = "(x_after - x_before) / dt + (1 while healthy) - 0.001 * "
                       "sum(action^2), x = rootx position",
             .termination = "height (rootz) outside (0.8, 2) or |rooty angle| >= 1; otherwise "
                            "healthy"},
            {.frame_skip = 4}, "walker2d.xml") {
    set_observation_space(joint_state_space(kFirstQpos));
  }

 private:
  static constexpr int kFirstQpos = 1;  // x is left out: the task is the same everywhere

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, 0.005);
    add_uniform_noise(random, qvel, 0.005);
  }

  void observe(std::span<double> observation) const override {
    copy_joint_state(observation, kFirstQpos, /*velocity_limit=*/10.0);
  }

  StepResult act(std::span<const float> action) override {
    const double x_before = qpos()[0];
    simulate(action);
    const double forward_velocity = (qpos()[0] - x_before) / control_step();
    const double height = qpos()[1];
    const bool healthy = 0.8 < height && height < 2.0 && std::abs(qpos()[2]) < 1.0;
    return {.reward = forward_velocity + (healthy ? 1.0 : 0.0) - 0.001 * sum_of_squares(action),
            .terminated = !healthy};
  }
};

}  // namespace

std::unique_ptr<Env> make_walker2d() {
  return std::make_unique<Walker2d>();
}

}  // namespace costate
