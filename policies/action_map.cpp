#include "policies/action_map.h"

namespace costate {

ActionMap::ActionMap(const Space& action) {
  if (action.kind != Space::Kind::kBox || !action.bounded()) return;
  for (std::size_t i = 0; i < action.low.size(); ++i) {
    low_.push_back(static_cast<float>(action.low[i]));
    half_.push_back(static_cast<float>(0.5 * (action.high[i] - action.low[i])));
  }
}

void ActionMap::to_env(std::span<float> action) const {
  for (std::size_t i = 0; i < low_.size(); ++i) action[i] = low_[i] + (action[i] + 1.0f) * half_[i];
}

void ActionMap::from_env(std::span<float> action) const {
  for (std::size_t i = 0; i < low_.size(); ++i) action[i] = (action[i] - low_[i]) / half_[i] - 1.0f;
}

}  // namespace costate
