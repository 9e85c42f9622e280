#include "envs/mujoco/task_options.h"

#include "envs/format.h"
#include "envs/mujoco/tasks.h"

namespace costate {

void add_reset_noise_scale(Options& options, double& field) {
  options.add("reset_noise_scale", field, Range::at_least(0.0),
              "half-width or standard deviation of the noise on qpos and qvel at a reset");
}

void add_healthy_reward(Options& options, double& field) {
  options.add("healthy_reward", field, {}, "reward of a step after which the body is healthy");
}

void add_contact_cost_weight(Options& options, double& field) {
  options.add("contact_cost_weight", field, {},
              "weight of the cost of external forces and torques on the bodies, sum(force^2)");
}

void add_include_cfrc_ext(Options& options, bool& field) {
  options.add("include_cfrc_ext_in_observation", field,
              "observe the external forces and torques on the bodies");
}

void add_reward_control_weight(Options& options, double& field) {
  options.add("reward_control_weight", field, {}, "weight of the cost sum(action^2)");
}

void LocomotionConfig::describe(Options& options) {
  MujocoConfig::describe(options);
  options.add("ctrl_cost_weight", ctrl_cost_weight, {}, "weight of the cost sum(action^2)");
  add_reset_noise_scale(options, reset_noise_scale);
  options.add("exclude_current_positions_from_observation",
              exclude_current_positions_from_observation,
              "leave where the body is in the plane of the floor out of the observation");
}

void ForwardConfig::describe(Options& options) {
  options.add("forward_reward_weight", forward_reward_weight, {},
              "weight of the forward velocity in the reward");
  LocomotionConfig::describe(options);
}

void HealthConfig::describe(Options& options) {
  add_healthy_reward(options, healthy_reward);
  options.add("terminate_when_unhealthy", terminate_when_unhealthy,
              "whether the first unhealthy step ends the episode");
  options.add("healthy_z_range", healthy_z_range, "heights (m) in which the body is healthy");
}

std::string weighted(double weight, const std::string& term) {
  return weight == 1.0 ? term : format_number(weight) + " * " + term;
}

std::string interval(const Bounds& bounds) {
  return "(" + format_number(bounds.low) + ", " + format_number(bounds.high) + ")";
}

std::string when_unhealthy(bool terminate, const std::string& unhealthy) {
  return (terminate ? "when unhealthy: " : "never; unhealthy: ") + unhealthy;
}

}  // namespace costate
