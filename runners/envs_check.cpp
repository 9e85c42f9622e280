#include "runners/envs_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "envs/random.h"

namespace costate {
namespace {

void require(bool condition, const std::string& message) {
  if (!condition) throw Error(message);
}

bool same_bits(std::span<const double> a, std::span<const double> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// An environment with room for its observation and action, and what its last step returned.
struct Subject {
  explicit Subject(const EnvFactory& make)
      : env(make()),
        observation(static_cast<std::size_t>(env->spec().observation.size())),
        action(static_cast<std::size_t>(env->spec().action.size())) {}

  void reset(std::uint64_t seed) {
    forget_observation();
    env->reset(seed, observation);
    result = {};
    within_episode_ = true;
    require_sound("reset");
  }
  void reset_to(const std::optional<PhysicalState>& start) {
    forget_observation();
    env->reset_to(start, observation);
    result = {};
    within_episode_ = true;
    require_sound("reset_to");
  }
  void step() {
    forget_observation();
    result = env->step(action, observation);
    require_sound("step");
    within_episode_ = within_episode_ && !ended();
    require(std::isfinite(result.reward), "step gave a reward that is not finite");
  }
  std::vector<std::byte> save() const {
    std::vector<std::byte> bytes;
    StateWriter writer(bytes);
    env->save_state(writer);
    return bytes;
  }
  void restore(const std::vector<std::byte>& bytes) {
    StateReader reader(bytes);
    env->restore_state(reader);
    within_episode_ = false;
    require(reader.remaining() == 0, "restore_state left " + std::to_string(reader.remaining()) +
                                         " bytes of the saved state unread");
  }
  bool ended() const { return result.terminated || result.truncated; }

  std::unique_ptr<Env> env;
  std::vector<double> observation;
  std::vector<float> action;
  StepResult result;

 private:
  // An entry that a call does not write is caught as NaN.
  void forget_observation() {
    std::fill(observation.begin(), observation.end(), std::numeric_limits<double>::quiet_NaN());
  }
  void require_sound(const std::string& call) const {
    for (std::size_t i = 0; i < observation.size(); ++i) {
      require(std::isfinite(observation[i]),
              call + " left observation[" + std::to_string(i) + "] not finite");
    }
    const std::vector<float> row(observation.begin(), observation.end());
    require(!within_episode_ || env->spec().observation.contains(row),
            call + " gave an observation outside of its space");
  }

  // Whether the next observation has to be an element of its space: past the end of an episode
  // everything may drift, and of a restored state nobody knows here whether it is past the end.
  bool within_episode_ = false;
};

bool same(const Subject& a, const Subject& b) {
  return same_bits(a.observation, b.observation) &&
         same_bits({&a.result.reward, 1}, {&b.result.reward, 1}) &&
         a.result.terminated == b.result.terminated && a.result.truncated == b.result.truncated;
}

/// Bound of a box entry, or ±1 where it has none.
float bound(const Space& space, std::size_t i, bool high) {
  const double value = high ? space.high[i] : space.low[i];
  return std::isfinite(value) ? static_cast<float>(value) : (high ? 1.0f : -1.0f);
}

/// Every entry at its lowest or highest value; a box's is multiplied by `factor`.
void set_extreme(const Space& space, bool high, float factor, std::span<float> action) {
  for (std::size_t i = 0; i < action.size(); ++i) {
    action[i] = space.kind == Space::Kind::kBox
                    ? factor * bound(space, i, high)
                    : (high ? static_cast<float>(space.count(i) - 1) : 0.0f);
  }
}

void check_space(const Space& space, const std::string& name) {
  const std::size_t size = static_cast<std::size_t>(space.size());
  require(size > 0, "the " + name + " space is empty");
  require(space.labels.empty() || space.labels.size() == size,
          "the " + name + " space has " + std::to_string(space.labels.size()) + " labels for " +
              std::to_string(size) + " entries");
  if (space.kind != Space::Kind::kBox) return;
  require(space.low.size() == size && space.high.size() == size,
          "the " + name + " space does not bound every entry once");
  for (std::size_t i = 0; i < size; ++i) {
    require(space.low[i] < space.high[i],
            "the " + name + " space is empty in entry " + std::to_string(i));
  }
}

std::string check_spaces(const EnvFactory& make) {
  const auto env = make();
  const EnvSpec& spec = env->spec();
  check_space(spec.observation, "observation");
  check_space(spec.action, "action");
  require(!spec.id.empty() && !spec.family.empty() && !spec.summary.empty() &&
              !spec.reward.empty() && !spec.termination.empty(),
          "id, family, summary, reward or termination is not filled in");
  require(spec.control_step >= 0.0 && spec.time_limit >= 0, "a negative duration");
  return "observation " + spec.observation.to_string() + ", action " + spec.action.to_string();
}

std::string check_contract(const EnvFactory& make) {
  constexpr int kEpisodes = 20;
  constexpr int kSteps = 50;
  Subject subject(make);
  RandomStream random(1);
  for (int episode = 0; episode < kEpisodes; ++episode) {
    subject.reset(static_cast<std::uint64_t>(episode));
    for (int i = 0; i < kSteps && !subject.ended(); ++i) {
      subject.env->spec().action.sample(random, subject.action);
      subject.step();
    }
  }
  return "reset and step fill observations that are finite and in their space";
}

std::string check_determinism(const EnvFactory& make) {
  constexpr int kSteps = 500;
  Subject a(make);
  Subject b(make);
  RandomStream random(2);
  b.reset(99);  // an earlier episode must leave no trace
  std::uint64_t seed = 0;
  a.reset(seed);
  b.reset(seed);
  require(same(a, b), "two instances with one seed start differently");
  for (int i = 0; i < kSteps; ++i) {
    a.env->spec().action.sample(random, a.action);
    b.action = a.action;
    a.step();
    b.step();
    require(same(a, b), "two instances with one seed and the same actions differ in step " +
                            std::to_string(i + 1));
    if (a.ended()) {
      a.reset(++seed);
      b.reset(seed);
    }
  }
  return "two instances agree in every bit over " + std::to_string(kSteps) + " steps";
}

std::string check_save_restore(const EnvFactory& make) {
  constexpr int kBefore = 7;
  constexpr int kAfter = 100;
  Subject original(make);
  Subject restored(make);
  const Space& actions = original.env->spec().action;
  RandomStream random(3);
  original.reset(5);
  for (int i = 0; i < kBefore; ++i) {
    actions.sample(random, original.action);
    original.step();
  }
  const std::vector<std::byte> state = original.save();
  restored.reset(6);
  restored.restore(state);
  require(restored.save() == state, "a restored state saves as other bytes");
  for (int i = 0; i < kAfter; ++i) {
    actions.sample(random, original.action);
    restored.action = original.action;
    original.step();
    restored.step();
    require(same(original, restored),
            "the step " + std::to_string(i + 1) + " after restoring differs");
    require(original.save().size() == state.size(), "the size of the saved state changes");
  }
  return std::to_string(state.size()) + " bytes, " + std::to_string(kAfter) +
         " steps after restoring agree in every bit";
}

std::string check_given_start(const EnvFactory& make) {
  Subject subject(make);
  RandomStream random(6);
  subject.reset(7);
  for (int i = 0; i < 3; ++i) {
    subject.env->spec().action.sample(random, subject.action);
    subject.step();
  }
  const PhysicalState given = subject.env->physical_state();
  subject.reset_to(given);
  const PhysicalState taken = subject.env->physical_state();
  require(same_bits(given.qpos, taken.qpos) && same_bits(given.qvel, taken.qvel) &&
              same_bits(given.state, taken.state),
          "reset_to did not set the state exactly");
  subject.reset_to(std::nullopt);
  const std::vector<double> noise_free = subject.observation;
  subject.reset(8);
  subject.reset_to(std::nullopt);
  require(same_bits(noise_free, subject.observation),
          "the noise-free start is not always the same");
  return "a given start is set exactly, the noise-free one is always the same";
}

std::string check_time_limit(const EnvFactory& make) {
  constexpr int kStepsWithoutLimit = 1000;
  Subject subject(make);
  const int limit = subject.env->spec().time_limit;
  const int steps = limit > 0 ? limit : kStepsWithoutLimit;
  RandomStream random(4);
  subject.reset(9);
  for (int i = 1; i <= steps; ++i) {
    subject.env->spec().action.sample(random, subject.action);
    subject.step();  // on past termination, which the contract allows
    require(subject.result.truncated == (i == limit),
            "step " + std::to_string(i) + (subject.result.truncated ? " was" : " was not") +
                " truncated, the time limit is " + std::to_string(limit));
  }
  return limit > 0 ? "truncates in step " + std::to_string(limit) + " and not before"
                   : "none, and none in " + std::to_string(steps) + " steps";
}

std::string check_actions(const EnvFactory& make) {
  constexpr int kSteps = 1000;
  struct Pattern {
    const char* name;
    int period;  // steps at one extreme before the other; 0: random
    float factor;
  };
  constexpr Pattern kPatterns[] = {
      {"random actions", 0, 1.0f},           {"actions at one bound", kSteps / 2, 1.0f},
      {"alternating actions", 1, 1.0f},      {"slowly alternating actions", 10, 1.0f},
      {"actions beyond bounds", 1, 1000.0f}, {"steady actions beyond bounds", 50, 1000.0f}};
  Subject subject(make);
  const Space& space = subject.env->spec().action;
  RandomStream random(5);
  std::uint64_t seed = 0;
  for (const Pattern& pattern : kPatterns) {
    // With resets, and without: what lies past termination must stay finite, too.
    for (const bool resets : {true, false}) {
      subject.reset(++seed);
      for (int i = 0; i < kSteps; ++i) {
        if (pattern.period == 0) {
          space.sample(random, subject.action);
        } else {
          set_extreme(space, i / pattern.period % 2 == 1, pattern.factor, subject.action);
        }
        try {
          subject.step();
        } catch (const std::exception& error) {
          throw Error(std::string(pattern.name) + ", step " + std::to_string(i + 1) + ": " +
                      error.what());
        }
        if (resets && subject.ended()) subject.reset(++seed);
      }
    }
  }
  return std::to_string(std::size(kPatterns)) + " patterns of random and extreme actions, " +
         std::to_string(2 * kSteps) + " steps each, stay finite";
}

}  // namespace

std::vector<CheckResult> check_env(const EnvFactory& make) {
  constexpr std::pair<const char*, std::string (*)(const EnvFactory&)> kChecks[] = {
      {"spaces", check_spaces},           {"contract", check_contract},
      {"determinism", check_determinism}, {"save/restore", check_save_restore},
      {"given start", check_given_start}, {"time limit", check_time_limit},
      {"actions", check_actions},
  };
  std::vector<CheckResult> results;
  for (const auto& [name, check] : kChecks) {
    try {
      results.push_back({name, true, check(make)});
    } catch (const std::exception& error) {
      results.push_back({name, false, error.what()});
    }
  }
  return results;
}

}  // namespace costate
