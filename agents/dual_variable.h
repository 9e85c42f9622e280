// A dual variable: the multiplier λ > 0 of a constraint, kept as softplus(x) + 1e-6 of a parameter
// x that Adam moves. MPO's temperature and its weights of the KL are such, and so is the weight of
// a regulariser that is to keep its KL at a target.
#pragma once

#include <string>

#include "backends/dense/optimizer.h"
#include "logs/checkpoint_file.h"

namespace costate {

class DualVariable {
 public:
  /// Begins at `initial` > 0.
  explicit DualVariable(double initial);

  double value() const;
  /// One step down a function of λ with the derivative `slope` at value(). Of λ·(bound − measured),
  /// it is bound − measured: λ rises while the bound is exceeded.
  void step(double slope, double learning_rate);

  /// Entries `<prefix>/parameter` and those of the optimiser.
  void save(Checkpoint& checkpoint, const std::string& prefix) const;
  void load(const Checkpoint& checkpoint, const std::string& prefix);

 private:
  float parameter_;
  Optimizer optimizer_;
};

}  // namespace costate
