// InvertedPendulum-v5: balance a pole by pushing the cart it stands on.
// Gymnasium's definition: reward 1 a step, 0 for the step in which the pole falls.
#include <cmath>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

class InvertedPendulum final : public MujocoEnv {
 public:
  explicit InvertedPendulum(const InvertedPendulumConfig& config)
      : MujocoEnv({.id = "InvertedPendulum-v5",
                   .family = "mujoco",
                   .summary = "Balance a pole on a cart by pushing the cart",
                   .observation = {},
                   .action = {},
                   .time_limit = 1000,
                   .reward_threshold = 950.0,
                   .reward = "1, or 0 on the step that terminates",
                   .termination = "|hinge angle| > 0.2"},
                  config, "inverted_pendulum.xml"),
        reset_noise_scale_(config.reset_noise_scale) {
    require_at_least(2, 2);
    set_observation_space(joint_state_space(/*first_qpos=*/0));
  }

 private:
  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, reset_noise_scale_);
    add_uniform_noise(random, qvel, reset_noise_scale_);
  }

  void observe(std::span<double> observation) const override {
    copy_joint_state(observation, /*first_qpos=*/0);
  }

  StepResult act(std::span<const float> action) override {
    simulate(action);
    // The definition also ends on numbers that are not finite; `simulate` reports those as errors.
    const bool fallen = std::abs(qpos()[1]) > 0.2;
    return {.reward = fallen ? 0.0 : 1.0, .terminated = fallen};
  }

  double reset_noise_scale_;
};

}  // namespace

void InvertedPendulumConfig::describe(Options& options) {
  MujocoConfig::describe(options);
  add_reset_noise_scale(options, reset_noise_scale);
}

std::unique_ptr<Env> make_inverted_pendulum(const InvertedPendulumConfig& config) {
  return std::make_unique<InvertedPendulum>(config);
}

}  // namespace costate
