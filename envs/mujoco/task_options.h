// What the options of the MuJoCo tasks share: help texts that several of them need, and numbers in
// the descriptions of rewards.
#pragma once

#include <string>

#include "envs/options.h"

namespace costate {

void add_reset_noise_scale(Options& options, double& field);
void add_healthy_reward(Options& options, double& field);
void add_contact_cost_weight(Options& options, double& field);
void add_include_cfrc_ext(Options& options, bool& field);
void add_reward_control_weight(Options& options, double& field);

/// "0.5 * term", or "term" for a weight of 1.
std::string weighted(double weight, const std::string& term);
/// "(0.8, 2)".
std::string interval(const Bounds& bounds);
/// The termination of a task with this condition, in words.
std::string when_unhealthy(bool terminate, const std::string& unhealthy);

}  // namespace costate
