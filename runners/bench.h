// The benchmarks behind `costate bench`, each against a limit measured in the same process.
// docs/performance.md explains the limits.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runners/bench_report.h"

namespace costate {

struct BenchOptions {
  int runs = 5;          ///< of each side
  double seconds = 0.5;  ///< that one run takes, where its length is free
  int threads = 1;       ///< what "all cores" means
};

/// One measurement, which may give several rows.
struct Benchmark {
  std::vector<std::string> names;  ///< of its rows, in their order
  std::function<std::vector<BenchRow>(const BenchOptions&)> run;
};

/// Stepping of environments against bare loops over the same simulation.
std::vector<Benchmark> env_benchmarks(int threads);
/// Forward passes against the peak of matrix products, and against LibTorch.
std::vector<Benchmark> infer_benchmarks();
/// Gradient steps of learners against the same.
std::vector<Benchmark> learn_benchmarks(int threads);
/// Whole runs against bare physics and the arithmetic that learning takes.
std::vector<Benchmark> train_benchmarks();
/// Runs that log against runs that do not.
std::vector<Benchmark> logs_benchmarks();

}  // namespace costate
