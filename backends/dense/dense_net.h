// A fully connected network in plain floats: BLAS for the matrix products, fused loops for the
// rest, no LibTorch.
#pragma once

#include <memory>
#include <span>

#include "backends/mlp.h"
#include "backends/network.h"

namespace costate {

class DenseNet final : public Network {
 public:
  explicit DenseNet(MlpShape shape);

  int inputs() const override { return shape_.inputs; }
  int outputs() const override { return shape_.outputs; }
  std::size_t parameter_count() const override { return shape_.parameter_count(); }
  std::unique_ptr<Tape> make_tape(int max_rows, bool gradients) const override;
  void forward(std::span<const float> parameters, const float* x, int rows, float* y,
               Tape& tape) const override;
  void backward(std::span<const float> parameters, const float* x, const float* dy, int rows,
                std::span<float> gradients, float* dx, Tape& tape) const override;

 private:
  MlpShape shape_;
};

}  // namespace costate
