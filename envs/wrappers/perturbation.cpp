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
}

bool PerturbationConfig::any() const {
  return action_delay > 0 || action_noise > 0.0 || observation_noise > 0.0 || sensor_drop > 0.0;
}

Perturbation::Perturbation(std::unique_ptr<Env> env, const PerturbationConfig& config)
    : Wrapper(std::move(env)),
      config_(config),
      queue_(static_cast<std::size_t>(config.action_delay * spec_.action.size())),
      executed_(static_cast<std::size_t>(spec_.action.size())),
      out_(static_cast<std::size_t>(spec_.observation.size())) {
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
  start(0);
}

void Perturbation::start(std::uint64_t seed) {
  random_ = RandomStream(derive_key({seed, kStream}));
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    queue_[i] = neutral(spec_.action, i % executed_.size());
  }
  std::ranges::fill(out_, 0);
}

void Perturbation::reset(std::uint64_t seed, std::span<double> observation) {
  start(seed);
  inner().reset(seed, observation);
  disturb_observation(observation);
}

void Perturbation::reset_to(const std::optional<PhysicalState>& given,
                            std::span<double> observation) {
  start(0);
  inner().reset_to(given, observation);
  disturb_observation(observation);
}

StepResult Perturbation::step(std::span<const float> action, std::span<double> observation) {
  if (queue_.empty()) {
    std::ranges::copy(action, executed_.begin());
  } else {
    std::copy_n(queue_.begin(), executed_.size(), executed_.begin());
    std::copy(queue_.begin() + static_cast<std::ptrdiff_t>(executed_.size()), queue_.end(),
              queue_.begin());
    std::ranges::copy(action, queue_.end() - static_cast<std::ptrdiff_t>(executed_.size()));
  }
  disturb_action(executed_);
  const StepResult result = inner().step(executed_, observation);
  disturb_observation(observation);
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

void Perturbation::disturb_observation(std::span<double> observation) {
  if (config_.observation_noise > 0.0) {
    for (double& entry : observation) entry += config_.observation_noise * random_.normal();
  }
  if (config_.sensor_drop == 0.0) return;
  for (std::size_t i = 0; i < observation.size(); ++i) {
    if (out_[i] == 0 && random_.uniform() < config_.sensor_drop)
      out_[i] = config_.sensor_drop_steps;
    if (out_[i] == 0) continue;
    observation[i] = 0.0;
    --out_[i];
  }
}

void Perturbation::save_state(StateWriter& writer) const {
  writer.write(random_.key());
  writer.write(random_.counter());
  writer.write(std::span<const float>(queue_));
  writer.write(std::span<const std::int64_t>(out_));
  inner().save_state(writer);
}

void Perturbation::restore_state(StateReader& reader) {
  const auto key = reader.read<std::uint64_t>();
  random_ = RandomStream(key, reader.read<std::uint64_t>());
  reader.read(std::span(queue_));
  reader.read(std::span(out_));
  inner().restore_state(reader);
}

}  // namespace costate
