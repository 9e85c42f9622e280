#include "backends/diagnostics/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "envs/random.h"

namespace costate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kBootstrapKey = 0xB0075712A9;

// How many resamples of `draws` values each.
int resamples(std::size_t draws) {
  constexpr std::size_t kDraws = 1'500'000;
  return static_cast<int>(std::clamp<std::size_t>(kDraws / draws, 500, 10'000));
}

// Each draw of 64 bits gives two indices; with n values, an index is off from uniform by n/2³².
void resample(std::span<const double> values, RandomStream& random, std::vector<double>& out) {
  const std::uint64_t n = values.size();
  out.resize(n);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < n; ++i) {
    bits = i % 2 == 0 ? random.bits() : bits >> 32;
    out[i] = values[((bits & 0xffffffff) * n) >> 32];
  }
}

// The interval of a statistic, given its values over resamples of `n` values that leave `freedom`
// degrees of freedom.
Interval expanded_interval(std::span<const double> estimates, std::size_t n, double freedom,
                           double level) {
  const double values = static_cast<double>(n);
  const double z =
      std::sqrt(values / (values - 1.0)) * student_quantile(0.5 * (1.0 + level), freedom);
  const double tail = 0.5 * std::erfc(z / std::numbers::sqrt2);
  return {quantile(estimates, tail), quantile(estimates, 1.0 - tail)};
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return kNaN;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::span<const double> values) {
  return quantile(values, 0.5);
}

double interquartile_mean(std::span<const double> values) {
  const std::size_t drop = values.size() / 4;
  std::vector<double> sorted(values.begin(), values.end());
  // Only what is dropped has to be told from what is kept.
  const auto first = sorted.begin() + static_cast<std::ptrdiff_t>(drop);
  const auto last = sorted.end() - static_cast<std::ptrdiff_t>(drop);
  std::nth_element(sorted.begin(), first, sorted.end());
  if (last != sorted.end()) std::nth_element(first, last, sorted.end());
  return mean({first, last});
}

double optimality_gap(std::span<const double> values, double target) {
  if (values.empty()) return kNaN;
  double sum = 0.0;
  for (const double value : values) sum += std::max(target - value, 0.0);
  return sum / static_cast<double>(values.size());
}

double probability_of_improvement(std::span<const double> a, std::span<const double> b) {
  double wins = 0.0;
  for (const double x : a) {
    for (const double y : b) wins += x > y ? 1.0 : (x == y ? 0.5 : 0.0);
  }
  return wins / static_cast<double>(a.size() * b.size());
}

double sample_std(std::span<const double> values) {
  if (values.size() < 2) return kNaN;
  const double centre = mean(values);
  double sum = 0.0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double quantile(std::span<const double> values, double q) {
  if (values.empty()) return kNaN;
  const double position = q * static_cast<double>(values.size() - 1);
  const double below = std::floor(position);
  std::vector<double> sorted(values.begin(), values.end());
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(sorted.begin(), at, sorted.end());
  const auto next = std::min_element(at + 1, sorted.end());
  if (next == sorted.end()) return *at;
  return *at + (position - below) * (*next - *at);
}

Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            double level) {
  if (values.size() < 2) return {kNaN, kNaN};
  RandomStream random(kBootstrapKey);
  std::vector<double> sample;
  std::vector<double> estimates(static_cast<std::size_t>(resamples(values.size())));
  for (double& estimate : estimates) {
    resample(values, random, sample);
    estimate = statistic(sample);
  }
  // One degree of freedom less than the deviation has: the tails of the few different resamples of
  // so few values are light (found by simulation).
  const std::size_t freedom = std::max<std::size_t>(values.size(), 3) - 2;
  return expanded_interval(estimates, values.size(), static_cast<double>(freedom), level);
}

Interval bootstrap_pair(std::span<const double> a, std::span<const double> b,
                        const PairStatistic& statistic, double level) {
  if (a.size() < 2 || b.size() < 2) return {kNaN, kNaN};
  RandomStream random(kBootstrapKey);
  std::vector<double> sample_a;
  std::vector<double> sample_b;
  std::vector<double> estimates(static_cast<std::size_t>(resamples(a.size() + b.size())));
  for (double& estimate : estimates) {
    resample(a, random, sample_a);
    resample(b, random, sample_b);
    estimate = statistic(sample_a, sample_b);
  }
  return expanded_interval(estimates, std::min(a.size(), b.size()),
                           static_cast<double>(a.size() + b.size() - 2), level);
}

Interval bootstrap_difference(std::span<const double> a, std::span<const double> b,
                              const Statistic& statistic, double level) {
  return bootstrap_pair(
      a, b,
      [&](std::span<const double> x, std::span<const double> y) {
        return statistic(x) - statistic(y);
      },
      level);
}

double student_quantile(double p, double freedom) {
  // Simpson's rule for the distribution function from 0, in s = atan(t/√freedom), where the density
  // is a power of the cosine; then bisection.
  const double scale = std::exp(std::lgamma(0.5 * (freedom + 1.0)) - std::lgamma(0.5 * freedom)) /
                       std::sqrt(std::numbers::pi);
  const auto mass = [&](double s) {
    constexpr int kPanels = 200;
    double sum = 0.0;
    for (int i = 0; i <= 2 * kPanels; ++i) {
      const double weight = i == 0 || i == 2 * kPanels ? 1.0 : (i % 2 == 1 ? 4.0 : 2.0);
      sum += weight * std::pow(std::cos(s * i / (2 * kPanels)), freedom - 1.0);
    }
    return scale * sum * s / (6 * kPanels);
  };
  double low = 0.0;
  double high = 0.5 * std::numbers::pi;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (mass(middle) < p - 0.5 ? low : high) = middle;
  }
  return std::sqrt(freedom) * std::tan(low);
}

}  // namespace costate
