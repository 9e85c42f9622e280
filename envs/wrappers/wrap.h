// The wrappers that any environment can be put into, as options.
//
// From the inside out: domain randomisation, action cost, time limit, action repeat, picture,
// perturbation of actions, observations and rewards, frame stack. Each counts in steps of what it
// wraps: a time limit of 1000 with actions repeated twice ends after 500 steps of the agent, as in
// dm_control, and a delay of 3 then lasts for 6 steps of the task (the real-world RL suite, whose
// agent acts in every step of the task, has it last for 3). The normalisation of observations and
// rewards is the learner's (agents/runtime.h), which keeps its statistics with the policy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "envs/env.h"
#include "envs/options.h"
#include "envs/wrappers/perturbation.h"

namespace costate {

struct WrapperConfig {
  std::string challenge = "none";
  std::string randomize;
  double action_cost = 0.0;
  std::int64_t action_cost_power = 2;
  std::int64_t action_cost_ramp = 0;
  std::int64_t time_limit = -1;
  std::int64_t action_repeat = 1;
  std::string pixels;
  std::string camera;
  PerturbationConfig perturbation;
  std::int64_t frame_stack = 1;

  void describe(Options& options);
};

/// `env` in the wrappers that the configuration asks for. Throws UsageError where one does not fit.
std::unique_ptr<Env> wrap(std::unique_ptr<Env> env, const WrapperConfig& config);

/// "84x84" as {width 84, height 84}. Throws UsageError that names `key`.
RenderOptions parse_picture_size(const std::string& text, const std::string& key);

}  // namespace costate
