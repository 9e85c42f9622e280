// One gradient step made of slices: each piece of a minibatch adds to a gradient of its own, and
// their sum, in the order of the slices, moves the parameters. The number of slices, not that of
// threads, fixes the order of every sum.
//
// The kind armijo descends along the gradient g by the first step α for which
//   f(x − αg) ≤ f(x) − c·α·‖g‖²,
// tried from the last one times `growth` downwards, and never above the learning rate (the inner
// optimiser of Lavington et al., "Target-based Surrogates for Stochastic Optimization", ICML 2023).
#pragma once

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/dense/optimizer.h"
#include "envs/thread_pool.h"
#include "logs/checkpoint_file.h"

namespace costate {

class SlicedOptimizer {
 public:
  SlicedOptimizer(const OptimizerConfig& config, std::size_t parameter_count, int slices);

  int slices() const { return static_cast<int>(gradients_.size()); }
  /// The gradient of one slice; different slices may be written at the same time.
  std::span<float> gradient(int slice) { return gradients_[static_cast<std::size_t>(slice)]; }

  /// Whether a step evaluates its loss more than once: the kind is armijo.
  bool searches() const { return searches_; }
  /// The step size that the last search accepted, or gave up at.
  double step_size() const { return step_size_; }

  /// One step of the optimiser on a loss. `loss(true)` fills the gradients of all slices at the
  /// present parameters and returns the loss there; `loss(false)` only returns it. The first is
  /// called once; the second, which has to be the same function, at each point that a search tries,
  /// so not at all unless searches(), and then the values do not matter either. The sum of the
  /// gradients is scaled down to `max_norm` (0: not). Returns its norm before scaling; where it is
  /// not finite, or a search finds nothing, no step is taken.
  template <class Loss>
  double step(std::span<float> parameters, double learning_rate, double max_norm, ThreadPool& pool,
              const Loss& loss) {
    const double before = loss(true);
    const double norm = add_up(pool);
    if (!std::isfinite(norm)) return norm;
    const bool clip = max_norm > 0.0 && norm > max_norm;
    const float scale = clip ? static_cast<float>(max_norm / norm) : 1.0f;
    if (!searches_) {
      move(parameters, learning_rate, scale, pool);
      return norm;
    }
    begin_search(parameters, learning_rate);
    const double promised = armijo_.decrease * static_cast<double>(scale) * norm * norm;
    for (std::int64_t trial = 1;; ++trial) {
      try_step(parameters, scale, pool);
      if (loss(false) <= before - step_size_ * promised) return norm;
      if (trial == armijo_.trials) break;
      step_size_ *= armijo_.shrink;
    }
    end_search(parameters);
    return norm;
  }

  void save(Checkpoint& checkpoint, const std::string& prefix) const;
  void load(const Checkpoint& checkpoint, const std::string& prefix);

 private:
  /// The gradient of the whole minibatch.
  std::span<float> sum() { return slices() > 1 ? std::span<float>(sum_) : gradient(0); }
  /// Adds the gradients of all slices. Returns the norm.
  double add_up(ThreadPool& pool);
  /// Calls work(piece, first, count) for ranges of whole cache lines that cover the parameters.
  template <class Work>
  void for_ranges(ThreadPool& pool, const Work& work);
  void move(std::span<float> parameters, double learning_rate, float scale, ThreadPool& pool);
  void begin_search(std::span<const float> parameters, double longest);
  void try_step(std::span<float> parameters, float scale, ThreadPool& pool);
  void end_search(std::span<float> parameters) const;

  bool searches_;
  ArmijoConfig armijo_;
  Optimizer optimizer_;
  std::vector<AlignedFloats> gradients_;
  AlignedFloats sum_;  // empty where one slice is all
  std::vector<double> squares_;
  AlignedFloats start_;     // where a search began
  double step_size_ = 0.0;  // 0 before the first search
};

}  // namespace costate
