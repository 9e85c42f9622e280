#include "envs/wrappers/wrap.h"

#include <charconv>
#include <utility>

#include "envs/wrappers/action_repeat.h"
#include "envs/wrappers/domain_randomization.h"
#include "envs/wrappers/frame_stack.h"
#include "envs/wrappers/pixels.h"
#include "envs/wrappers/time_limit.h"

namespace costate {

void WrapperConfig::describe(Options& options) {
  options.add(
      "randomize", randomize, {},
      "physical parameters drawn anew for every episode, each with the range of its factor, "
      "such as \"mass 0.8..1.2, friction 0.5..2\"; empty: none");
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
  const int own_limit = env->spec().time_limit;
  const int limit = config.time_limit < 0 ? own_limit : static_cast<int>(config.time_limit);
  if (!config.randomize.empty()) {
    env = std::make_unique<DomainRandomization>(std::move(env), config.randomize);
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
