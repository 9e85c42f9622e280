// Learning curves from the metrics of runs.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "backends/diagnostics/statistics.h"
#include "logs/plot.h"

namespace costate {

/// One metric of one run over its environment steps.
struct MetricCurve {
  std::vector<double> steps;   ///< ascending
  std::vector<double> values;  ///< as long as steps
};

/// Reads the column `metric` of a run's metrics.csv, leaving out rows where it is empty, and a last
/// line without its end, which a killed run may have left. Throws Error that names the file, and
/// the line or column, where it cannot be read or holds no point.
MetricCurve read_metric(const std::filesystem::path& csv, const std::string& metric);

/// The mean, or another statistic, of the runs' curves, with the 95 % bootstrap interval over the
/// runs as its band where there are several. The curves are interpolated linearly onto one grid
/// over the steps that all of them cover; Error where there are none.
Curve average_curve(const std::string& name, std::span<const MetricCurve> runs,
                    const Statistic& statistic = mean);

/// The first step at which the curve has made `share` of the way from its first value to its
/// greatest, interpolated linearly: how soon a run has learned most of what it ever learns.
double steps_to_share_of_best(const MetricCurve& curve, double share);

/// The first step at which the curve reaches `value`, interpolated linearly; NaN where it never
/// does.
double steps_to_value(const MetricCurve& curve, double value);

/// How long the run had been trained, in seconds, when it reached a step: by the times in its event
/// files, without what lies between an interruption and the resumption. NaN where it has none.
double wall_seconds(const std::filesystem::path& run, double step);

}  // namespace costate
