#include "envs/wrappers/wrap.h"

#include <charconv>
#include <utility>
#include <vector>

#include "envs/format.h"
#include "envs/wrappers/action_cost.h"
#include "envs/wrappers/action_repeat.h"
#include "envs/wrappers/domain_randomization.h"
#include "envs/wrappers/frame_stack.h"
#include "envs/wrappers/pixels.h"
#include "envs/wrappers/time_limit.h"

namespace costate {
namespace {

/// One of the combined challenges of the real-world RL suite (Dulac-Arnold et al., 2021).
struct Challenge {
  const char* name;
  int action_delay;
  int observation_delay;
  int reward_delay;
  double noise;  ///< of actions and observations
  double fault;  ///< probability with which a sensor drops out, and with which it sticks
  int fault_steps;
  int action_repeat;
  int dummy_observations;

  Settings settings() const {
    const auto text = [](double value) { return format_number(value); };
    return {{"action_delay", text(action_delay)},
            {"observation_delay", text(observation_delay)},
            {"reward_delay", text(reward_delay)},
            {"action_noise", text(noise)},
            {"observation_noise", text(noise)},
            {"sensor_drop", text(fault)},
            {"sensor_drop_steps", text(fault_steps)},
            {"sensor_stuck", text(fault)},
            {"sensor_stuck_steps", text(fault_steps)},
            {"action_repeat", text(action_repeat)},
            {"dummy_observations", text(dummy_observations)}};
  }
};

constexpr Challenge kChallenges[] = {{"none", 0, 0, 0, 0.0, 0.0, 1, 1, 0},
                                     {"easy", 3, 3, 10, 0.1, 0.01, 1, 1, 10},
                                     {"medium", 6, 6, 20, 0.3, 0.05, 5, 2, 20},
                                     {"hard", 9, 9, 40, 1.0, 0.1, 10, 3, 50}};

}  // namespace

void WrapperConfig::describe(Options& options) {
  std::vector<std::string> names;
  std::vector<Settings> settings;
  for (const Challenge& each : kChallenges) {
    names.emplace_back(each.name);
    settings.push_back(each.settings());
  }
  options.add(
      "challenge", challenge, names,
      "a combined challenge of the real-world RL suite (box actions only): sets all delays, "
      "noises and faults of sensors, action_repeat and dummy_observations, each of which can "
      "be set otherwise beside it; the physical parameter that belongs to it is yours to "
      "name in randomize");
  options.preset(settings);
  options.add(
      "randomize", randomize, {},
      "physical parameters drawn anew for every episode, each with the range of its factor, "
      "such as \"mass 0.8..1.2, friction 0.5..2\"; empty: none");
  options.add(
      "action_cost", action_cost, Range::at_least(0.0),
      "price of acting: each step's reward loses this times the mean of |action|^power, the action "
      "that is executed, scaled to [-1, 1]");
  options.add("action_cost_power", action_cost_power, Range::between(1, 2),
              "power of action_cost: 1 is a price on fuel, 2 one on energy");
  options.add(
      "action_cost_ramp", action_cost_ramp, Range::between(0, 1e15),
      "steps of each environment, over all of its episodes, in which action_cost grows from "
      "0; evaluation takes the whole cost");
  options.add("time_limit", time_limit, Range::between(-1, 1e9),
              "steps until an episode is truncated; 0: none, -1: the task's own");
  options.add("action_repeat", action_repeat, Range::between(1, 10000),
              "how many times each action is taken; rewards add up");
  options.add("pixels", pixels, {},
              "observe a picture of this size, such as \"84x84\" (width x height); empty: do not");
  options.add("camera", camera, {}, "camera of the picture; empty: the one that shows the task");
  perturbation.describe(options);
  options.add("frame_stack", frame_stack, Range::between(1, 1000),
              "how many of the last observations are shown at once");
}

std::unique_ptr<Env> wrap(std::unique_ptr<Env> env, const WrapperConfig& config) {
  if (config.challenge != "none" && env->spec().action.kind != Space::Kind::kBox) {
    throw UsageError("challenge = " + config.challenge +
                     " needs an action that is a box, that of " + env->spec().id + " is " +
                     env->spec().action.to_string());
  }
  const int own_limit = env->spec().time_limit;
  const int limit = config.time_limit < 0 ? own_limit : static_cast<int>(config.time_limit);
  if (!config.randomize.empty()) {
    env = std::make_unique<DomainRandomization>(std::move(env), config.randomize);
  }
  if (config.action_cost > 0.0) {
    env = std::make_unique<ActionCost>(std::move(env), config.action_cost,
                                       static_cast<int>(config.action_cost_power),
                                       config.action_cost_ramp);
  }
  if (limit != 0 || own_limit != 0) env = std::make_unique<TimeLimit>(std::move(env), limit);
  if (config.action_repeat > 1) {
    env = std::make_unique<ActionRepeat>(std::move(env), static_cast<int>(config.action_repeat));
  }
  if (!config.pixels.empty()) {
    RenderOptions options = parse_picture_size(config.pixels, "pixels");
    options.camera = config.camera;
    options.shadows = false;
    env = std::make_unique<Pixels>(std::move(env), options);
  }
  if (config.perturbation.any()) {
    env = std::make_unique<Perturbation>(std::move(env), config.perturbation);
  }
  if (config.frame_stack > 1) {
    env = std::make_unique<FrameStack>(std::move(env), static_cast<int>(config.frame_stack));
  }
  return env;
}

RenderOptions parse_picture_size(const std::string& text, const std::string& key) {
  constexpr int kMost = 4096;
  RenderOptions options;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, options.width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, options.height);
    if (height.ec == std::errc() && height.ptr == end && options.width >= 1 &&
        options.width <= kMost && options.height >= 1 && options.height <= kMost) {
      return options;
    }
  }
  throw UsageError(key + " = " + text + ": expected a width and a height, each from 1 to " +
                   std::to_string(kMost) + ", such as 84x84");
}

}  // namespace costate
