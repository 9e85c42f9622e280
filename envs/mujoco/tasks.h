// The MuJoCo tasks, a file each or one for what is nearly alike: observation, reward, termination
// and reset noise as Gymnasium's v5 tasks define them, with the options of those tasks under the
// same names. The mechanics are in envs/assets/*.xml.
#pragma once

#include <memory>
#include <string>

#include "envs/env.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/options.h"

namespace costate {

/// Options of all tasks that move a body about.
struct LocomotionConfig : MujocoConfig {
  double ctrl_cost_weight = 0.1;
  double reset_noise_scale = 0.1;
  bool exclude_current_positions_from_observation = true;

  void describe(Options& options);
};

/// Those that are to move it forward.
struct ForwardConfig : LocomotionConfig {
  double forward_reward_weight = 1.0;

  void describe(Options& options);
};

/// What a body that must not fall is paid for. By default it always counts as healthy, and for
/// nothing.
struct HealthConfig {
  double healthy_reward = 0.0;
  bool terminate_when_unhealthy = true;
  Bounds healthy_z_range;

  void describe(Options& options);
};

struct PlanarHealthConfig : HealthConfig {
  Bounds healthy_angle_range;
  Bounds healthy_state_range;  ///< an option of Hopper only

  void describe(Options& options);
};

struct HalfCheetahConfig : ForwardConfig {
  HalfCheetahConfig() { frame_skip = 5; }
};

struct SwimmerConfig : ForwardConfig {
  SwimmerConfig() {
    frame_skip = 4;
    ctrl_cost_weight = 1e-4;
  }
};

struct Walker2dConfig : ForwardConfig, PlanarHealthConfig {
  Walker2dConfig() {
    frame_skip = 4;
    ctrl_cost_weight = 1e-3;
    reset_noise_scale = 5e-3;
    healthy_reward = 1.0;
    healthy_z_range = {0.8, 2.0};
    healthy_angle_range = {-1.0, 1.0};
  }
  void describe(Options& options);
};

struct HopperConfig : Walker2dConfig {
  HopperConfig() {
    healthy_z_range = {.low = 0.7};
    healthy_angle_range = {-0.2, 0.2};
    healthy_state_range = {-100.0, 100.0};
  }
  void describe(Options& options);
};

struct AntConfig : ForwardConfig, HealthConfig {
  AntConfig() {
    frame_skip = 5;
    ctrl_cost_weight = 0.5;
    healthy_reward = 1.0;
    healthy_z_range = {0.2, 1.0};
  }
  double contact_cost_weight = 5e-4;
  Bounds contact_force_range = {-1.0, 1.0};
  std::string main_body = "1";
  bool include_cfrc_ext_in_observation = true;

  void describe(Options& options);
};

/// What the humanoids observe beyond qpos and qvel.
struct HumanoidObservationConfig {
  bool include_cinert_in_observation = true;
  bool include_cvel_in_observation = true;
  bool include_qfrc_actuator_in_observation = true;
  bool include_cfrc_ext_in_observation = true;

  void describe(Options& options);
};

struct HumanoidConfig : ForwardConfig, HealthConfig, HumanoidObservationConfig {
  HumanoidConfig() {
    frame_skip = 5;
    forward_reward_weight = 1.25;
    reset_noise_scale = 1e-2;
    healthy_reward = 5.0;
    healthy_z_range = {1.0, 2.0};
  }
  double contact_cost_weight = 5e-7;
  Bounds contact_cost_range = {.high = 10.0};

  void describe(Options& options);
};

struct HumanoidStandupConfig : LocomotionConfig, HumanoidObservationConfig {
  HumanoidStandupConfig() {
    frame_skip = 5;
    reset_noise_scale = 1e-2;
  }
  double uph_cost_weight = 1.0;
  double impact_cost_weight = 0.5e-6;
  Bounds impact_cost_range = {.high = 10.0};

  void describe(Options& options);
};

struct ReacherConfig : MujocoConfig {
  ReacherConfig() { frame_skip = 2; }
  double reward_dist_weight = 1.0;
  double reward_control_weight = 1.0;

  void describe(Options& options);
};

struct PusherConfig : MujocoConfig {
  PusherConfig() { frame_skip = 5; }
  double reward_near_weight = 0.5;
  double reward_dist_weight = 1.0;
  double reward_control_weight = 0.1;

  void describe(Options& options);
};

struct InvertedDoublePendulumConfig : MujocoConfig {
  InvertedDoublePendulumConfig() { frame_skip = 5; }
  double healthy_reward = 10.0;
  double reset_noise_scale = 0.1;

  void describe(Options& options);
};

struct InvertedPendulumConfig : MujocoConfig {
  InvertedPendulumConfig() { frame_skip = 2; }
  double reset_noise_scale = 0.01;

  void describe(Options& options);
};

// Each throws UsageError where a model that the user names lacks what the task looks into.
std::unique_ptr<Env> make_ant(const AntConfig& config);
std::unique_ptr<Env> make_half_cheetah(const HalfCheetahConfig& config);
std::unique_ptr<Env> make_hopper(const HopperConfig& config);
std::unique_ptr<Env> make_humanoid(const HumanoidConfig& config);
std::unique_ptr<Env> make_humanoid_standup(const HumanoidStandupConfig& config);
std::unique_ptr<Env> make_inverted_double_pendulum(const InvertedDoublePendulumConfig& config);
std::unique_ptr<Env> make_inverted_pendulum(const InvertedPendulumConfig& config);
std::unique_ptr<Env> make_pusher(const PusherConfig& config);
std::unique_ptr<Env> make_reacher(const ReacherConfig& config);
std::unique_ptr<Env> make_swimmer(const SwimmerConfig& config);
std::unique_ptr<Env> make_walker2d(const Walker2dConfig& config);

}  // namespace costate
