#include "envs/wrappers/perturbation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace costate {
namespace {

/// Tells the wrapper's stream apart from that of the environment, which has the seed itself.
constexpr std::uint64_t kStream = 0x70657274;

/// What is executed before the first action has come through the delay.
float neutral(const Space& space, std::size_t entry) {
  if (space.kind != Space::Kind::kBox) return 0.0f;
  const double middle = 0.5 * (space.low[entry] + space.high[entry]);
  return std::isfinite(middle) ? static_cast<float>(middle) : 0.0f;
}

/// Puts `row` at the end of a queue of such rows, and takes out the oldest one in its place.
template <class T>
void delay(std::vector<T>& queue, std::span<T> row) {
  if (queue.empty()) return;
  const auto size = static_cast<std::ptrdiff_t>(row.size());
  std::rotate(queue.begin(), queue.begin() + size, queue.end());
  std::ranges::swap_ranges(row, std::span(queue).last(row.size()));
}

}  // namespace

void PerturbationConfig::describe(Options& options) {
  options.add("action_delay", action_delay, Range::between(0, 1000),
              "steps by which actions come late");
  options.add("action_noise", action_noise, Range::between(0, 1e6),
              "standard deviation of the noise added to a box action, as a share of half its range "
              "(the sum is clipped to the range); of a discrete action, the probability (at most "
              "1) that a random one takes its place");
  options.add("observation_noise", observation_noise, Range::between(0, 1e6),
              "standard deviation of the noise added to every entry of the observation, in its "
              "units");
  options.add(
      "sensor_drop", sensor_drop, Range::between(0, 1),
      "probability per step and entry of the observation that the entry drops out: it reads "
      "0");
  options.add("sensor_drop_steps", sensor_drop_steps, Range::between(1, 1e6),
              "for how many steps an entry that drops out reads 0");
  options.add("sensor_stuck", sensor_stuck, Range::between(0, 1),
              "probability per step and entry of the observation that the entry sticks: it repeats "
              "what it read last");
  options.add("sensor_stuck_steps", sensor_stuck_steps, Range::between(1, 1e6),
              "for how many steps an entry that sticks repeats itself");
  options.add("observation_delay", observation_delay, Range::between(0, 1000),
              "steps by which observations come late; until then, the first one stays");
  options.add(
      "reward_delay", reward_delay, Range::between(0, 1000),
      "steps by which rewards come late; 0 until then, and the last ones of an episode never "
      "arrive");
  options.add("dummy_observations", dummy_observations, Range::between(0, 10000),
              "how many entries of standard normal noise are appended to the observation");
}

bool PerturbationConfig::any() const {
  return action_delay > 0 || action_noise > 0.0 || observation_noise > 0.0 || sensor_drop > 0.0 ||
         sensor_stuck > 0.0 || observation_delay > 0 || reward_delay > 0 || dummy_observations > 0;
}

Perturbation::Perturbation(std::unique_ptr<Env> env, const PerturbationConfig& config)
    : Wrapper(std::move(env)),
      config_(config),
      size_(static_cast<std::size_t>(spec_.observation.size())),
      queue_(static_cast<std::size_t>(config.action_delay * spec_.action.size())),
      executed_(static_cast<std::size_t>(spec_.action.size())),
      out_(size_),
      stuck_(config.sensor_stuck > 0.0 ? size_ : 0),
      last_(stuck_.size()),
      observations_(static_cast<std::size_t>(config.observation_delay) * size_),
      rewards_(static_cast<std::size_t>(config.reward_delay)) {
  if (config.action_noise > 0.0 && spec_.action.kind != Space::Kind::kBox &&
      config.action_noise > 1.0) {
    throw UsageError("action_noise is a probability where actions are discrete (" + spec_.id +
                     "), expected at most 1");
  }
  if (config.action_noise > 0.0 && spec_.action.kind == Space::Kind::kBox &&
      !spec_.action.bounded()) {
    throw UsageError("action_noise needs bounded actions, those of " + spec_.id + " are not");
  }
  // Noise leaves no bound, and a sensor that is out reads 0 wherever that lies.
  Space& observation = spec_.observation;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; observation.kind == Space::Kind::kBox && i < observation.low.size();
       ++i) {
    if (config.observation_noise > 0.0) {
      observation.low[i] = -kInfinity;
      observation.high[i] = kInfinity;
    } else if (config.sensor_drop > 0.0) {
      observation.low[i] = std::min(observation.low[i], 0.0);
      observation.high[i] = std::max(observation.high[i], 0.0);
    }
  }
  if (config.dummy_observations > 0) {
    if (observation.kind != Space::Kind::kBox || observation.shape.size() != 1) {
      throw UsageError(
          "dummy_observations needs an observation that is a row of numbers, that of " + spec_.id +
          " is " + observation.to_string());
    }
    const auto dummies = static_cast<std::size_t>(config.dummy_observations);
    observation.shape[0] += static_cast<int>(dummies);
    observation.low.resize(size_ + dummies, -kInfinity);
    observation.high.resize(size_ + dummies, kInfinity);
    const bool labelled = !observation.labels.empty();
    for (std::size_t i = 0; labelled && i < dummies; ++i) {
      observation.labels.push_back("dummy " + std::to_string(i) + " (1)");
    }
  }
  start(0);
}

