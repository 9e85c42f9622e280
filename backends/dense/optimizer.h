// Adam (Kingma & Ba 2015, algorithm 1) on one flat block of parameters.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "logs/checkpoint_file.h"

namespace costate {

class Adam {
 public:
  /// `epsilon` is added to the root of the bias-corrected second moment, as in the paper.
  explicit Adam(std::size_t parameter_count, float beta1 = 0.9f, float beta2 = 0.999f,
                float epsilon = 1e-5f);

  /// parameters ← parameters − learning_rate·m̂/(√v̂ + ε), for the gradient `scale`·gradients.
  void step(std::span<float> parameters, std::span<const float> gradients, double learning_rate,
            float scale = 1.0f);

  /// Entries `<prefix>/{m, v, steps}`.
  void save(Checkpoint& checkpoint, const std::string& prefix) const;
  void load(const Checkpoint& checkpoint, const std::string& prefix);

 private:
  float beta1_;
  float beta2_;
  float epsilon_;
  std::int64_t steps_ = 0;
  std::vector<float> m_;
  std::vector<float> v_;
};

/// ‖gradients‖₂, summed in double precision in the order of the block.
double global_norm(std::span<const float> gradients);

}  // namespace costate
