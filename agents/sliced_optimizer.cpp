#include "agents/sliced_optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/dense/kernels.h"

namespace costate {

SlicedOptimizer::SlicedOptimizer(const OptimizerConfig& config, std::size_t parameter_count,
                                 int slices)
    : optimizer_(config, parameter_count),
      gradients_(static_cast<std::size_t>(slices), AlignedFloats(parameter_count)),
      sum_(slices > 1 ? parameter_count : 0),
      squares_(static_cast<std::size_t>(slices)) {}

double SlicedOptimizer::step(std::span<float> parameters, double learning_rate, double max_norm,
                             ThreadPool& pool) {
  // The parameters are shared out too, in ranges of whole cache lines.
  const int pieces = slices();
  const std::size_t part = (parameters.size() + 16 * pieces - 1) / (16 * pieces) * 16;
  const auto range = [&](int i) {
    const std::size_t begin = std::min(i * part, parameters.size());
    return std::pair(begin, std::min(part, parameters.size() - begin));
  };
  const std::span<float> all = pieces > 1 ? std::span<float>(sum_) : gradient(0);
  pool.parallel_for(pieces, [&](int i) {
    const auto [begin, length] = range(i);
    const auto sum = all.subspan(begin, length);
    if (pieces > 1) std::ranges::copy(gradient(0).subspan(begin, length), sum.begin());
    for (int k = 1; k < pieces; ++k) kernels::add(gradient(k).subspan(begin, length), sum);
    squares_[static_cast<std::size_t>(i)] = kernels::sum_of_squares(sum);
  });
  double squares = 0.0;
  for (const double each : squares_) squares += each;
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) return norm;
  const bool clip = max_norm > 0.0 && norm > max_norm;
  const float scale = clip ? static_cast<float>(max_norm / norm) : 1.0f;
  optimizer_.begin_step();
  pool.parallel_for(pieces, [&](int i) {
    const auto [begin, length] = range(i);
    optimizer_.step_part(parameters, all, begin, length, learning_rate, scale);
  });
  return norm;
}

}  // namespace costate
