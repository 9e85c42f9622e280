#include "backends/torch/eager_sac.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <torch/torch.h>
#include <utility>

namespace costate {
namespace {

using torch::Tensor;

struct MlpImpl : torch::nn::Module {
  MlpImpl(int inputs, const std::vector<int>& hidden, int outputs) {
    for (const int width : hidden) {
      layers->push_back(torch::nn::Linear(inputs, width));
      layers->push_back(torch::nn::ReLU());
      inputs = width;
    }
    layers->push_back(torch::nn::Linear(inputs, outputs));
    register_module("layers", layers);
  }

  Tensor forward(const Tensor& x) { return layers->forward(x); }

  torch::nn::Sequential layers;
};
TORCH_MODULE(Mlp);

struct ActorImpl : torch::nn::Module {
  explicit ActorImpl(const EagerSacConfig& config)
      : net(register_module("net", Mlp(config.observations, config.hidden, 2 * config.actions))) {}

  /// Executed actions and their log-probabilities [rows].
  std::pair<Tensor, Tensor> sample(const Tensor& observations) {
    const auto outputs = net(observations).chunk(2, -1);
    const Tensor& mean = outputs[0];
    const Tensor log_std = outputs[1].clamp(-20.0, 2.0);
    const Tensor noise = torch::randn_like(mean);
    const Tensor raw = mean + log_std.exp() * noise;
    const Tensor normal = -0.5 * noise.pow(2) - log_std - 0.5 * std::log(2.0 * std::numbers::pi);
    // log(1 − tanh²u), in the form that is finite for any u.
    const Tensor slope = 2.0 * (std::numbers::ln2 - raw - torch::softplus(-2.0 * raw));
    return {torch::tanh(raw), (normal - slope).sum(-1)};
  }

  Mlp net;
};
TORCH_MODULE(Actor);

/// Two critics Q(s, a).
struct CriticsImpl : torch::nn::Module {
  explicit CriticsImpl(const EagerSacConfig& config) {
    const int inputs = config.observations + config.actions;
    first = register_module("first", Mlp(inputs, config.hidden, 1));
    second = register_module("second", Mlp(inputs, config.hidden, 1));
  }

  /// The values [rows] of both.
  std::pair<Tensor, Tensor> forward(const Tensor& observations, const Tensor& actions) {
    const Tensor inputs = torch::cat({observations, actions}, -1);
    return {first(inputs).squeeze(-1), second(inputs).squeeze(-1)};
  }

  Mlp first = nullptr;
  Mlp second = nullptr;
};
TORCH_MODULE(Critics);

torch::optim::Adam adam(std::vector<Tensor> parameters, double learning_rate) {
  return torch::optim::Adam(std::move(parameters), torch::optim::AdamOptions(learning_rate));
}

// LibTorch has no read-only tensors; nothing writes through these.
Tensor view(std::span<const float> block, at::IntArrayRef sizes) {
  return torch::from_blob(const_cast<float*>(block.data()), sizes, torch::kFloat);
}

void copy(const torch::nn::Module& from, const torch::nn::Module& to) {
  const torch::NoGradGuard no_grad;
  const auto source = from.parameters();
  auto target = to.parameters();
  for (std::size_t i = 0; i < target.size(); ++i) target[i].copy_(source[i]);
}

// The weights and biases of `net` from a block that has the weights as [in, out].
void assign(const Mlp& net, std::span<const float> block) {
  const torch::NoGradGuard no_grad;
  for (Tensor& p : net->parameters()) {
    const auto count = static_cast<std::size_t>(p.numel());
    p.copy_(p.dim() == 2 ? view(block, {p.size(1), p.size(0)}).t() : view(block, p.sizes()));
    block = block.subspan(count);
  }
}

class TorchSac final : public EagerSac {
 public:
  explicit TorchSac(const EagerSacConfig& config)
      : config_(config),
        actor_(config),
        critics_(config),
        targets_(config),
        log_temperature_(torch::full({}, std::log(config.temperature),
                                     torch::TensorOptions().requires_grad(true))),
        actor_optimizer_(adam(actor_->parameters(), config.learning_rate)),
        critic_optimizer_(adam(critics_->parameters(), config.critic_learning_rate)),
        temperature_optimizer_(adam({log_temperature_}, config.temperature_learning_rate)) {
    copy(*critics_, *targets_);
  }

  void set_parameters(std::span<const float> actor, std::span<const float> first_critic,
                      std::span<const float> second_critic) override {
    assign(actor_->net, actor);
    assign(critics_->first, first_critic);
    assign(critics_->second, second_critic);
    copy(*critics_, *targets_);
  }

  void act(std::span<const float> observation, std::span<float> action) override {
    const torch::NoGradGuard no_grad;
    const Tensor drawn = actor_->sample(view(observation, {1, config_.observations})).first;
    std::copy_n(drawn.data_ptr<float>(), action.size(), action.begin());
  }

  Losses update(const Minibatch& batch) override {
    const auto rows = static_cast<std::int64_t>(batch.rewards.size());
    const Tensor observations = view(batch.observations, {rows, config_.observations});
    const Tensor actions = view(batch.actions, {rows, config_.actions});
    const Tensor rewards = view(batch.rewards, {rows});
    const Tensor next = view(batch.next_observations, {rows, config_.observations});
    const Tensor terminal = view(batch.terminal, {rows});

    Tensor wanted;
    {
      const torch::NoGradGuard no_grad;
      const auto [next_actions, log_prob] = actor_->sample(next);
      const auto [first, second] = targets_(next, next_actions);
      const Tensor value = torch::min(first, second) - log_temperature_.exp() * log_prob;
      wanted = rewards + config_.gamma * (1.0 - terminal) * value;
    }
    const auto [first, second] = critics_(observations, actions);
    const Tensor critic_loss = torch::mse_loss(first, wanted) + torch::mse_loss(second, wanted);
    critic_optimizer_.zero_grad();
    critic_loss.backward();
    critic_optimizer_.step();

    // The actor's loss goes through the critics, whose own gradients it does not need.
    for (Tensor& p : critics_->parameters()) p.requires_grad_(false);
    const auto [drawn, log_prob] = actor_->sample(observations);
    const auto [q_first, q_second] = critics_(observations, drawn);
    const Tensor actor_loss =
        (log_temperature_.exp().detach() * log_prob - torch::min(q_first, q_second)).mean();
    actor_optimizer_.zero_grad();
    actor_loss.backward();
    actor_optimizer_.step();
    for (Tensor& p : critics_->parameters()) p.requires_grad_(true);

    // The target entropy is minus the number of actions.
    const Tensor temperature_loss =
        -(log_temperature_ * (log_prob.detach() - config_.actions)).mean();
    temperature_optimizer_.zero_grad();
    temperature_loss.backward();
    temperature_optimizer_.step();

    {
      const torch::NoGradGuard no_grad;
      const auto from = critics_->parameters();
      auto to = targets_->parameters();
      for (std::size_t i = 0; i < to.size(); ++i) {
        to[i].mul_(1.0 - config_.tau).add_(from[i], config_.tau);
      }
    }
    return {critic_loss.item<float>(), actor_loss.item<float>()};
  }

 private:
  EagerSacConfig config_;
  Actor actor_;
  Critics critics_;
  Critics targets_;
  Tensor log_temperature_;
  torch::optim::Adam actor_optimizer_;
  torch::optim::Adam critic_optimizer_;
  torch::optim::Adam temperature_optimizer_;
};

}  // namespace

std::unique_ptr<EagerSac> make_eager_sac(const EagerSacConfig& config) {
  return std::make_unique<TorchSac>(config);
}

}  // namespace costate
