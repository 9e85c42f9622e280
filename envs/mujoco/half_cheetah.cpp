// HalfCheetah-v5: a planar two-legged runner. It never terminates.
// Gymnasium's definition: reward = forward velocity − 0.1·Σa².
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

class HalfCheetah final : public MujocoEnv {
 public:
  HalfCheetah()
      : MujocoEnv({.id = "HalfCheetah-v5",
                   .family = "mujoco",
                   .summary = "Run forward on two planar legs, as fast as possible",
                   .observation = {},
                   .action = {},
                   .time_limit = 1000,
                   .reward_threshold = 4800.0,
                   .reward = "(x_after - x_before) / dt - 0.1 * sum(action^2), x = rootx position",
                   .termination = "never"},
                  {.frame_skip = 5}, "half_cheetah.xml") {
    set_observation_space(joint_state_space(kFirstQpos));
  }

 private:
  static constexpr int kFirstQpos = 1;  // x is left out: the task is the same everywhere

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, 0.1);
    for (double& velocity : qvel) velocity += 0.1 * random.normal();
  }

  void observe(std::span<double> observation) const override {
    copy_joint_state(observation, kFirstQpos);
  }

  StepResult act(std::span<const float> action) override {
    const double x_before = qpos()[0];
    simulate(action);
    const double forward_velocity = (qpos()[0] - x_before) / control_step();
    return {.reward = forward_velocity - 0.1 * sum_of_squares(action)};
  }
};

}  // namespace

std::unique_ptr<Env> make_half_cheetah() {
  return std::make_unique<HalfCheetah>();
}

}  // namespace costate
