// InvertedDoublePendulum-v5: balance two poles, one on the other, by pushing the cart below them.
// Gymnasium's definition: reward = r_h − 0.01·x² − (z − 2)² − 0.001·θ₁'² − 0.005·θ₂'², where x and
// z are the tip's, which lag behind qpos; r_h is not paid on the step that terminates. Observed are
// the cart's position, sines and cosines of both angles, qvel, and the constraint force on the
// cart; velocities and force clipped to ±10.
#include <algorithm>
#include <cmath>

#include "envs/format.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

constexpr double kLimit = 10.0;  // of observed velocities (m/s, rad/s) and forces (N)

EnvSpec double_pendulum_spec(const InvertedDoublePendulumConfig& config) {
  return {.id = "InvertedDoublePendulum-v5",
          .family = "mujoco",
          .summary = "Balance two poles, one on the other, by pushing the cart below them",
          .observation = {},
          .action = {},
          .time_limit = 1000,
          .reward_threshold = 9100.0,
          .reward = "(" + format_number(config.healthy_reward) +
                    ", or 0 on the step that terminates) - 0.01 * x^2 - (z - 2)^2 - 0.001 * "
                    "hinge velocity^2 - 0.005 * hinge2 velocity^2, x and z of the tip",
          .termination = "height of the tip <= 1"};
}

class InvertedDoublePendulum final : public MujocoEnv {
 public:
  explicit InvertedDoublePendulum(const InvertedDoublePendulumConfig& config)
      : MujocoEnv(double_pendulum_spec(config), config, "inverted_double_pendulum.xml"),
        config_(config),
        tip_(find(mjOBJ_SITE, "tip")) {
    require_at_least(3, 3);
    set_observation_space(unbounded_space(
        {"slider position (m)", "sin(hinge angle)", "sin(hinge2 angle)", "cos(hinge angle)",
         "cos(hinge2 angle)", "slider velocity (m/s)", "hinge angular velocity (rad/s)",
         "hinge2 angular velocity (rad/s)", "slider constraint force (N)"}));
    keep_derived(3);
  }

 private:
  // Of derived(): the tip's x and z, the constraint force on the slider.
  double tip_x() const { return derived()[0]; }
  double tip_z() const { return derived()[1]; }
  double constraint_force() const { return derived()[2]; }

  void extract(const mjModel&, mjData& data, std::span<double> derived) const override {
    derived[0] = data.site_xpos[3 * tip_];
    derived[1] = data.site_xpos[3 * tip_ + 2];
    derived[2] = data.qfrc_constraint[0];
  }

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, config_.reset_noise_scale);
    add_gaussian_noise(random, qvel, config_.reset_noise_scale);
  }

  void observe(std::span<double> observation) const override {
    observation[0] = qpos()[0];
    for (std::size_t i = 0; i < 2; ++i) {
      observation[1 + i] = std::sin(qpos()[1 + i]);
      observation[3 + i] = std::cos(qpos()[1 + i]);
    }
    for (std::size_t i = 0; i < 3; ++i) observation[5 + i] = std::clamp(qvel()[i], -kLimit, kLimit);
    observation[8] = std::clamp(constraint_force(), -kLimit, kLimit);
  }

  StepResult act(std::span<const float> action) override {
    simulate(action);
    const bool fallen = tip_z() <= 1.0;
    const double distance_penalty = 0.01 * tip_x() * tip_x() + (tip_z() - 2.0) * (tip_z() - 2.0);
    const double velocity_penalty = 1e-3 * qvel()[1] * qvel()[1] + 5e-3 * qvel()[2] * qvel()[2];
    return {.reward = (fallen ? 0.0 : config_.healthy_reward) - distance_penalty - velocity_penalty,
            .terminated = fallen};
  }

  InvertedDoublePendulumConfig config_;
  int tip_;
};

}  // namespace

void InvertedDoublePendulumConfig::describe(Options& options) {
  MujocoConfig::describe(options);
  add_healthy_reward(options, healthy_reward);
  add_reset_noise_scale(options, reset_noise_scale);
}

std::unique_ptr<Env> make_inverted_double_pendulum(const InvertedDoublePendulumConfig& config) {
  return std::make_unique<InvertedDoublePendulum>(config);
}

}  // namespace costate
