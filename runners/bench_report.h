// The rows that `bench` prints: what we reach beside the limit it is measured against.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace costate {

/// Which way a unit improves: rates are better higher, times are better lower.
enum class Better { kHigher, kLower };

struct BenchRow {
  std::string name;
  double ours = 0.0;   ///< median over the runs, in `unit`
  double limit = 0.0;  ///< the same
  /// Median over the pairs of runs of ours / limit for rates, limit / ours for times: 1 is at the
  /// limit, 2 twice as fast as it.
  double ratio = 0.0;
  std::string unit;
  int runs = 0;
  /// (largest − smallest) / median of the ratios of the single pairs of runs.
  double spread = 0.0;
};

/// The middle value, or the mean of the two middle ones. `values` is not empty.
double median(std::vector<double> values);

/// A row from as many measurements of both sides, of which the i-th of each were made one after the
/// other.
BenchRow make_row(std::string name, std::string unit, Better better, std::span<const double> ours,
                  std::span<const double> limit);

/// Measures both sides in turn, `runs` times after one of each that does not count, so that
/// whatever else the machine does meets both alike.
BenchRow interleave(std::string name, std::string unit, Better better, int runs,
                    const std::function<double()>& ours, const std::function<double()>& limit);

/// What the numbers belong to: processor, cores, instruction set, compiler and library versions.
nlohmann::ordered_json describe_machine();

/// {"machine": {…}, "rows": [{"name", "ours", "limit", "ratio", "unit", "runs", "spread"}, …]}
nlohmann::ordered_json to_json(const std::vector<BenchRow>& rows);

void print(const std::vector<BenchRow>& rows, std::ostream& out);

}  // namespace costate
