// The planar bodies that are to move forward: HalfCheetah-v5, Hopper-v5, Swimmer-v5 and
// Walker2d-v5. They differ in their numbers alone.
//
// Gymnasium's definition: reward = w_f·(x_after − x_before)/dt + (r_h while healthy) − w_c·Σa²,
// x = qpos[0]. Healthy is a body whose height qpos[1], angle qpos[2], and every further number of
// the state lie within ranges; HalfCheetah and Swimmer always are. Observed are qpos without the
// position in the world, and qvel, clipped for Hopper and Walker2d.
#include <algorithm>
#include <limits>
#include <optional>

#include "envs/format.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

/// What a task does not leave to the user.
struct PlanarTask {
  EnvSpec spec;
  const char* asset;
  int world_positions = 1;      ///< the first of qpos, left out of the observation: the task is the
                                ///< same everywhere
  bool gaussian_speed = false;  ///< whether a reset's noise on qvel is Gaussian
  double velocity_limit = std::numeric_limits<double>::infinity();
};

class PlanarLocomotion final : public MujocoEnv {
 public:
  PlanarLocomotion(const PlanarTask& task, const ForwardConfig& config,
                   const PlanarHealthConfig& health)
      : MujocoEnv(task.spec, config, task.asset),
        config_(config),
        health_(health),
        first_qpos_(config.exclude_current_positions_from_observation ? task.world_positions : 0),
        gaussian_speed_(task.gaussian_speed),
        velocity_limit_(task.velocity_limit) {
    require_at_least(3, 3);
    set_observation_space(joint_state_space(first_qpos_));
  }

 private:
  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, config_.reset_noise_scale);
    if (gaussian_speed_) {
      add_gaussian_noise(random, qvel, config_.reset_noise_scale);
    } else {
      add_uniform_noise(random, qvel, config_.reset_noise_scale);
    }
  }

  void observe(std::span<double> observation) const override {
    copy_joint_state(observation, first_qpos_, velocity_limit_);
  }

  StepResult act(std::span<const float> action) override {
    const double x_before = qpos()[0];
    simulate(action);
    const double forward_velocity = (qpos()[0] - x_before) / control_step();
    const bool healthy = is_healthy();
    return {.reward = config_.forward_reward_weight * forward_velocity +
                      (healthy ? health_.healthy_reward : 0.0) -
                      config_.ctrl_cost_weight * sum_of_squares(action),
            .terminated = !healthy && health_.terminate_when_unhealthy};
  }

  bool is_healthy() const {
    const auto moderate = [this](double value) {
      return health_.healthy_state_range.encloses(value);
    };
    return health_.healthy_z_range.encloses(qpos()[1]) &&
           health_.healthy_angle_range.encloses(qpos()[2]) &&
           std::ranges::all_of(qpos().subspan(2), moderate) &&
           std::ranges::all_of(qvel(), moderate);
  }

  ForwardConfig config_;
  PlanarHealthConfig health_;
  int first_qpos_;
  bool gaussian_speed_;
  double velocity_limit_;
};

/// `health` is the text of the healthy reward, `x` says what x is.
std::string reward_text(const ForwardConfig& config, const std::string& health,
                        const std::string& x) {
  return weighted(config.forward_reward_weight, "(x_after - x_before) / dt") + health + " - " +
         weighted(config.ctrl_cost_weight, "sum(action^2)") + ", x = " + x + " position";
}

/// Hopper and Walker2d, whose root joints have the same names.
PlanarTask upright_task(const Walker2dConfig& config, const std::string& id,
                        const std::string& summary, const char* asset,
                        std::optional<double> reward_threshold) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Bounds& states = config.healthy_state_range;
  std::string unhealthy = "height (rootz) outside " + interval(config.healthy_z_range) +
                          " or rooty angle outside " + interval(config.healthy_angle_range);
  if (states.low > -kInfinity || states.high < kInfinity) {
    unhealthy += ", or an angle or a velocity outside " + interval(states);
  }
  return {.spec = {.id = id,
                   .family = "mujoco",
                   .summary = summary,
                   .observation = {},
                   .action = {},
                   .time_limit = 1000,
                   .reward_threshold = reward_threshold,
                   .reward = reward_text(
                       config, " + (" + format_number(config.healthy_reward) + " while healthy)",
                       "rootx"),
                   .termination = when_unhealthy(config.terminate_when_unhealthy, unhealthy)},
          .asset = asset,
          .velocity_limit = 10.0};
}

}  // namespace

void PlanarHealthConfig::describe(Options& options) {
  HealthConfig::describe(options);
  options.add("healthy_angle_range", healthy_angle_range,
              "angles (rad) of the torso in which the body is healthy");
}

void Walker2dConfig::describe(Options& options) {
  ForwardConfig::describe(options);
  PlanarHealthConfig::describe(options);
}

void HopperConfig::describe(Options& options) {
  Walker2dConfig::describe(options);
  options.add("healthy_state_range", healthy_state_range,
              "values of every angle (rad) and velocity in which the body is healthy");
}

std::unique_ptr<Env> make_half_cheetah(const HalfCheetahConfig& config) {
  const PlanarTask task = {
      .spec = {.id = "HalfCheetah-v5",
               .family = "mujoco",
               .summary = "Run forward on two planar legs, as fast as possible",
               .observation = {},
               .action = {},
               .time_limit = 1000,
               .reward_threshold = 4800.0,
               .reward = reward_text(config, "", "rootx"),
               .termination = "never"},
      .asset = "half_cheetah.xml",
      .gaussian_speed = true};
  return std::make_unique<PlanarLocomotion>(task, config, PlanarHealthConfig{});
}

std::unique_ptr<Env> make_hopper(const HopperConfig& config) {
  const PlanarTask task = upright_task(
      config, "Hopper-v5", "Hop forward on one planar leg without falling", "hopper.xml", 3800.0);
  return std::make_unique<PlanarLocomotion>(task, config, config);
}

std::unique_ptr<Env> make_swimmer(const SwimmerConfig& config) {
  const PlanarTask task = {.spec = {.id = "Swimmer-v5",
                                    .family = "mujoco",
                                    .summary = "Swim forward with three links in a viscous fluid",
                                    .observation = {},
                                    .action = {},
                                    .time_limit = 1000,
                                    .reward_threshold = 360.0,
                                    .reward = reward_text(config, "", "slider1"),
                                    .termination = "never"},
                           .asset = "swimmer.xml",
                           .world_positions = 2};
  return std::make_unique<PlanarLocomotion>(task, config, PlanarHealthConfig{});
}

std::unique_ptr<Env> make_walker2d(const Walker2dConfig& config) {
  const PlanarTask task =
      upright_task(config, "Walker2d-v5", "Walk forward on two planar legs without falling",
                   "walker2d.xml", std::nullopt);
  return std::make_unique<PlanarLocomotion>(task, config, config);
}

}  // namespace costate
