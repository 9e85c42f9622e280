// One gradient step made of slices: each piece of a minibatch adds to a gradient of its own, and
// their sum, in the order of the slices, moves the parameters. The number of slices, not that of
// threads, fixes the order of every sum.
#pragma once

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

  /// Adds the gradients of all slices, scales the sum down to `max_norm` (0: not) and takes one
  /// step of the optimiser. Returns the norm before scaling; where it is not finite, no step is
  /// taken.
  double step(std::span<float> parameters, double learning_rate, double max_norm, ThreadPool& pool);

  void save(Checkpoint& checkpoint, const std::string& prefix) const {
    optimizer_.save(checkpoint, prefix);
  }
  void load(const Checkpoint& checkpoint, const std::string& prefix) {
    optimizer_.load(checkpoint, prefix);
  }

 private:
  Optimizer optimizer_;
  std::vector<AlignedFloats> gradients_;
  AlignedFloats sum_;  // empty where one slice is all
  std::vector<double> squares_;
};

}  // namespace costate
