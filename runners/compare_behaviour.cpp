#include "runners/compare_behaviour.h"

#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace costate {

std::span<const BehaviourMeasure> behaviour_measures() {
  static constexpr std::array<BehaviourMeasure, 7> kMeasures = {{
      {"effort", "effort, sum of a^2", &Behaviour::effort},
      {"slew_rate", "slew rate, 1/s", &Behaviour::slew_rate},
      {"jerk", "jerk of the action, 1/s^2", &Behaviour::jerk},
      {"reversals", "reversals a second", &Behaviour::reversals},
      {"frequency", "frequency, Hz", &Behaviour::frequency},
      {"power", "power, W", &Behaviour::power},
      {"length", "episode length, steps", &Behaviour::length},
  }};
  return kMeasures;
}

double peak_frequency(std::span<const float> signals, std::size_t width, double step) {
  constexpr std::size_t kLeast = 32;
  const std::size_t n = signals.size() / width;
  if (n < kLeast || step <= 0.0) return Behaviour::kNone;
  std::vector<double> power(n / 2 + 1);
  std::vector<double> windowed(n);
  for (std::size_t d = 0; d < width; ++d) {
    double mean = 0.0;
    for (std::size_t t = 0; t < n; ++t) mean += signals[t * width + d];
    mean /= static_cast<double>(n);
    for (std::size_t t = 0; t < n; ++t) {
      const double phase = 2.0 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(n);
      windowed[t] = (signals[t * width + d] - mean) * (0.5 - 0.5 * std::cos(phase));
    }
    for (std::size_t k = 1; k < power.size(); ++k) {
      const double angle =
          -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      // Horner's scheme for the sum of windowed[t] · turn^t.
      const std::complex<double> turn(std::cos(angle), std::sin(angle));
      std::complex<double> sum = 0.0;
      for (std::size_t t = n; t-- > 0;) sum = sum * turn + windowed[t];
      power[k] += std::norm(sum);
    }
  }
  std::size_t peak = 1;
  for (std::size_t k = 2; k < power.size(); ++k) {
    if (power[k] > power[peak]) peak = k;
  }
  if (power[peak] < 1e-12) return Behaviour::kNone;
  double offset = 0.0;
  if (peak > 1 && peak + 1 < power.size() && power[peak - 1] > 0.0 && power[peak + 1] > 0.0) {
    const double left = std::log(power[peak - 1]);
    const double middle = std::log(power[peak]);
    const double right = std::log(power[peak + 1]);
    const double bend = left - 2.0 * middle + right;
    if (bend < 0.0) offset = 0.5 * (left - right) / bend;
  }
  return (static_cast<double>(peak) + offset) / (static_cast<double>(n) * step);
}

std::vector<Behaviour> behaviour(const Distribution& distribution,
                                 std::span<const EvaluatedEpisode> episodes, double control_step) {
  const bool discrete = distribution.support() == Distribution::Support::kFinite;
  const auto width = static_cast<std::size_t>(distribution.action_size());
  std::vector<Behaviour> out;
  for (const EvaluatedEpisode& episode : episodes) {
    Behaviour& b = out.emplace_back();
    b.length = static_cast<double>(episode.length);
    b.power = episode.power;
    if (discrete) continue;
    const std::vector<float>& a = episode.actions;
    const std::size_t n = a.size() / width;
    double squares = 0.0;
    double first = 0.0;
    double second = 0.0;
    double reversals = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      squares += static_cast<double>(a[i]) * a[i];
      if (i < width) continue;
      const double change = static_cast<double>(a[i]) - a[i - width];
      first += change * change;
      reversals += a[i] * a[i - width] < 0.0f ? 1.0 : 0.0;
      if (i < 2 * width) continue;
      const double bend = change - (static_cast<double>(a[i - width]) - a[i - 2 * width]);
      second += bend * bend;
    }
    b.effort = squares / static_cast<double>(n);
    if (control_step <= 0.0 || n < 3) continue;
    const double changes = static_cast<double>((n - 1) * width);
    b.slew_rate = std::sqrt(first / changes) / control_step;
    b.jerk =
        std::sqrt(second / static_cast<double>((n - 2) * width)) / (control_step * control_step);
    b.reversals = reversals / changes / control_step;
    b.frequency = peak_frequency(a, width, control_step);
  }
  return out;
}

Behaviour average(std::span<const Behaviour> episodes) {
  Behaviour out;
  for (const BehaviourMeasure& measure : behaviour_measures()) {
    double sum = 0.0;
    int count = 0;
    for (const Behaviour& episode : episodes) {
      if (std::isnan(episode.*measure.field)) continue;
      sum += episode.*measure.field;
      ++count;
    }
    if (count > 0) out.*measure.field = sum / count;
  }
  return out;
}

}  // namespace costate
