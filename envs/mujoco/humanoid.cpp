// Humanoid-v5 and HumanoidStandup-v5: one body that is to run forward, or to stand up.
//
// Gymnasium's definitions: Humanoid's reward = w_f·(X_after − X_before)/dt + (r_h while healthy)
// − w_c·Σa² − clip(w_k·Σ cfrc_ext²), where X is the centre of mass of all bodies' xipos.
// HumanoidStandup's = w_u·z/timestep + 1 − w_c·Σa² − clip(w_i·Σ cfrc_ext²), z = qpos[2]; its
// divisor is the physics timestep, and w_u counts as documented, where the reference's code leaves
// it out. Observed are qpos without x and y, qvel, and, of all bodies but the world, cinert, cvel
// and cfrc_ext, and the actuators' forces on all joints but the root. All of these but qpos and
// qvel lag behind.
#include <algorithm>

#include "envs/format.h"
#include "envs/mujoco/body_quantities.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

constexpr int kRootDofs = 6;

class HumanoidEnv : public MujocoEnv {
 protected:
  HumanoidEnv(EnvSpec spec, const LocomotionConfig& config, const HumanoidObservationConfig& parts,
              const std::string& asset)
      : MujocoEnv(std::move(spec), config, asset),
        parts_(parts),
        reset_noise_scale_(config.reset_noise_scale),
        first_qpos_(config.exclude_current_positions_from_observation ? 2 : 0) {
    require_at_least(7, kRootDofs);
    std::vector<std::string> labels = joint_state_labels(first_qpos_);
    const std::size_t joint_state = labels.size();
    const auto for_bodies = [&](auto add_labels) {
      for (int i = 1; i < model().nbody; ++i) add_labels(name(mjOBJ_BODY, i), labels);
    };
    if (parts.include_cinert_in_observation) for_bodies(add_cinert_labels);
    if (parts.include_cvel_in_observation) for_bodies(add_cvel_labels);
    if (parts.include_qfrc_actuator_in_observation) {
      for (int i = kRootDofs; i < model().nv; ++i) {
        labels.push_back(name(mjOBJ_JOINT, model().dof_jntid[i]) + " actuator torque (N m)");
      }
    }
    if (parts.include_cfrc_ext_in_observation) for_bodies(add_cfrc_ext_labels);
    keep_derived(2 + labels.size() - joint_state);
    set_observation_space(unbounded_space(std::move(labels)));
  }

  // Of derived(): these two, then the end of the observation.
  double center_of_mass_x() const { return derived()[0]; }
  double squared_contact_forces() const { return derived()[1]; }

 private:
  void extract(const mjModel& model, mjData& data, std::span<double> derived) const override {
    double mass = 0.0;
    double moment = 0.0;
    for (int i = 0; i < model.nbody; ++i) {
      mass += model.body_mass[i];
      moment += model.body_mass[i] * data.xipos[3 * i];
    }
    derived[0] = moment / mass;
    derived[1] = sum_of_squares(
        std::span<const double>(data.cfrc_ext, 6 * static_cast<std::size_t>(model.nbody)));

    double* out = derived.data() + 2;
    const int bodies = model.nbody - 1;
    if (parts_.include_cinert_in_observation) out = std::copy_n(data.cinert + 10, 10 * bodies, out);
    if (parts_.include_cvel_in_observation) out = std::copy_n(data.cvel + 6, 6 * bodies, out);
    if (parts_.include_qfrc_actuator_in_observation) {
      out = std::copy(data.qfrc_actuator + kRootDofs, data.qfrc_actuator + model.nv, out);
    }
    if (parts_.include_cfrc_ext_in_observation) std::copy_n(data.cfrc_ext + 6, 6 * bodies, out);
  }

  void advance(const mjModel& model, mjData& data) const override {
    MujocoEnv::advance(model, data);
    mj_rnePostConstraint(&model, &data);
  }

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, reset_noise_scale_);
    add_uniform_noise(random, qvel, reset_noise_scale_);
  }

  void observe(std::span<double> observation) const override {
    std::ranges::copy(derived().subspan(2), copy_joint_state(observation, first_qpos_).begin());
  }

  HumanoidObservationConfig parts_;
  double reset_noise_scale_;
  int first_qpos_;
};

