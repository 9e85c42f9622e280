// Any LibTorch module as a Network: `forward` keeps the autograd graph, `backward` hands it dL/dy.
#pragma once

#include <functional>
#include <memory>

#include "backends/mlp.h"
#include "backends/network.h"

namespace torch::nn {
class Module;
}
namespace at {
class Tensor;
}

namespace costate {

/// A module and its forward function, y [rows, outputs] = forward(x [rows, inputs]).
struct TorchModule {
  std::shared_ptr<torch::nn::Module> module;
  std::function<at::Tensor(const at::Tensor&)> forward;
};

class TorchNet final : public Network {
 public:
  /// `make` builds one more replica of the module; every tape owns one, so that tapes of several
  /// threads are independent. The flat parameter block is the module's parameters() in their order.
  TorchNet(int inputs, int outputs, std::function<TorchModule()> make);

  std::string_view kind() const override { return "torch"; }
  int inputs() const override { return inputs_; }
  int outputs() const override { return outputs_; }
  std::size_t parameter_count() const override { return parameter_count_; }
  std::unique_ptr<Tape> make_tape(int max_rows, bool gradients) const override;
  void forward(std::span<const float> parameters, const float* x, int rows, float* y,
               Tape& tape) const override;
  void backward(std::span<const float> parameters, const float* x, const float* dy, int rows,
                std::span<float> gradients, float* dx, Tape& tape) const override;

 private:
  int inputs_;
  int outputs_;
  std::function<TorchModule()> make_;
  std::size_t parameter_count_ = 0;
};

/// The perceptron of `shape` as a LibTorch module, with DenseNet's parameter layout.
std::unique_ptr<Network> make_torch_mlp(const MlpShape& shape);

}  // namespace costate
