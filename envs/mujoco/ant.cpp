// Ant-v5: a torso on four legs of two joints each that is to run forward and to stay upright.
// Gymnasium's definition: reward = w_f·(X_after − X_before)/dt + (r_h while healthy) − w_c·Σa²
// − w_k·Σ clip(cfrc_ext)², where X is the main body's xpos, which lags behind qpos, and cfrc_ext
// are the forces and torques from outside on every body, clipped to contact_force_range. Observed
// are qpos without x and y, qvel, and the clipped cfrc_ext of all bodies but the world.
#include <algorithm>
#include <charconv>

#include "envs/format.h"
#include "envs/mujoco/body_quantities.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

EnvSpec ant_spec(const AntConfig& config) {
  return {
      .id = "Ant-v5",
      .family = "mujoco",
      .summary = "Run forward on four legs without falling or jumping",
      .observation = {},
      .action = {},
      .time_limit = 1000,
      .reward_threshold = 6000.0,
      .reward = weighted(config.forward_reward_weight, "(x_after - x_before) / dt") + " + (" +
                format_number(config.healthy_reward) + " while healthy) - " +
                weighted(config.ctrl_cost_weight, "sum(action^2)") + " - " +
                weighted(config.contact_cost_weight, "sum(contact^2)") +
                ", x = main body's position, contact = external forces and torques on the bodies "
                "clipped to " +
                interval(config.contact_force_range),
      .termination = when_unhealthy(config.terminate_when_unhealthy,
                                    "height outside [" + format_number(config.healthy_z_range.low) +
                                        ", " + format_number(config.healthy_z_range.high) + "]")};
}

class Ant final : public MujocoEnv {
 public:
  explicit Ant(const AntConfig& config)
      : MujocoEnv(ant_spec(config), config, "ant.xml"),
        config_(config),
        first_qpos_(config.exclude_current_positions_from_observation ? 2 : 0),
        main_body_(find_body(config.main_body)) {
    require_at_least(3, 0);
    std::vector<std::string> labels = joint_state_labels(first_qpos_);
    if (config.include_cfrc_ext_in_observation) {
      for (int i = 1; i < model().nbody; ++i) add_cfrc_ext_labels(name(mjOBJ_BODY, i), labels);
    }
    set_observation_space(unbounded_space(std::move(labels)));
    keep_derived(1 + 6 * static_cast<std::size_t>(model().nbody));
  }

 private:
  // Of derived(): the main body's x, then the clipped cfrc_ext of every body.
  double x() const { return derived()[0]; }
  std::span<const double> contact_forces() const { return derived().subspan(1); }

  /// The option is a name or an index.
  int find_body(const std::string& body) const {
    int index = -1;
    const char* end = body.data() + body.size();
    const auto [rest, error] = std::from_chars(body.data(), end, index);
    const bool is_index = error == std::errc{} && rest == end && 0 <= index;
    return is_index && index < model().nbody ? index : find(mjOBJ_BODY, body);
  }

  void extract(const mjModel& model, mjData& data, std::span<double> derived) const override {
    derived[0] = data.xpos[3 * main_body_];
    const Bounds& range = config_.contact_force_range;
    std::transform(data.cfrc_ext, data.cfrc_ext + 6 * model.nbody, derived.begin() + 1,
                   [&range](double force) { return std::clamp(force, range.low, range.high); });
  }

  void advance(const mjModel& model, mjData& data) const override {
    MujocoEnv::advance(model, data);
    mj_rnePostConstraint(&model, &data);
  }

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, config_.reset_noise_scale);
    add_gaussian_noise(random, qvel, config_.reset_noise_scale);
  }

  void observe(std::span<double> observation) const override {
    const auto rest = copy_joint_state(observation, first_qpos_);
    if (config_.include_cfrc_ext_in_observation) {
      std::ranges::copy(contact_forces().subspan(6), rest.begin());
    }
  }

  StepResult act(std::span<const float> action) override {
    const double x_before = x();
    simulate(action);
    const double forward_velocity = (x() - x_before) / control_step();
    // The definition also calls numbers unhealthy that are not finite; `simulate` reports those as
    // errors.
    const auto [lowest, highest] = config_.healthy_z_range;
    const bool healthy = lowest <= qpos()[2] && qpos()[2] <= highest;
    return {.reward = config_.forward_reward_weight * forward_velocity +
                      (healthy ? config_.healthy_reward : 0.0) -
                      (config_.ctrl_cost_weight * sum_of_squares(action) +
                       config_.contact_cost_weight * sum_of_squares(contact_forces())),
            .terminated = !healthy && config_.terminate_when_unhealthy};
  }

  AntConfig config_;
  int first_qpos_;
  int main_body_;
};

}  // namespace

void AntConfig::describe(Options& options) {
  ForwardConfig::describe(options);
  HealthConfig::describe(options);
  add_contact_cost_weight(options, contact_cost_weight);
  options.add("main_body", main_body, {}, "name or index of the body whose velocity is rewarded");
  options.add("contact_force_range", contact_force_range,
              "range to which external forces (N) and torques (N m) are clipped");
  add_include_cfrc_ext(options, include_cfrc_ext_in_observation);
}

std::unique_ptr<Env> make_ant(const AntConfig& config) {
  return std::make_unique<Ant>(config);
}

}  // namespace costate
