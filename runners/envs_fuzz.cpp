#include "runners/envs_fuzz.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "envs/random.h"
#include "envs/vector_env.h"

namespace costate {
namespace {

enum class Kind { kRandom, kBounds, kBeyond, kBroken };

/// One action; false where it is no element of the space.
bool draw_action(const Space& space, Kind kind, RandomStream& random, std::span<float> action) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  space.sample(random, action);
  for (std::size_t i = 0; i < action.size(); ++i) {
    if (space.kind != Space::Kind::kBox) {
      if (kind == Kind::kBeyond) action[i] += static_cast<float>(space.count(i));
    } else if (kind == Kind::kBounds) {
      action[i] = static_cast<float>(random.below(2) == 0 ? space.low[i] : space.high[i]);
    } else if (kind == Kind::kBeyond) {
      action[i] *= static_cast<float>(std::pow(10.0, random.below(4)));
    }
    if (kind == Kind::kBroken && random.below(2) == 0) {
      const std::uint64_t what = random.below(3);
      action[i] = what == 0 ? kNaN : what == 1 ? kInfinity : -kInfinity;
    }
  }
  return space.contains(action);
}

}  // namespace

FuzzResult fuzz(const EnvConfig& env, std::int64_t steps, std::uint64_t seed) {
  constexpr int kCount = 4;
  ThreadPool pool(2);
  VectorEnv envs(env, kCount, seed, pool);
  envs.reset();
  const Space& space = envs.spec().action;
  const auto width = static_cast<std::size_t>(space.size());
  std::vector<float> actions(kCount * width);
  RandomStream random(derive_key({seed, 0x66757a7a}));
  FuzzResult result;
  Kind kind = Kind::kRandom;
  bool broken = false;  // since the last reset: an action that is no number may be delayed
  while (result.steps < steps) {
    if (random.below(20) == 0) {
      const std::uint64_t draw = random.below(40);
      kind = draw == 0   ? Kind::kBroken
             : draw < 14 ? Kind::kRandom
             : draw < 28 ? Kind::kBounds
                         : Kind::kBeyond;
    }
    bool sound = true;
    for (std::size_t i = 0; i < kCount; ++i) {
      sound &= draw_action(space, kind, random, std::span(actions).subspan(i * width, width));
    }
    broken |= kind == Kind::kBroken;
    result.steps += kCount;
    try {
      envs.step(actions);
    } catch (const Error& error) {
      if (sound && !broken) throw;
      ++result.reports;
      kind = Kind::kRandom;
      broken = false;
      envs.reset();
      continue;
    }
    const auto finite = [](auto value) { return std::isfinite(value); };
    if (!std::ranges::all_of(envs.observations(), finite) ||
        !std::ranges::all_of(envs.rewards(), finite)) {
      throw Error(env.id() + ": an observation or a reward is not finite after " +
                  std::to_string(result.steps) + " steps, and was not reported");
    }
    for (int i = 0; i < kCount; ++i) {
      const auto row = static_cast<std::size_t>(i);
      result.episodes += envs.terminated()[row] || envs.truncated()[row];
    }
  }
  return result;
}

}  // namespace costate