EnvSpec humanoid_spec(const HumanoidConfig& config) {
  return {.id = "Humanoid-v5",
          .family = "mujoco",
          .summary = "Run forward on two legs without falling",
          .observation = {},
          .action = {},
          .time_limit = 1000,
          .reward_threshold = std::nullopt,
          .reward = weighted(config.forward_reward_weight, "(x_after - x_before) / dt") + " + (" +
                    format_number(config.healthy_reward) + " while healthy) - " +
                    weighted(config.ctrl_cost_weight, "sum(action^2)") + " - (" +
                    weighted(config.contact_cost_weight, "sum(cfrc_ext^2)") + ", clipped to " +
                    interval(config.contact_cost_range) + "), x = the centre of mass",
          .termination = when_unhealthy(config.terminate_when_unhealthy,
                                        "height outside " + interval(config.healthy_z_range))};
}

class Humanoid final : public HumanoidEnv {
 public:
  explicit Humanoid(const HumanoidConfig& config)
      : HumanoidEnv(humanoid_spec(config), config, config, "humanoid.xml"), config_(config) {}

 private:
  StepResult act(std::span<const float> action) override {
    const double x_before = center_of_mass_x();
    simulate(action);
    const double forward_velocity = (center_of_mass_x() - x_before) / control_step();
    const bool healthy = config_.healthy_z_range.encloses(qpos()[2]);
    const double contact_cost =
        std::clamp(config_.contact_cost_weight * squared_contact_forces(),
                   config_.contact_cost_range.low, config_.contact_cost_range.high);
    return {.reward = config_.forward_reward_weight * forward_velocity +
                      (healthy ? config_.healthy_reward : 0.0) -
                      (config_.ctrl_cost_weight * sum_of_squares(action) + contact_cost),
            .terminated = !healthy && config_.terminate_when_unhealthy};
  }

  HumanoidConfig config_;
};

EnvSpec humanoid_standup_spec(const HumanoidStandupConfig& config) {
  return {.id = "HumanoidStandup-v5",
          .family = "mujoco",
          .summary = "Stand up from lying on the back",
          .observation = {},
          .action = {},
          .time_limit = 1000,
          .reward_threshold = std::nullopt,
          .reward = weighted(config.uph_cost_weight, "height / timestep") + " + 1 - " +
                    weighted(config.ctrl_cost_weight, "sum(action^2)") + " - (" +
                    weighted(config.impact_cost_weight, "sum(cfrc_ext^2)") + ", clipped to " +
                    interval(config.impact_cost_range) + ")",
          .termination = "never"};
}

class HumanoidStandup final : public HumanoidEnv {
 public:
  explicit HumanoidStandup(const HumanoidStandupConfig& config)
      : HumanoidEnv(humanoid_standup_spec(config), config, config, "humanoid_standup.xml"),
        config_(config) {}

 private:
  StepResult act(std::span<const float> action) override {
    simulate(action);
    const double impact_cost =
        std::clamp(config_.impact_cost_weight * squared_contact_forces(),
                   config_.impact_cost_range.low, config_.impact_cost_range.high);
    return {.reward = config_.uph_cost_weight * (qpos()[2] / model().opt.timestep) -
                      config_.ctrl_cost_weight * sum_of_squares(action) - impact_cost + 1.0};
  }

  HumanoidStandupConfig config_;
};

}  // namespace

void HumanoidObservationConfig::describe(Options& options) {
  options.add("include_cinert_in_observation", include_cinert_in_observation,
              "observe the bodies' masses and inertias about the centre of mass");
  options.add("include_cvel_in_observation", include_cvel_in_observation,
              "observe the bodies' velocities about the centre of mass");
  options.add("include_qfrc_actuator_in_observation", include_qfrc_actuator_in_observation,
              "observe the actuators' torques on the joints");
  add_include_cfrc_ext(options, include_cfrc_ext_in_observation);
}

void HumanoidConfig::describe(Options& options) {
  ForwardConfig::describe(options);
  HealthConfig::describe(options);
  add_contact_cost_weight(options, contact_cost_weight);
  options.add("contact_cost_range", contact_cost_range,
              "range to which the weighted contact cost is clipped");
  HumanoidObservationConfig::describe(options);
}

void HumanoidStandupConfig::describe(Options& options) {
  options.add("uph_cost_weight", uph_cost_weight, {}, "weight of the reward height / timestep");
  LocomotionConfig::describe(options);
  options.add("impact_cost_weight", impact_cost_weight, {},
              "weight of the cost of external forces and torques on the bodies, sum(force^2)");
  options.add("impact_cost_range", impact_cost_range,
              "range to which the weighted impact cost is clipped");
  HumanoidObservationConfig::describe(options);
}

std::unique_ptr<Env> make_humanoid(const HumanoidConfig& config) {
  return std::make_unique<Humanoid>(config);
}

std::unique_ptr<Env> make_humanoid_standup(const HumanoidStandupConfig& config) {
  return std::make_unique<HumanoidStandup>(config);
}

}  // namespace costate
