#include "policies/actor_critic.h"

#include <algorithm>

namespace costate {

void PolicyConfig::describe(Options& options) {
  options.add("policy", head, distribution_names(),
              "action distribution; auto: categorical for discrete actions, for boxes gaussian, or "
              "squashed with a learner that has no state value");
  options.add("network.hidden", hidden, Range::between(1, 65536), "widths of the hidden layers");
  options.add("network.activation", activation, activation_names(), "after each hidden layer");
  options.add("network.layer_norm", layer_norm,
              "whether hidden layers are normalised before their activation");
  options.add("network.trunk", trunk, {"separate", "shared"},
              "whether actor and critic have hidden layers of their own");
  options.add("network.kind", network, {"auto", "dense", "torch"},
              "dense: fused float kernels; torch: LibTorch; auto: dense where it can compute the "
              "network, which is all but gelu");
  options.add("network.precision", precision, {"float32", "bfloat16"},
              "of the matrix products of gradient steps; bfloat16: operands of 8 bits, sums of "
              "float, for dense networks on processors with AVX-512 BF16; acting, parameters and "
              "optimiser stay float32");
  options.add("network.log_std", log_std, Range::between(-10, 10),
              "gaussian, squashed, mixture: initial log standard deviation, in half widths of the "
              "action box");
  options.add(
      "network.state_dependent_std", state_dependent_std,
      "gaussian, squashed, mixture: whether the network also gives the log standard deviation");
  distribution.describe(options);
}

std::unique_ptr<Distribution> make_distribution(const PolicyConfig& config, const Space& action) {
  const bool squash = config.head == "auto" && !config.value && action.kind == Space::Kind::kBox &&
                      action.bounded();
  return make_distribution(squash ? "squashed" : config.head, action, config.distribution);
}

ActorCritic::ActorCritic(const PolicyConfig& config, const EnvSpec& spec)
    : distribution_(make_distribution(config, spec.action)),
      action_map_(spec.action),
      initial_log_std_(config.log_std),
      has_value_(config.value) {
  const bool shared = has_value_ && config.trunk == "shared";
  free_parameters_ = config.state_dependent_std ? 0 : distribution_->shareable_parameters();
  network_outputs_ = distribution_->parameter_size() - free_parameters_;

  const std::vector<int> hidden(config.hidden.begin(), config.hidden.end());
  const int inputs = spec.observation.size();
  const Activation activation = activation_from(config.activation);
  actor_shape_ = {inputs, hidden, network_outputs_ + (shared ? 1 : 0), activation,
                  config.layer_norm};
  actor_ = make_mlp(actor_shape_, config.network, config.precision);
  parameter_count_ = actor_->parameter_count();
  if (has_value_ && !shared) {
    critic_shape_ = {inputs, hidden, 1, activation, config.layer_norm};
    critic_ = make_mlp(critic_shape_, config.network, config.precision);
    critic_start_ = (parameter_count_ + 15) / 16 * 16;
    parameter_count_ = critic_start_ + critic_->parameter_count();
  }
  parameter_count_ += free_parameters_;
}

std::vector<MlpShape> ActorCritic::network_shapes() const {
  if (!critic_) return {actor_shape_};
  return {actor_shape_, critic_shape_};
}

std::vector<float> ActorCritic::initial_parameters(std::uint64_t seed) const {
  RandomStream random(seed);
  std::vector<float> parameters(parameter_count_);
  const std::span<float> all(parameters);
  std::vector<float> gains(actor_->outputs(), 0.01f);
  if (has_value_ && !critic_) gains.back() = 1.0f;
  initialise_orthogonal(actor_shape_, gains, random, actor_part(all));
  if (critic_) {
    const float gain = 1.0f;
    initialise_orthogonal(critic_shape_, {&gain, 1}, random, critic_part(all));
  }
  std::ranges::fill(all.last(free_parameters_), static_cast<float>(initial_log_std_));
  return parameters;
}

std::unique_ptr<ActorCritic::Workspace> ActorCritic::make_workspace(int max_rows,
                                                                    bool gradients) const {
  auto workspace = std::make_unique<Workspace>();
  workspace->actor = actor_->make_tape(max_rows, gradients);
  if (critic_) workspace->critic = critic_->make_tape(max_rows, gradients);
  workspace->outputs.resize(static_cast<std::size_t>(max_rows) * actor_->outputs());
  if (gradients) workspace->d_outputs.resize(workspace->outputs.size());
  return workspace;
}

void ActorCritic::policy(std::span<const float> parameters, const float* observations, int rows,
                         float* distribution, Workspace& workspace) const {
  forward(parameters, observations, rows, distribution, nullptr, workspace);
}

void ActorCritic::value(std::span<const float> parameters, const float* observations, int rows,
                        float* values, Workspace& workspace) const {
  forward(parameters, observations, rows, nullptr, values, workspace);
}

void ActorCritic::forward(std::span<const float> parameters, const float* observations, int rows,
                          float* distribution, float* values, Workspace& workspace) const {
  if (critic_ && values != nullptr) {
    critic_->forward(critic_part(parameters), observations, rows, values, *workspace.critic);
    if (distribution == nullptr) return;
  }
  const int outputs = actor_->outputs();
  float* const y = workspace.outputs.data();
  actor_->forward(actor_part(parameters), observations, rows, y, *workspace.actor);
  const auto log_std = parameters.last(free_parameters_);
  for (int i = 0; i < rows; ++i) {
    const float* const row = y + static_cast<std::ptrdiff_t>(i) * outputs;
    if (distribution != nullptr) {
      distribution = std::copy_n(row, network_outputs_, distribution);
      distribution = std::copy(log_std.begin(), log_std.end(), distribution);
    }
    if (!critic_ && values != nullptr) values[i] = row[network_outputs_];
  }
}

void ActorCritic::backward(std::span<const float> parameters, const float* observations, int rows,
                           const float* d_distribution, const float* d_values,
                           std::span<float> gradients, Workspace& workspace) const {
  const int outputs = actor_->outputs();
  const auto d_log_std = gradients.last(free_parameters_);
  float* row = workspace.d_outputs.data();
  for (int i = 0; i < rows; ++i, row += outputs) {
    std::copy_n(d_distribution, network_outputs_, row);
    if (has_value_ && !critic_) row[network_outputs_] = d_values[i];
    for (int k = 0; k < free_parameters_; ++k) {
      d_log_std[k] += d_distribution[network_outputs_ + k];
    }
    d_distribution += distribution_->parameter_size();
  }
  actor_->backward(actor_part(parameters), observations, workspace.d_outputs.data(), rows,
                   actor_part(gradients), nullptr, *workspace.actor);
  if (critic_) {
    critic_->backward(critic_part(parameters), observations, d_values, rows, critic_part(gradients),
                      nullptr, *workspace.critic);
  }
}

}  // namespace costate
