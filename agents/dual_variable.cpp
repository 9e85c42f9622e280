#include "agents/dual_variable.h"

#include <algorithm>
#include <cmath>

namespace costate {
namespace {

double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

/// d softplus(x)/dx.
double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

OptimizerConfig adam() {
  OptimizerConfig config;
  config.epsilon = 1e-8;
  return config;
}

constexpr double kLeast = 1e-6;

}  // namespace

// softplus(log(eˣ − 1)) = x, and log(eˣ − 1) = x + log(1 − e⁻ˣ).
DualVariable::DualVariable(double initial)
    : parameter_(static_cast<float>(initial + std::log(-std::expm1(-initial)))),
      optimizer_(adam(), 1) {}

double DualVariable::value() const {
  return softplus(static_cast<double>(parameter_)) + kLeast;
}

void DualVariable::step(double slope, double learning_rate) {
  const auto gradient = static_cast<float>(slope * sigmoid(static_cast<double>(parameter_)));
  optimizer_.step({&parameter_, 1}, {&gradient, 1}, learning_rate);
}

void DualVariable::save(Checkpoint& checkpoint, const std::string& prefix) const {
  checkpoint.put(prefix + "/parameter", parameter_);
  optimizer_.save(checkpoint, prefix);
}

void DualVariable::load(const Checkpoint& checkpoint, const std::string& prefix) {
  parameter_ = checkpoint.get<float>(prefix + "/parameter");
  optimizer_.load(checkpoint, prefix);
}

}  // namespace costate
