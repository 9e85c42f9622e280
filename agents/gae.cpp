#include "agents/gae.h"

namespace costate {

void generalized_advantages(std::span<const float> rewards, std::span<const float> values,
                            std::span<const float> next_values,
                            std::span<const std::uint8_t> terminated,
                            std::span<const std::uint8_t> truncated, double gamma, double lambda,
                            std::span<float> advantages) {
  double trace = 0.0;
  for (std::size_t t = rewards.size(); t-- > 0;) {
    const double next = terminated[t] ? 0.0 : next_values[t];
    const double delta = rewards[t] + gamma * next - values[t];
    const bool ended = terminated[t] || truncated[t];
    trace = delta + (ended ? 0.0 : gamma * lambda * trace);
    advantages[t] = static_cast<float>(trace);
  }
}

}  // namespace costate
