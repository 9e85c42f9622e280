// A fully connected network in plain floats: matmul.h for the products, vectorised loops for the
// rest, no LibTorch.
#pragma once

#include <memory>
#include <span>

#include "backends/dense/matmul.h"
#include "backends/mlp.h"
#include "backends/network.h"

namespace costate {

class DenseNet final : public Network {
 public:
  /// Whether `shape` is one that a DenseNet computes.
  static bool computes(const MlpShape& shape) { return shape.activation != Activation::kGelu; }

  /// `precision` is that of the products of tapes with gradients; others compute in float. With
  /// bfloat16, making such a tape throws UsageError where the processor has no such products.
  explicit DenseNet(MlpShape shape, matmul::Precision precision = matmul::Precision::kFloat32);

  std::string_view kind() const override { return "dense"; }
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
  matmul::Precision precision_;
};

}  // namespace costate
