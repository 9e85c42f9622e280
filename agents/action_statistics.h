// How a policy acts, beside what it earns: measures of bang-bang behaviour over evaluated episodes.
//
// They are those that tell a policy that works at the bounds of the action box from one that works
// inside (Seyde et al., "Is Bang-Bang Control All You Need?", NeurIPS 2021, whose heads they
// compare). All but the boundary mass are of executed actions a, normalised to [−1, 1], and average
// over every step and dimension. Executed, because an unclipped sample says nothing of what the
// environment saw; with a threshold, because a squashed action never reaches the bound itself.
#pragma once

#include <array>
#include <limits>
#include <span>
#include <vector>

#include "agents/evaluation.h"
#include "agents/rollout_buffer.h"
#include "policies/distribution.h"

namespace costate {

constexpr int kActionBins = 21;
/// Shares of actions in kActionBins bins of equal width over [−1, 1], the last one closed.
using ActionHistogram = std::array<double, kActionBins>;

/// NaN, and no histogram, for discrete actions, which have no bounds.
struct ActionStatistics {
  double saturation_99 = std::numeric_limits<double>::quiet_NaN();  ///< share of |a| ≥ 0.99
  double saturation_95 = std::numeric_limits<double>::quiet_NaN();  ///< share of |a| ≥ 0.95
  /// mean(1 − |a|), the Wasserstein-1 distance to the nearest bang-bang policy.
  double edge_distance = std::numeric_limits<double>::quiet_NaN();
  /// mean|a_t − a_{t−1}| / 2 within episodes: 1 where every step goes from bound to bound. NaN
  /// where no episode has two steps.
  double switching = std::numeric_limits<double>::quiet_NaN();
  double energy = std::numeric_limits<double>::quiet_NaN();  ///< mean a²
  /// Mean of Distribution::boundary_mass at ε = 0.01 over the visited states: what the head would
  /// do at the bounds, whether its mode or a sample was executed.
  double boundary_mass = std::numeric_limits<double>::quiet_NaN();
  std::vector<ActionHistogram> histograms;  ///< one for each dimension
};

/// `episodes` were evaluated with keep_actions under a policy of this distribution.
ActionStatistics action_statistics(const Distribution& distribution,
                                   std::span<const EvaluatedEpisode> episodes);

/// How often a policy acts at the bounds while it learns. Its most probable actions tell it apart
/// from its exploration, which at a bound is much of a wide Gaussian.
struct SaturationSums {
  double executed = 0.0;  ///< executed actions with |a| ≥ 0.99
  double mode = 0.0;      ///< the same of the most probable actions in the same states
  double values = 0.0;    ///< of how many steps times dimensions

  /// Adds a rollout; nothing for discrete actions. `scratch` [action_size] is overwritten.
  void add(const Distribution& distribution, const RolloutBuffer& rollout,
           std::span<float> scratch);
};

}  // namespace costate
