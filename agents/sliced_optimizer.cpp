#include "agents/sliced_optimizer.h"

#include <algorithm>
#include <utility>

#include "backends/dense/kernels.h"

namespace costate {

SlicedOptimizer::SlicedOptimizer(const OptimizerConfig& config, std::size_t parameter_count,
                                 int slices)
    : searches_(config.kind == "armijo"),
      armijo_(config.armijo),
      optimizer_(config, searches_ ? 0 : parameter_count),
      gradients_(static_cast<std::size_t>(slices), AlignedFloats(parameter_count)),
      sum_(slices > 1 ? parameter_count : 0),
      squares_(static_cast<std::size_t>(slices)),
      start_(searches_ ? parameter_count : 0) {}

// The parameters are shared out too.
template <class Work>
void SlicedOptimizer::for_ranges(ThreadPool& pool, const Work& work) {
  const int pieces = slices();
  const std::size_t all = gradients_[0].size();
  const std::size_t part = (all + 16 * pieces - 1) / (16 * pieces) * 16;
  pool.parallel_for(pieces, [&](int i) {
    const std::size_t first = std::min(i * part, all);
    work(i, first, std::min(part, all - first));
  });
}

double SlicedOptimizer::add_up(ThreadPool& pool) {
  const std::span<float> all = sum();
  for_ranges(pool, [&](int i, std::size_t first, std::size_t count) {
    const auto sum = all.subspan(first, count);
    if (slices() > 1) std::ranges::copy(gradient(0).subspan(first, count), sum.begin());
    for (int k = 1; k < slices(); ++k) kernels::add(gradient(k).subspan(first, count), sum);
    squares_[static_cast<std::size_t>(i)] = kernels::sum_of_squares(sum);
  });
  double squares = 0.0;
  for (const double each : squares_) squares += each;
  return std::sqrt(squares);
}

void SlicedOptimizer::move(std::span<float> parameters, double learning_rate, float scale,
                           ThreadPool& pool) {
  const std::span<const float> gradient = sum();
  optimizer_.begin_step();
  for_ranges(pool, [&](int, std::size_t first, std::size_t count) {
    optimizer_.step_part(parameters, gradient, first, count, learning_rate, scale);
  });
}

void SlicedOptimizer::begin_search(std::span<const float> parameters, double longest) {
  std::ranges::copy(parameters, start_.begin());
  step_size_ = step_size_ == 0.0 ? longest : std::min(step_size_ * armijo_.growth, longest);
}

void SlicedOptimizer::try_step(std::span<float> parameters, float scale, ThreadPool& pool) {
  const std::span<const float> gradient = sum();
  const float step = scale * static_cast<float>(step_size_);
  for_ranges(pool, [&](int, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      parameters[i] = start_[i] - step * gradient[i];
    }
  });
}

void SlicedOptimizer::end_search(std::span<float> parameters) const {
  std::ranges::copy(start_, parameters.begin());
}

void SlicedOptimizer::save(Checkpoint& checkpoint, const std::string& prefix) const {
  if (searches_) {
    checkpoint.put(prefix + "/step_size", step_size_);
  } else {
    optimizer_.save(checkpoint, prefix);
  }
}

void SlicedOptimizer::load(const Checkpoint& checkpoint, const std::string& prefix) {
  if (searches_) {
    step_size_ = checkpoint.get<double>(prefix + "/step_size");
  } else {
    optimizer_.load(checkpoint, prefix);
  }
}

}  // namespace costate
