// First-order optimisers on one flat block of parameters: Adam (Kingma & Ba 2015, algorithm 1),
// AdamW (Loshchilov & Hutter 2019: decoupled weight decay) and SGD with momentum.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "backends/dense/aligned.h"
#include "envs/options.h"
#include "logs/checkpoint_file.h"

namespace costate {

/// Gradient descent whose step is found by backtracking until the loss has fallen by `decrease`
/// times what its slope promises (Armijo 1966). With a loss that can be evaluated again, only:
/// agents/sliced_optimizer.h.
struct ArmijoConfig {
  double decrease = 0.5;
  double shrink = 0.9;  ///< of a step that was refused
  double growth = 1.8;  ///< of the last step, for the first try of the next
  std::int64_t trials = 100;
};

struct OptimizerConfig {
  std::string kind = "adam";
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-5;  ///< added to the root of the bias-corrected second moment
  double weight_decay = 0.01;
  double momentum = 0.0;
  ArmijoConfig armijo{};

  /// Keys `<prefix>kind`, `<prefix>beta1`, …. `searches`: whether armijo is among the kinds.
  void describe(Options& options, const std::string& prefix, bool searches);
};

/// The kinds but armijo.
class Optimizer {
 public:
  Optimizer(const OptimizerConfig& config, std::size_t parameter_count);

  /// One step with the gradient `scale`·gradients:
  ///   adam   x ← x − α·m̂/(√v̂ + ε)
  ///   adamw  x ← x − α·(λ·x + m̂/(√v̂ + ε))
  ///   sgd    u ← μ·u + g, x ← x − α·u
  /// for the learning rate α, weight decay λ and momentum μ.
  void step(std::span<float> parameters, std::span<const float> gradients, double learning_rate,
            float scale = 1.0f);

  /// The same in parts that threads can share: `begin_step` once, then `step_part` for ranges that
  /// together cover the block.
  void begin_step() { ++steps_; }
  void step_part(std::span<float> parameters, std::span<const float> gradients, std::size_t first,
                 std::size_t count, double learning_rate, float scale);

  /// Entries `<prefix>/{m, v, steps}`; with sgd, m is the velocity u and there is no v.
  void save(Checkpoint& checkpoint, const std::string& prefix) const;
  void load(const Checkpoint& checkpoint, const std::string& prefix);

 private:
  OptimizerConfig config_;
  std::int64_t steps_ = 0;
  AlignedFloats m_;
  AlignedFloats v_;
};

}  // namespace costate
