// Summaries of returns and other samples, with bootstrap confidence intervals.
//
// The interquartile mean is the one that Agarwal et al. recommend ("Deep Reinforcement Learning at
// the Edge of the Statistical Precipice", NeurIPS 2021). Intervals are Efron's percentile bootstrap
// ("Bootstrap methods: another look at the jackknife", 1979). It draws from a fixed random stream,
// so the same sample always has the same interval. For few values it is a little too narrow: an
// interval of nominally 95 % of the mean of n normal values covers about 83 % at n = 5, 92 % at
// n = 20 and 94 % at n = 50.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace costate {

/// All of these are NaN for no values.
double mean(std::span<const double> values);
double median(std::span<const double> values);
/// The mean of what is left when the lowest and the highest ⌊n/4⌋ values are dropped.
double interquartile_mean(std::span<const double> values);
/// The square root of the unbiased variance (divided by n − 1); NaN for fewer than two values.
double sample_std(std::span<const double> values);
/// The value that a fraction `q` in [0, 1] of the values lies below, interpolated linearly between
/// neighbours (type 7 of Hyndman and Fan).
double quantile(std::span<const double> values, double q);

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

using Statistic = std::function<double(std::span<const double>)>;

/// The confidence interval of a statistic of independent values: the quantiles (1 ∓ level)/2 of the
/// statistic over resamples drawn with replacement. 10 000 resamples, fewer for more than 150
/// values (but at least 500), which keeps it near 50 ms for thousands of values. Both bounds are
/// NaN for fewer than two values, which say nothing of their spread.
Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            double level = 0.95);

/// Likewise for statistic(a) − statistic(b) of two independent samples.
Interval bootstrap_difference(std::span<const double> a, std::span<const double> b,
                              const Statistic& statistic, double level = 0.95);

}  // namespace costate
