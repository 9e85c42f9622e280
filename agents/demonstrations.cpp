#include "agents/demonstrations.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>

#include "envs/error.h"
#include "envs/format.h"
#include "logs/rollout_file.h"
#include "policies/action_map.h"

namespace costate {
namespace {

// How far beyond a bound of a box an action may lie, in half widths, to count as rounding.
constexpr float kRounding = 1e-3f;

void check(const RolloutHeader& header, const std::filesystem::path& file, const EnvSpec& spec) {
  const auto expect = [&](const std::string& what, const std::string& found,
                          const std::string& expected) {
    if (found == expected) return;
    throw Error(file.string() + ": " + what + " is " + found + ", expected " + expected);
  };
  expect("the environment", header.env, spec.id);
  expect("the size of an observation", std::to_string(header.observation_size),
         std::to_string(spec.observation.size()));
  expect("the size of an action", std::to_string(header.action_size),
         std::to_string(spec.action.size()));
}

}  // namespace

std::int64_t Demonstrations::steps() const {
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

void check_demonstrations(const std::filesystem::path& file, const EnvSpec& spec) {
  check(RolloutReader(file).header(), file, spec);
}

void read_demonstrations(const std::filesystem::path& file, const EnvSpec& spec,
                         Demonstrations& to) {
  const RolloutReader reader(file);
  check(reader.header(), file, spec);
  const ActionMap map(spec.action);
  const bool box = spec.action.kind == Space::Kind::kBox;
  const bool bounded = box && spec.action.bounded();
  const auto o = static_cast<std::size_t>(spec.observation.size());
  const auto a = static_cast<std::size_t>(spec.action.size());
  const std::size_t before = to.lengths.size();
  for (std::uint64_t i = 0; i < reader.episode_count(); ++i) {
    const Episode episode = reader.read(i);
    if (episode.length() == 0) continue;
    const auto fail = [&](std::size_t t, const std::string& what) {
      throw Error(file.string() + ": episode " + std::to_string(i) + ", step " + std::to_string(t) +
                  ": " + what);
    };
    for (std::size_t t = 0; t < episode.length(); ++t) {
      const auto observation = std::span(episode.observations).subspan(t * o, o);
      if (!std::ranges::all_of(observation, [](float x) { return std::isfinite(x); })) {
        fail(t, "an observation is not a finite number");
      }
      const std::size_t at = to.actions.size();
      const auto action = std::span(episode.actions).subspan(t * a, a);
      to.observations.insert(to.observations.end(), observation.begin(), observation.end());
      to.actions.insert(to.actions.end(), action.begin(), action.end());
      const auto normalized = std::span(to.actions).subspan(at);
      map.from_env(normalized);
      for (std::size_t k = 0; k < a; ++k) {
        float& x = normalized[k];
        const bool element = box ? std::isfinite(x) && (!bounded || std::abs(x) <= 1.0f + kRounding)
                                 : spec.action.contains(action);
        if (!element) {
          fail(t, "action[" + std::to_string(k) + "] is " + format_number(action[k]) +
                      ", expected an element of " + spec.action.to_string());
        }
        if (bounded) x = std::clamp(x, -1.0f, 1.0f);
      }
    }
    to.lengths.push_back(static_cast<std::int64_t>(episode.length()));
  }
  if (to.lengths.size() == before) throw Error(file.string() + ": no steps to learn from");
}

}  // namespace costate
