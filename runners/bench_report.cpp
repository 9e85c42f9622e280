#include "runners/bench_report.h"

#include <algorithm>
#include <cassert>
#include <cblas.h>
#include <fstream>
#include <mujoco/mujoco.h>
#include <thread>
#include <utility>

#include "runners/text_table.h"
#include "runners/version.h"

namespace costate {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

/// The widest vectors that both the processor and our kernels know.
const char* instruction_set() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return "AVX-512";
  if (__builtin_cpu_supports("avx2")) return "AVX2";
  return "SSE2";
#else
  return "generic";
#endif
}

}  // namespace

double median(std::vector<double> values) {
  assert(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

BenchRow make_row(std::string name, std::string unit, Better better, std::span<const double> ours,
                  std::span<const double> limit) {
  assert(ours.size() == limit.size());
  const auto ratio = [better](double a, double b) {
    return better == Better::kHigher ? a / b : b / a;
  };
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i) ratios.push_back(ratio(ours[i], limit[i]));
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());

  BenchRow row;
  row.name = std::move(name);
  row.unit = std::move(unit);
  row.ours = median({ours.begin(), ours.end()});
  row.limit = median({limit.begin(), limit.end()});
  // Of the pairs, not of the medians: a machine that slows down for a while slows both of a pair.
  row.ratio = median(ratios);
  row.runs = static_cast<int>(ours.size());
  row.spread = (*most - *least) / row.ratio;
  return row;
}

BenchRow interleave(std::string name, std::string unit, Better better, int runs,
                    const std::function<double()>& ours, const std::function<double()>& limit) {
  ours();
  limit();
  std::vector<double> our_values;
  std::vector<double> limit_values;
  for (int i = 0; i < runs; ++i) {
    our_values.push_back(ours());
    limit_values.push_back(limit());
  }
  return make_row(std::move(name), std::move(unit), better, our_values, limit_values);
}

nlohmann::ordered_json describe_machine() {
  nlohmann::ordered_json machine;
  machine["cpu"] = processor_name();
  machine["cores"] = std::thread::hardware_concurrency();
  machine["isa"] = instruction_set();
  machine["compiler"] = COSTATE_COMPILER;
  machine["build"] = COSTATE_BUILD_TYPE;
  machine["version"] = COSTATE_VERSION;
  machine["git"] = COSTATE_GIT_VERSION;
  machine["mujoco"] = mj_versionString();
  machine["openblas"] =
      std::string(openblas_get_config()) + " on " + std::string(openblas_get_corename());
  machine["libtorch"] = COSTATE_LIBTORCH_VERSION;
  return machine;
}

nlohmann::ordered_json to_json(const std::vector<BenchRow>& rows) {
  nlohmann::ordered_json json;
  json["machine"] = describe_machine();
  json["rows"] = nlohmann::ordered_json::array();
  for (const BenchRow& row : rows) {
    json["rows"].push_back({{"name", row.name},
                            {"ours", row.ours},
                            {"limit", row.limit},
                            {"ratio", row.ratio},
                            {"unit", row.unit},
                            {"runs", row.runs},
                            {"spread", row.spread}});
  }
  return json;
}

void print(const std::vector<BenchRow>& rows, std::ostream& out) {
  const auto machine = describe_machine();
  for (const auto& [key, value] : machine.items()) {
    out << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
  }
  out << '\n';
  std::vector<std::vector<std::string>> table = {
      {"", "ours", "limit", "unit", "ratio", "spread", "runs"}};
  const auto percent = [](double share) { return short_number(100.0 * share) + " %"; };
  for (const BenchRow& row : rows) {
    table.push_back({row.name, short_number(row.ours), short_number(row.limit), row.unit,
                     short_number(row.ratio), percent(row.spread), std::to_string(row.runs)});
  }
  print_table(out, table);
}

}  // namespace costate
