// Hopper-v5: a planar one-legged hopper that must stay upright.
// Gymnasium's definition: reward = forward velocity + 1 while healthy − 0.001·Σa².
#include <algorithm>
#include <cmath>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

class Hopper final : public MujocoEnv {
 public:
  Hopper()
      : MujocoEnv({.id = "Hopper-v5",
                   .family = "mujoco",
                   .summary = "Hop forward on one planar leg without falling",
                   .observation = {},
                   .action = {},
                   .time_limit = 1000,
                   .reward_threshold = 3800.0,
                   .reward = "(x_after - x_before) / dt + (1 while healthy) - 0.001 * "
                             "sum(action^2), x = rootx position",
                   .termination = "height (rootz) <= 0.7, |rooty angle| >= 0.2, or an angle or a "
                                  "velocity outside (-100, 100); otherwise healthy"},
                  {.frame_skip = 4}, "hopper.xml") {
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
    const bool healthy = is_healthy();
    return {.reward = forward_velocity + (healthy ? 1.0 : 0.0) - 0.001 * sum_of_squares(action),
            .terminated = !healthy};
  }

  bool is_healthy() const {
    const auto moderate = [](double value) { return std::abs(value) < 100.0; };
    const auto angles = qpos().subspan(2);
    return qpos()[1] > 0.7 && std::abs(qpos()[2]) < 0.2 &&
           std::all_of(angles.begin(), angles.end(), moderate) &&
           std::all_of(qvel().begin(), qvel().end(), moderate);
  }
};

}  // namespace

std::unique_ptr<Env> make_hopper() {
  return std::make_unique<Hopper>();
}

}  // namespace costate
