// Summaries of returns and other samples, with bootstrap confidence intervals.
//
// The interquartile mean is the one that Agarwal et al. recommend ("Deep Reinforcement Learning at
// the Edge of the Statistical Precipice", NeurIPS 2021), and so are the optimality gap and the
// probability of improvement. Intervals are bootstrap intervals from a fixed random stream, so the
// same sample always has the same one: Hesterberg's expanded percentiles ("What Teachers Should
// Know About the Bootstrap", The American Statistician 2015, section 3.4). With few values Efron's
// percentiles, which the paper above takes, are too narrow by the factor √((n − 1)/n) and by that
// of the normal quantile to Student's; taking percentiles further out mends both. Share of
// nominally 95 % intervals that hold the truth, of 1000 normal samples of 5, 10 and 20 (in
// brackets: Efron's): mean 93, 95, 95 % (85, 90, 93), interquartile mean 94, 97, 97 % (91, 92, 94),
// median 94, 96, 96 %, difference of two means 94, 96, 95 % (88, 91, 93), probability of
// improvement 97, 98, 96 %. Of skewed values the mean's interval covers less: 89, 92, 92 % of
// exponential ones.
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

/// mean(max(target − value, 0)): how far values fall short of the target, on average.
double optimality_gap(std::span<const double> values, double target);
/// P(X > Y) + P(X = Y)/2 of a value X of a and Y of b: the statistic of Mann and Whitney.
double probability_of_improvement(std::span<const double> a, std::span<const double> b);

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

using Statistic = std::function<double(std::span<const double>)>;

/// The confidence interval of a statistic of independent values: expanded percentiles of the
/// statistic over resamples drawn with replacement. 10 000 resamples, fewer for more than 150
/// values (but at least 500), which keeps it near 50 ms for thousands of values. Both bounds are
/// NaN for fewer than two values, which say nothing of their spread.
Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            double level = 0.95);

using PairStatistic = std::function<double(std::span<const double>, std::span<const double>)>;

/// Likewise for a statistic of two independent samples.
Interval bootstrap_pair(std::span<const double> a, std::span<const double> b,
                        const PairStatistic& statistic, double level = 0.95);

/// Likewise for statistic(a) − statistic(b).
Interval bootstrap_difference(std::span<const double> a, std::span<const double> b,
                              const Statistic& statistic, double level = 0.95);

/// The quantile of Student's distribution with `freedom` degrees of freedom, 0.5 ≤ p < 1; to 1e-9.
double student_quantile(double p, double freedom);

}  // namespace costate
