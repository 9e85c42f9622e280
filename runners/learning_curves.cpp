#include "runners/learning_curves.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

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

Curve average_curve(const std::string& name, std::span<const MetricCurve> runs,
                    const Statistic& statistic) {
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
    curve.y.push_back(statistic(values));
    if (runs.size() == 1) continue;
    const Interval interval = bootstrap_interval(values, statistic);
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

double steps_to_value(const MetricCurve& curve, double value) {
  if (curve.values.front() >= value) return curve.steps.front();
  for (std::size_t i = 1; i < curve.values.size(); ++i) {
    if (curve.values[i] < value) continue;
    const double part = (value - curve.values[i - 1]) / (curve.values[i] - curve.values[i - 1]);
    return std::lerp(curve.steps[i - 1], curve.steps[i], part);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

namespace {

/// The step and the wall time of each event that has a step, of one TensorBoard event file. Records
/// are a length (8 bytes), its checksum (4), the event and its checksum (4); of the event, a
/// protocol buffer, field 1 is the wall time (a double) and field 2 the step (a varint), and they
/// come first.
std::vector<std::pair<double, double>> event_times(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = read_file(file);
  std::vector<std::pair<double, double>> times;
  std::size_t at = 0;
  while (at + 12 <= bytes.size()) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    at += 12;
    if (length > bytes.size() - at) break;  // what a kill has torn off
    if (length > 10 && bytes[at] == std::byte{0x09} && bytes[at + 9] == std::byte{0x10}) {
      double wall = 0.0;
      std::memcpy(&wall, bytes.data() + at + 1, sizeof wall);
      std::uint64_t step = 0;
      for (std::size_t i = at + 10, shift = 0; i < at + length && shift < 64; ++i, shift += 7) {
        const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
        step |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      times.emplace_back(static_cast<double>(step), wall);
    }
    at += length + 4;
  }
  return times;
}

}  // namespace

double wall_seconds(const std::filesystem::path& run, double step) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run, error)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  double before = 0.0;
  for (const auto& file : files) {
    const auto times = event_times(file);
    if (times.empty()) continue;
    // The first row of a file is written when the first update is done; the file's name has the
    // time of its beginning.
    const double begin = std::stod(file.filename().string().substr(20));
    for (const auto& [at, wall] : times) {
      if (at >= step) return before + std::max(0.0, wall - begin);
    }
    before += times.back().second - begin;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace costate
