#include "agents/action_statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>

namespace costate {
namespace {

constexpr double kEdge = 0.01;  // ε of the boundary mass
constexpr double kSaturated = 0.99;

std::size_t bin_of(double action) {
  const double position = 0.5 * (action + 1.0) * kActionBins;
  return static_cast<std::size_t>(std::clamp(position, 0.0, kActionBins - 1.0));
}

}  // namespace

ActionStatistics action_statistics(const Distribution& distribution,
                                   std::span<const EvaluatedEpisode> episodes) {
  ActionStatistics result;
  if (distribution.support() == Distribution::Support::kFinite) return result;

  const auto dimensions = static_cast<std::size_t>(distribution.dimensions());
  const auto parameter_size = static_cast<std::size_t>(distribution.parameter_size());
  ActionStatistics sums{0.0, 0.0, 0.0, 0.0, 0.0, 0.0, std::vector<ActionHistogram>(dimensions)};
  std::vector<double> mass(dimensions);
  std::int64_t steps = 0;
  std::int64_t changes = 0;
  for (const EvaluatedEpisode& episode : episodes) {
    const auto length = static_cast<std::size_t>(episode.length);
    assert(episode.actions.size() == length * dimensions);
    for (std::size_t t = 0; t < length; ++t) {
      for (std::size_t d = 0; d < dimensions; ++d) {
        const double action = episode.actions[t * dimensions + d];
        sums.saturation_99 += std::abs(action) >= kSaturated;
        sums.saturation_95 += std::abs(action) >= 0.95;
        sums.edge_distance += 1.0 - std::abs(action);
        sums.energy += action * action;
        if (t > 0) {
          sums.switching += 0.5 * std::abs(action - episode.actions[(t - 1) * dimensions + d]);
        }
        ++sums.histograms[d][bin_of(action)];
      }
      distribution.boundary_mass(
          std::span(episode.parameters).subspan(t * parameter_size, parameter_size), kEdge, mass);
      for (const double value : mass) sums.boundary_mass += value;
    }
    steps += episode.length;
    changes += episode.length - 1;
  }

  const double rows = static_cast<double>(steps);
  const double values = rows * static_cast<double>(dimensions);
  result.saturation_99 = sums.saturation_99 / values;
  result.saturation_95 = sums.saturation_95 / values;
  result.edge_distance = sums.edge_distance / values;
  result.switching = sums.switching / static_cast<double>(changes * distribution.dimensions());
  result.energy = sums.energy / values;
  result.boundary_mass = sums.boundary_mass / values;
  result.histograms = std::move(sums.histograms);
  for (ActionHistogram& histogram : result.histograms) {
    for (double& share : histogram) share /= rows;
  }
  return result;
}

void SaturationSums::add(const Distribution& distribution, const RolloutBuffer& rollout,
                         std::span<float> scratch) {
  if (distribution.support() == Distribution::Support::kFinite) return;
  const auto saturated = [&] {
    distribution.execute(scratch);
    return static_cast<double>(
        std::ranges::count_if(scratch, [](float a) { return std::abs(a) >= kSaturated; }));
  };
  const auto parameter_size = static_cast<std::size_t>(distribution.parameter_size());
  const auto rows = static_cast<std::size_t>(rollout.rows());
  for (std::size_t row = 0; row < rows; ++row) {
    std::ranges::copy(std::span(rollout.raw_actions).subspan(row * scratch.size(), scratch.size()),
                      scratch.begin());
    executed += saturated();
    distribution.mode(std::span(rollout.distribution).subspan(row * parameter_size, parameter_size),
                      scratch);
    mode += saturated();
  }
  values += static_cast<double>(rows * scratch.size());
}

}  // namespace costate
