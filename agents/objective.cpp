#include "agents/objective.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "backends/dense/kernels.h"

namespace costate {
namespace {

Objective::Sums weigh_clip(float clip, std::span<float> log_ratios,
                           std::span<const float> advantages, float share,
                           std::span<float> weights) {
  Objective::Sums sums;
  kernels::exp(log_ratios);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float ratio = log_ratios[i];
    const float advantage = advantages[i];
    const float bounded = std::clamp(ratio, 1.0f - clip, 1.0f + clip);
    const bool active = ratio * advantage <= bounded * advantage;
    weights[i] = active ? -share * advantage * ratio : 0.0f;
    sums.loss -= std::min(ratio * advantage, bounded * advantage);
    sums.clipped += std::abs(ratio - 1.0f) > clip ? 1.0 : 0.0;
  }
  return sums;
}

Objective::Sums weigh_gradient(float, std::span<float> log_ratios,
                               std::span<const float> advantages, float share,
                               std::span<float> weights) {
  Objective::Sums sums;
  kernels::exp(log_ratios);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = -share * advantages[i] * log_ratios[i];
    sums.loss -= log_ratios[i] * advantages[i];
  }
  return sums;
}

Objective::Sums weigh_kl(float, std::span<float> log_ratios, std::span<const float> advantages,
                         float share, std::span<float> weights) {
  Objective::Sums sums;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = -share * advantages[i];
    sums.loss -= log_ratios[i] * advantages[i];
  }
  return sums;
}

struct Row {
  const char* name;
  Objective::Family family;
};
constexpr Row kFamilies[] = {{"clip", weigh_clip}, {"gradient", weigh_gradient}, {"kl", weigh_kl}};

}  // namespace

const std::vector<std::string>& objective_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Row& row : kFamilies) all.emplace_back(row.name);
    return all;
  }();
  return names;
}

void ObjectiveConfig::describe(Options& options, const std::string& prefix) {
  options.add(prefix + "objective", kind, objective_names(),
              "of the policy, with r = new / old probability and A the advantage: clip: r A, no "
              "better than at the bounds of r; gradient: r A; kl: A log r, to be held by "
              "KL(old || new)");
  options.add(prefix + "clip", clip, Range::above(0),
              "objective clip: bound on |probability ratio - 1|");
}

Objective::Objective(const ObjectiveConfig& config) : clip_(static_cast<float>(config.clip)) {
  const auto* row = std::ranges::find(kFamilies, config.kind, &Row::name);
  assert(row != std::end(kFamilies));
  family_ = row->family;
}

}  // namespace costate
