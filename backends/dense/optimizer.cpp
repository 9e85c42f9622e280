#include "backends/dense/adam.h"

#include <cmath>

#include "backends/dense/kernels.h"

namespace costate {

Adam::Adam(std::size_t parameter_count, float beta1, float beta2, float epsilon)
    : beta1_(beta1), beta2_(beta2), epsilon_(epsilon), m_(parameter_count), v_(parameter_count) {}

void Adam::step(std::span<float> parameters, std::span<const float> gradients, double learning_rate,
                float scale) {
  ++steps_;
  const double t = static_cast<double>(steps_);
  const kernels::AdamStep step{
      .step_size = static_cast<float>(learning_rate / (1.0 - std::pow(double{beta1_}, t))),
      .beta1 = beta1_,
      .beta2 = beta2_,
      .inverse_root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(double{beta2_}, t))),
      .epsilon = epsilon_};
  kernels::adam(step, scale, gradients, parameters, m_, v_);
}

void Adam::save(Checkpoint& checkpoint, const std::string& prefix) const {
  checkpoint.put(prefix + "/m", std::span<const float>(m_));
  checkpoint.put(prefix + "/v", std::span<const float>(v_));
  checkpoint.put(prefix + "/steps", steps_);
}

void Adam::load(const Checkpoint& checkpoint, const std::string& prefix) {
  checkpoint.read(prefix + "/m", std::span<float>(m_));
  checkpoint.read(prefix + "/v", std::span<float>(v_));
  steps_ = checkpoint.get<std::int64_t>(prefix + "/steps");
}

double global_norm(std::span<const float> gradients) {
  double sum = 0.0;
  for (const float g : gradients) sum += static_cast<double>(g) * g;
  return std::sqrt(sum);
}

}  // namespace costate