void Perturbation::start(std::uint64_t seed) {
  random_ = RandomStream(derive_key({seed, kStream}));
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    queue_[i] = neutral(spec_.action, i % executed_.size());
  }
  std::ranges::fill(out_, 0);
  std::ranges::fill(stuck_, 0);
  std::ranges::fill(rewards_, 0.0);
}

void Perturbation::reset(std::uint64_t seed, std::span<double> observation) {
  start(seed);
  inner().reset(seed, observation.first(size_));
  disturb_observation(observation, true);
}

void Perturbation::reset_to(const std::optional<PhysicalState>& given,
                            std::span<double> observation) {
  start(0);
  inner().reset_to(given, observation.first(size_));
  disturb_observation(observation, true);
}

StepResult Perturbation::step(std::span<const float> action, std::span<double> observation) {
  std::ranges::copy(action, executed_.begin());
  delay(queue_, std::span(executed_));
  disturb_action(executed_);
  StepResult result = inner().step(executed_, observation.first(size_));
  disturb_observation(observation, false);
  delay(rewards_, std::span(&result.reward, 1));
  return result;
}

void Perturbation::disturb_action(std::span<float> action) {
  if (config_.action_noise == 0.0) return;
  const Space& space = spec_.action;
  for (std::size_t i = 0; i < action.size(); ++i) {
    if (space.kind == Space::Kind::kBox) {
      const double scale = 0.5 * (space.high[i] - space.low[i]) * config_.action_noise;
      const double disturbed = action[i] + scale * random_.normal();
      action[i] = static_cast<float>(std::clamp(disturbed, space.low[i], space.high[i]));
    } else if (random_.uniform() < config_.action_noise) {
      action[i] = static_cast<float>(random_.below(static_cast<std::uint64_t>(space.count(i))));
    }
  }
}

void Perturbation::disturb_observation(std::span<double> observation, bool first) {
  const std::span<double> sensed = observation.first(size_);
  if (config_.observation_noise > 0.0) {
    for (double& entry : sensed) entry += config_.observation_noise * random_.normal();
  }
  if (config_.sensor_drop > 0.0) {
    for (std::size_t i = 0; i < size_; ++i) {
      if (fails(out_[i], config_.sensor_drop, config_.sensor_drop_steps)) sensed[i] = 0.0;
    }
  }
  if (config_.sensor_stuck > 0.0) {
    if (first) std::ranges::copy(sensed, last_.begin());
    for (std::size_t i = 0; i < size_; ++i) {
      if (fails(stuck_[i], config_.sensor_stuck, config_.sensor_stuck_steps)) sensed[i] = last_[i];
    }
    std::ranges::copy(sensed, last_.begin());
  }
  if (first) {
    for (std::size_t i = 0; i < observations_.size(); ++i) observations_[i] = sensed[i % size_];
  }
  delay(observations_, sensed);
  for (double& entry : observation.subspan(size_)) entry = random_.normal();
}

bool Perturbation::fails(std::int64_t& left, double probability, std::int64_t steps) {
  if (left == 0 && random_.uniform() < probability) left = steps;
  if (left == 0) return false;
  --left;
  return true;
}

void Perturbation::save_state(StateWriter& writer) const {
  writer.write(random_.key());
  writer.write(random_.counter());
  writer.write(std::span<const float>(queue_));
  writer.write(std::span<const std::int64_t>(out_));
  writer.write(std::span<const std::int64_t>(stuck_));
  writer.write(std::span<const double>(last_));
  writer.write(std::span<const double>(observations_));
  writer.write(std::span<const double>(rewards_));
  inner().save_state(writer);
}

void Perturbation::restore_state(StateReader& reader) {
  const auto key = reader.read<std::uint64_t>();
  random_ = RandomStream(key, reader.read<std::uint64_t>());
  reader.read(std::span(queue_));
  reader.read(std::span(out_));
  reader.read(std::span(stuck_));
  reader.read(std::span(last_));
  reader.read(std::span(observations_));
  reader.read(std::span(rewards_));
  inner().restore_state(reader);
}

}  // namespace costate
