#include "policies/critic.h"

#include <algorithm>

namespace costate {

Critic::Critic(const PolicyConfig& config, int observation_size, const Distribution& distribution,
               int count)
    : count_(count),
      observation_size_(observation_size),
      one_hot_(distribution.support() == Distribution::Support::kFinite) {
  const int action = one_hot_ ? distribution.values_per_dimension() : distribution.action_size();
  shape_ = {observation_size + action, std::vector<int>(config.hidden.begin(), config.hidden.end()),
            1, activation_from(config.activation), config.layer_norm};
  network_ = make_mlp(shape_, config.network, config.precision);
  stride_ = (network_->parameter_count() + 15) / 16 * 16;
}

std::vector<float> Critic::initial_parameters(std::uint64_t seed) const {
  std::vector<float> parameters(parameter_count());
  RandomStream random(seed);
  const float gain = 1.0f;
  for (int k = 0; k < count_; ++k) {
    initialise_orthogonal(
        shape_, {&gain, 1}, random,
        std::span(parameters)
            .subspan(stride_ * static_cast<std::size_t>(k), network_->parameter_count()));
  }
  return parameters;
}

Critic::Workspace Critic::make_workspace(int max_rows, bool gradients) const {
  Workspace workspace;
  for (int k = 0; k < count_; ++k) workspace.push_back(network_->make_tape(max_rows, gradients));
  return workspace;
}

void Critic::encode(std::span<const float> observation, std::span<const float> executed,
                    float* input) const {
  input = std::ranges::copy(observation, input).out;
  if (!one_hot_) {
    std::ranges::copy(executed, input);
    return;
  }
  std::fill_n(input, inputs() - observation_size_, 0.0f);
  input[static_cast<std::size_t>(executed[0])] = 1.0f;
}

void Critic::forward(std::span<const float> parameters, int k, const float* inputs, int rows,
                     float* q, Workspace& workspace) const {
  network_->forward(part(parameters, k), inputs, rows, q, *workspace[static_cast<std::size_t>(k)]);
}

void Critic::backward(std::span<const float> parameters, int k, const float* inputs,
                      const float* dq, int rows, std::span<float> gradients, float* d_inputs,
                      Workspace& workspace) const {
  const auto own = gradients.empty() ? gradients
                                     : gradients.subspan(stride_ * static_cast<std::size_t>(k),
                                                         network_->parameter_count());
  network_->backward(part(parameters, k), inputs, dq, rows, own, d_inputs,
                     *workspace[static_cast<std::size_t>(k)]);
}

}  // namespace costate
