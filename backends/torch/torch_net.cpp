#include "backends/torch/torch_net.h"

#include <algorithm>
#include <torch/torch.h>
#include <utility>
#include <vector>

namespace costate {
namespace {

struct TorchTape final : Tape {
  TorchModule net;
  std::vector<torch::Tensor> parameters;
  const float* bound = nullptr;  // the block that the replica's parameters are views of
  bool gradients = false;
  torch::Tensor x;
  torch::Tensor y;
};

// LibTorch has no read-only tensors; nothing writes through these.
torch::Tensor view(const float* data, at::IntArrayRef sizes) {
  return torch::from_blob(const_cast<float*>(data), sizes, torch::kFloat);
}

void bind(TorchTape& tape, std::span<const float> parameters) {
  if (tape.bound == parameters.data()) return;
  const float* data = parameters.data();
  torch::NoGradGuard no_grad;
  for (torch::Tensor& p : tape.parameters) {
    p.set_data(view(data, p.sizes()));
    data += p.numel();
  }
  tape.bound = parameters.data();
}

}  // namespace

TorchNet::TorchNet(int inputs, int outputs, std::function<TorchModule()> make)
    : inputs_(inputs), outputs_(outputs), make_(std::move(make)) {
  for (const torch::Tensor& p : make_().module->parameters()) {
    parameter_count_ += static_cast<std::size_t>(p.numel());
  }
}

std::unique_ptr<Tape> TorchNet::make_tape(int /*max_rows*/, bool gradients) const {
  auto tape = std::make_unique<TorchTape>();
  tape->net = make_();
  tape->parameters = tape->net.module->parameters();
  tape->gradients = gradients;
  return tape;
}

void TorchNet::forward(std::span<const float> parameters, const float* x, int rows, float* y,
                       Tape& tape) const {
  auto& t = static_cast<TorchTape&>(tape);
  bind(t, parameters);
  const torch::AutoGradMode mode(t.gradients);
  t.x = view(x, {rows, inputs_});
  if (t.gradients) t.x.requires_grad_(true);
  t.y = t.net.forward(t.x).contiguous();
  std::copy_n(t.y.data_ptr<float>(), static_cast<std::size_t>(rows) * outputs_, y);
}

void TorchNet::backward(std::span<const float> /*parameters*/, const float* /*x*/, const float* dy,
                        int rows, std::span<float> gradients, float* dx, Tape& tape) const {
  auto& t = static_cast<TorchTape&>(tape);
  std::vector<torch::Tensor> inputs;
  if (!gradients.empty()) inputs = t.parameters;
  if (dx != nullptr) inputs.push_back(t.x);
  const auto result = torch::autograd::grad({t.y}, inputs, {view(dy, {rows, outputs_})});
  float* out = gradients.data();
  for (std::size_t i = 0; i < (gradients.empty() ? 0 : t.parameters.size()); ++i) {
    const torch::Tensor g = result[i].contiguous();
    const float* in = g.data_ptr<float>();
    out = std::transform(in, in + g.numel(), out, out, std::plus<float>());
  }
  if (dx != nullptr) {
    const torch::Tensor g = result.back().contiguous();
    std::copy_n(g.data_ptr<float>(), g.numel(), dx);
  }
  t.y.reset();
}

namespace {

// LibTorch's own Linear keeps its weights [out, in]; the flat block has them [in, out].
struct MlpModule final : torch::nn::Module {
  explicit MlpModule(MlpShape s) : shape(std::move(s)) {
    for (int layer = 0; layer < shape.layers(); ++layer) {
      const int out = shape.layer_outputs(layer);
      const auto add = [&](const char* name, at::IntArrayRef sizes) {
        return register_parameter(name + std::to_string(layer), torch::zeros(sizes));
      };
      Layer l{add("weight", {shape.layer_inputs(layer), out}), add("bias", {out}), {}, {}};
      if (shape.layer_norm && layer + 1 < shape.layers()) {
        l.gain = add("gain", {out});
        l.shift = add("shift", {out});
      }
      layers.push_back(std::move(l));
    }
  }

  torch::Tensor activate(const torch::Tensor& x) const {
    switch (shape.activation) {
      case Activation::kTanh:
        return torch::tanh(x);
      case Activation::kRelu:
        return torch::relu(x);
      case Activation::kSilu:
        return torch::silu(x);
      case Activation::kElu:
        return torch::elu(x);
      case Activation::kGelu:
        return torch::gelu(x);
    }
    return x;
  }

  torch::Tensor forward(torch::Tensor x) const {
    for (const Layer& layer : layers) {
      x = torch::addmm(layer.bias, x, layer.weight);
      if (&layer == &layers.back()) break;
      if (shape.layer_norm) x = torch::layer_norm(x, {x.size(1)}, layer.gain, layer.shift);
      x = activate(x);
    }
    return x;
  }

  struct Layer {
    torch::Tensor weight;
    torch::Tensor bias;
    torch::Tensor gain;
    torch::Tensor shift;
  };
  MlpShape shape;
  std::vector<Layer> layers;
};

}  // namespace

std::unique_ptr<Network> make_torch_mlp(const MlpShape& shape) {
  return std::make_unique<TorchNet>(shape.inputs, shape.outputs, [shape] {
    const auto module = std::make_shared<MlpModule>(shape);
    return TorchModule{module, [module](const at::Tensor& x) { return module->forward(x); }};
  });
}

}  // namespace costate
