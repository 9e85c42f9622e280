// How a policy moves, in the terms of a control engineer, over evaluated episodes.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "agents/evaluation.h"
#include "policies/distribution.h"

namespace costate {

/// Of an episode; a is the executed action, normalised to [−1, 1], of D dimensions, dt the control
/// step. NaN where there is no such number: for discrete actions, without a control step, in
/// episodes that are too short.
struct Behaviour {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double effort = kNone;     ///< mean over the steps of Σ a²
  double slew_rate = kNone;  ///< root mean square of (a_t − a_{t−1})/dt over dimensions, 1/s
  double jerk = kNone;       ///< the same of (a_t − 2 a_{t−1} + a_{t−2})/dt², 1/s²
  double reversals = kNone;  ///< changes of sign of a dimension, a second, mean over dimensions
  double frequency = kNone;  ///< Hz: the peak of the summed periodograms of the dimensions
  double power = kNone;      ///< W: mean of Σ |force · velocity| of the actuators
  double length = kNone;     ///< steps
};

struct BehaviourMeasure {
  const char* key;
  const char* title;
  double Behaviour::*field;
};
/// The measures in the order in which they are shown.
std::span<const BehaviourMeasure> behaviour_measures();

/// One for each episode, which was evaluated with actions and power. `control_step` in seconds; 0:
/// the task has none.
std::vector<Behaviour> behaviour(const Distribution& distribution,
                                 std::span<const EvaluatedEpisode> episodes, double control_step);

/// The mean of each measure over the episodes that have it.
Behaviour average(std::span<const Behaviour> episodes);

/// The frequency (Hz) at which the periodogram of the signals [n, width], sampled every `step`
/// seconds, is largest, summed over the signals after their means are taken off, under a Hann
/// window; interpolated by a parabola through the logarithms of the three highest neighbours (Smith
/// and Serra, 1987). NaN for fewer than 32 samples or signals that do not change.
double peak_frequency(std::span<const float> signals, std::size_t width, double step);

}  // namespace costate
