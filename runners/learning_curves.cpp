#include "runners/learning_curves.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "backends/diagnostics/statistics.h"
#include "envs/error.h"
#include "logs/atomic_file.h"

namespace costate {
namespace {

constexpr int kGrid = 200;

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const auto comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> parse(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// The curve at x, within its steps.
double interpolate(const MetricCurve& curve, double x) {
  const auto above = std::lower_bound(curve.steps.begin(), curve.steps.end(), x);
  const auto i = static_cast<std::size_t>(above - curve.steps.begin());
  if (i == 0) return curve.values.front();
  if (i == curve.steps.size()) return curve.values.back();
  const double weight = (x - curve.steps[i - 1]) / (curve.steps[i] - curve.steps[i - 1]);
  return curve.values[i - 1] + weight * (curve.values[i] - curve.values[i - 1]);
}

}  // namespace

MetricCurve read_metric(const std::filesystem::path& csv, const std::string& metric) {
  const std::string text = read_text_file(csv);
  MetricCurve curve;
  std::size_t step_column = 0;
  std::size_t column = 0;
  std::size_t columns = 0;
  std::string_view rest = text;
  for (int line = 1;; ++line) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const auto fields = split(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (line == 1) {
      const auto find = [&](const std::string& name) {
        const auto at = std::find(fields.begin(), fields.end(), name);
        if (at == fields.end()) throw Error(csv.string() + ": no column " + name);
        return static_cast<std::size_t>(at - fields.begin());
      };
      step_column = find("step");
      column = find(metric);
      columns = fields.size();
      continue;
    }
    const auto fail = [&](const std::string& what) {
      throw Error(csv.string() + ":" + std::to_string(line) + ": " + what);
    };
    if (fields.size() != columns) {
      fail("has " + std::to_string(fields.size()) + " fields, expected " + std::to_string(columns));
    }
    if (fields[column].empty()) continue;
    const auto step = parse(fields[step_column]);
    const auto value = parse(fields[column]);
    if (!step || !value) fail("step and " + metric + " are not both numbers");
    if (!curve.steps.empty() && *step <= curve.steps.back()) fail("the step does not ascend");
    if (!std::isfinite(*value)) continue;
    curve.steps.push_back(*step);
    curve.values.push_back(*value);
  }
  if (curve.steps.empty()) throw Error(csv.string() + ": no value of " + metric + " yet");
  return curve;
}

Curve average_curve(const std::string& name, std::span<const MetricCurve> runs) {
  double low = runs[0].steps.front();
  double high = runs[0].steps.back();
  for (const MetricCurve& run : runs) {
    low = std::max(low, run.steps.front());
    high = std::min(high, run.steps.back());
  }
  if (low > high) throw Error("the learning curves of " + name + " have no steps in common");

  Curve curve;
  curve.name = name;
  const int points = low < high ? kGrid : 1;
  std::vector<double> values(runs.size());
  for (int i = 0; i < points; ++i) {
    const double x = points == 1 ? low : low + (high - low) * i / (points - 1);
    for (std::size_t k = 0; k < runs.size(); ++k) values[k] = interpolate(runs[k], x);
    curve.x.push_back(x);
    curve.y.push_back(mean(values));
    if (runs.size() == 1) continue;
    const Interval interval = bootstrap_interval(values, mean);
    curve.lower.push_back(interval.low);
    curve.upper.push_back(interval.high);
  }
  return curve;
}

double steps_to_share_of_best(const MetricCurve& curve, double share) {
  const double first = curve.values.front();
  const double wanted = first + share * (*std::ranges::max_element(curve.values) - first);
  for (std::size_t i = 1; wanted > first && i < curve.values.size(); ++i) {
    if (curve.values[i] < wanted) continue;
    const double part = (wanted - curve.values[i - 1]) / (curve.values[i] - curve.values[i - 1]);
    return std::lerp(curve.steps[i - 1], curve.steps[i], part);
  }
  return curve.steps.front();  // it never rises above its first value
}

}  // namespace costate
