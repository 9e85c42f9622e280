#include "runners/studies/bang_bang/pendulum_optimum.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numbers>

namespace costate {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kMaxSpeed = 8.0;

}  // namespace

PendulumOptimum::PendulumOptimum(const EnvConfig& env, std::span<const float> levels)
    : env_(env.without_ramps().make()) {
  const EnvSpec& spec = env_->spec();
  assert(env.id() == "Pendulum-v1");
  observation_.resize(static_cast<std::size_t>(spec.observation.size()));
  start_.state.resize(2);
  for (const float level : levels) {
    actions_.push_back(static_cast<float>(level * spec.action.high[0]));
  }

  // What each action leads to from each node, which is the same at every step.
  constexpr std::size_t kNodes = kAngles * kSpeeds;
  struct Outcome {
    float reward;
    Place next;
  };
  std::vector<Outcome> outcomes;
  outcomes.reserve(kNodes * actions_.size());
  for (int speed = 0; speed < kSpeeds; ++speed) {
    for (int angle = 0; angle < kAngles; ++angle) {
      const std::array<double, 2> node = {-kPi + 2.0 * kPi * angle / kAngles,
                                          kMaxSpeed * (2.0 * speed / (kSpeeds - 1) - 1.0)};
      for (const float action : actions_) {
        const Step found = step(node, action);
        outcomes.push_back({static_cast<float>(found.reward), locate(found.next)});
      }
    }
  }
  const auto horizon = static_cast<std::size_t>(spec.time_limit);
  values_.assign(horizon + 1, std::vector<float>(kNodes));
  for (std::size_t t = horizon; t-- > 0;) {
    const std::vector<float>& next = values_[t + 1];
    for (std::size_t node = 0; node < kNodes; ++node) {
      float best = -std::numeric_limits<float>::infinity();
      for (std::size_t i = node * actions_.size(); i < (node + 1) * actions_.size(); ++i) {
        best = std::max(best, outcomes[i].reward + interpolate(next, outcomes[i].next));
      }
      values_[t][node] = best;
    }
  }
}

double PendulumOptimum::return_from(double angle, double speed) {
  std::array<double, 2> state = {angle, speed};
  double sum = 0.0;
  for (std::size_t t = 1; t < values_.size(); ++t) {
    double best = -std::numeric_limits<double>::infinity();
    Step chosen{};
    for (const float action : actions_) {
      const Step tried = step(state, action);
      const double value = tried.reward + interpolate(values_[t], locate(tried.next));
      if (value <= best) continue;
      best = value;
      chosen = tried;
    }
    sum += chosen.reward;
    state = chosen.next;
  }
  return sum;
}

PendulumOptimum::Step PendulumOptimum::step(const std::array<double, 2>& state, float action) {
  std::ranges::copy(state, start_.state.begin());
  env_->reset_to(start_, observation_);
  const double reward = env_->step(std::span(&action, 1), observation_).reward;
  const std::vector<double> next = env_->physical_state().state;
  return {reward, {next[0], next[1]}};
}

PendulumOptimum::Place PendulumOptimum::locate(const std::array<double, 2>& state) {
  const double turns = (state[0] + kPi) / (2.0 * kPi);
  const double angle = (turns - std::floor(turns)) * kAngles;
  const double speed = (state[1] / kMaxSpeed + 1.0) * 0.5 * (kSpeeds - 1);
  const int column = std::min(static_cast<int>(angle), kAngles - 1);
  const int row = std::clamp(static_cast<int>(speed), 0, kSpeeds - 2);
  return {{row * kAngles + column, row * kAngles + (column + 1) % kAngles},
          static_cast<float>(angle - column),
          static_cast<float>(speed - row)};
}

float PendulumOptimum::interpolate(std::span<const float> values, const Place& place) {
  const auto along_speed = [&](int node) {
    const float below = values[static_cast<std::size_t>(node)];
    return below + place.speed * (values[static_cast<std::size_t>(node + kAngles)] - below);
  };
  const float left = along_speed(place.below[0]);
  return left + place.angle * (along_speed(place.below[1]) - left);
}

}  // namespace costate
