#include "envs/wrappers/wrap.h"

#include <utility>

#include "envs/wrappers/time_limit.h"

namespace costate {

void WrapperConfig::describe(Options& options) {
  options.add("time_limit", time_limit, Range::between(-1, 1e9),
              "steps until an episode is truncated; 0: none, -1: the task's own");
}

std::unique_ptr<Env> wrap(std::unique_ptr<Env> env, const WrapperConfig& config) {
  const int own_limit = env->spec().time_limit;
  const int limit = config.time_limit < 0 ? own_limit : static_cast<int>(config.time_limit);
  if (limit != 0 || own_limit != 0) env = std::make_unique<TimeLimit>(std::move(env), limit);
  return env;
}

}  // namespace costate
