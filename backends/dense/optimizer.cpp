#include "backends/dense/optimizer.h"

#include <cmath>
#include <utility>
#include <vector>

#include "backends/dense/kernels.h"

namespace costate {

void OptimizerConfig::describe(Options& options, const std::string& prefix, bool searches) {
  std::vector<std::string> kinds = {"adam", "adamw", "sgd"};
  std::string help =
      "adam; adamw: with decoupled weight decay; sgd: gradient descent with momentum";
  if (searches) {
    kinds.emplace_back("armijo");
    help +=
        "; armijo: gradient descent by a line search in which the learning rate, such as 1, is the "
        "longest step";
  }
  options.add(prefix + "kind", kind, std::move(kinds), std::move(help));
  options.add(prefix + "beta1", beta1, Range::between(0, 1), "adam: decay of the first moment");
  options.add(prefix + "beta2", beta2, Range::between(0, 1), "adam: decay of the second moment");
  options.add(prefix + "epsilon", epsilon, Range::above(0),
              "adam: added to the root of the second moment");
  options.add(prefix + "weight_decay", weight_decay, Range::at_least(0),
              "adamw: fraction of a parameter taken off per step and learning rate");
  options.add(prefix + "momentum", momentum, Range::between(0, 1), "sgd: decay of the velocity");
  if (!searches) return;
  options.add(prefix + "armijo.decrease", armijo.decrease, Range::between(0, 1),
              "armijo: share of the decrease that the slope promises which a step has to reach");
  options.add(prefix + "armijo.shrink", armijo.shrink, Range::between(0.01, 0.99),
              "armijo: what a refused step is multiplied by");
  options.add(prefix + "armijo.growth", armijo.growth, Range::at_least(1),
              "armijo: what the last step is multiplied by to begin the next search");
  options.add(prefix + "armijo.trials", armijo.trials, Range::between(1, 10000),
              "armijo: steps tried before none is taken");
}

Optimizer::Optimizer(const OptimizerConfig& config, std::size_t parameter_count)
    : config_(config), m_(parameter_count), v_(config.kind == "sgd" ? 0 : parameter_count) {}

void Optimizer::step(std::span<float> parameters, std::span<const float> gradients,
                     double learning_rate, float scale) {
  begin_step();
  step_part(parameters, gradients, 0, parameters.size(), learning_rate, scale);
}

void Optimizer::step_part(std::span<float> parameters, std::span<const float> gradients,
                          std::size_t first, std::size_t count, double learning_rate, float scale) {
  const auto x = parameters.subspan(first, count);
  const auto g = gradients.subspan(first, count);
  const auto m = std::span<float>(m_).subspan(first, count);
  const auto rate = static_cast<float>(learning_rate);
  if (config_.kind == "sgd") {
    kernels::sgd({rate, static_cast<float>(config_.momentum)}, scale, g, x, m);
    return;
  }
  const auto t = static_cast<double>(steps_);
  const double decay = config_.kind == "adamw" ? learning_rate * config_.weight_decay : 0.0;
  const kernels::AdamStep step{
      .step_size = static_cast<float>(learning_rate / (1.0 - std::pow(config_.beta1, t))),
      .beta1 = static_cast<float>(config_.beta1),
      .beta2 = static_cast<float>(config_.beta2),
      .inverse_root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(config_.beta2, t))),
      .epsilon = static_cast<float>(config_.epsilon),
      .decay = static_cast<float>(decay)};
  kernels::adam(step, scale, g, x, m, std::span<float>(v_).subspan(first, count));
}

void Optimizer::save(Checkpoint& checkpoint, const std::string& prefix) const {
  checkpoint.put(prefix + "/m", std::span<const float>(m_));
  if (!v_.empty()) checkpoint.put(prefix + "/v", std::span<const float>(v_));
  checkpoint.put(prefix + "/steps", steps_);
}

void Optimizer::load(const Checkpoint& checkpoint, const std::string& prefix) {
  checkpoint.read(prefix + "/m", std::span<float>(m_));
  if (!v_.empty()) checkpoint.read(prefix + "/v", std::span<float>(v_));
  steps_ = checkpoint.get<std::int64_t>(prefix + "/steps");
}

}  // namespace costate
