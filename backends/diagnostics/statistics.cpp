#include "backends/diagnostics/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
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

Interval central_interval(std::span<const double> values, double level) {
  return {quantile(values, 0.5 * (1.0 - level)), quantile(values, 0.5 * (1.0 + level))};
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
  return central_interval(estimates, level);
}

Interval bootstrap_difference(std::span<const double> a, std::span<const double> b,
                              const Statistic& statistic, double level) {
  if (a.size() < 2 || b.size() < 2) return {kNaN, kNaN};
  RandomStream random(kBootstrapKey);
  std::vector<double> sample;
  std::vector<double> estimates(static_cast<std::size_t>(resamples(a.size() + b.size())));
  for (double& estimate : estimates) {
    resample(a, random, sample);
    estimate = statistic(sample);
    resample(b, random, sample);
    estimate -= statistic(sample);
  }
  return central_interval(estimates, level);
}

}  // namespace costate
