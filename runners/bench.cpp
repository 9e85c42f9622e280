// `costate bench`: how far each part is from the limit of this machine, measured side by side.
#include "runners/bench.h"

#include <algorithm>
#include <iostream>
#include <thread>

#include "backends/math_threads.h"
#include "runners/main.h"

namespace costate {
namespace {

struct Group {
  const char* name;
  std::vector<Benchmark> (*make)(int threads);
};

constexpr Group kGroups[] = {
    {"env", env_benchmarks},
    {"infer", [](int) { return infer_benchmarks(); }},
    {"learn", learn_benchmarks},
    {"train", [](int) { return train_benchmarks(); }},
    {"logs", [](int) { return logs_benchmarks(); }},
};

std::vector<Benchmark> benchmarks_of(const std::string& group, int threads) {
  std::vector<Benchmark> benchmarks;
  bool known = group == "all";
  for (const Group& g : kGroups) {
    if (group != "all" && group != g.name) continue;
    known = true;
    for (Benchmark& benchmark : g.make(threads)) benchmarks.push_back(std::move(benchmark));
  }
  if (!known) {
    throw UsageError("unknown group \"" + group +
                     "\", expected env, infer, learn, train, logs or all");
  }
  return benchmarks;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Measures parts of the suite against the limits of this machine, in turn in one process: "
      "environments against bare simulation, networks against the peak of matrix products and "
      "LibTorch, training against both, logging against none. docs/performance.md explains each "
      "row.",
      "costate bench");
  std::string group;
  std::string filter;
  bool json = false;
  bool list = false;
  BenchOptions options;
  options.threads = 0;
  app.add_option("GROUP", group, "env, infer, learn, train, logs or all")->required();
  app.add_option("--filter", filter, "Only the rows whose name contains TEXT")->type_name("TEXT");
  app.add_option("--runs", options.runs, "Runs of each side, of which the medians are taken")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "Length of a run, where it is free")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  app.add_option("--threads", options.threads,
                 "Threads of the rows that use all cores; 0: one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", json, "Print one JSON object: the machine and the rows");
  app.add_flag("--list", list, "Print the names of the rows, and measure nothing");
  if (!parse_command_line(app, argc, argv)) return 0;
  use_single_threaded_math();
  if (options.threads == 0) {
    options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  const auto wanted = [&](const std::string& name) {
    return name.find(filter) != std::string::npos;
  };
  std::vector<Benchmark> benchmarks = benchmarks_of(group, options.threads);
  std::erase_if(benchmarks, [&](const Benchmark& benchmark) {
    return std::none_of(benchmark.names.begin(), benchmark.names.end(), wanted);
  });
  if (benchmarks.empty()) {
    throw UsageError("--filter " + filter + ": no row of \"" + group +
                     "\" contains it (see `costate bench all --list`)");
  }
  if (list) {
    for (const Benchmark& benchmark : benchmarks) {
      for (const std::string& name : benchmark.names) {
        if (wanted(name)) std::cout << name << '\n';
      }
    }
    return 0;
  }

  std::vector<BenchRow> rows;
  for (const Benchmark& benchmark : benchmarks) {
    std::cerr << benchmark.names.front() << " …" << std::endl;
    for (BenchRow& row : benchmark.run(options)) {
      if (wanted(row.name)) rows.push_back(std::move(row));
    }
  }
  if (json) {
    std::cout << to_json(rows).dump(2) << '\n';
  } else {
    print(rows, std::cout);
  }
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("bench", [&] { return costate::run(argc, argv); });
}
