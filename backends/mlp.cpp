#include "backends/mlp.h"

#include <Eigen/QR>
#include <algorithm>

#include "backends/dense/dense_net.h"
#include "backends/torch_plugin.h"
#include "envs/error.h"

namespace costate {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A [rows, columns] matrix with orthonormal rows or columns, whichever are fewer.
Matrix orthogonal(int rows, int columns, RandomStream& random) {
  const int tall = std::max(rows, columns);
  const int thin = std::min(rows, columns);
  Matrix gaussian(tall, thin);
  for (int i = 0; i < tall; ++i) {
    for (int j = 0; j < thin; ++j) gaussian(i, j) = random.normal();
  }
  const Eigen::HouseholderQR<Matrix> qr(gaussian);
  Matrix q = qr.householderQ() * Matrix::Identity(tall, thin);
  // With R's diagonal made positive the decomposition is unique and q uniformly distributed.
  for (int j = 0; j < thin; ++j) {
    if (qr.matrixQR()(j, j) < 0.0) q.col(j) *= -1.0;
  }
  return rows >= columns ? q : Matrix(q.transpose());
}

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = {"tanh", "relu", "silu", "elu", "gelu"};
  return names;
}

Activation activation_from(const std::string& name) {
  const auto& names = activation_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw UsageError("activation is \"" + name + "\", expected tanh, relu, silu, elu or gelu");
  }
  return static_cast<Activation>(found - names.begin());
}

std::size_t MlpShape::layer_parameters(int layer) const {
  const bool normalised = layer_norm && layer + 1 < layers();
  return static_cast<std::size_t>(layer_inputs(layer) + (normalised ? 3 : 1)) *
         layer_outputs(layer);
}

std::size_t MlpShape::parameter_count() const {
  std::size_t count = 0;
  for (int layer = 0; layer < layers(); ++layer) count += layer_parameters(layer);
  return count;
}

void initialise_orthogonal(const MlpShape& shape, std::span<const float> output_gains,
                           RandomStream& random, std::span<float> parameters) {
  std::fill(parameters.begin(), parameters.end(), 0.0f);
  float* layer_start = parameters.data();
  for (int layer = 0; layer < shape.layers(); ++layer) {
    const int in = shape.layer_inputs(layer);
    const int out = shape.layer_outputs(layer);
    const bool last = layer + 1 == shape.layers();
    for (int first = 0; first < out;) {
      const double gain = last ? output_gains[first] : std::sqrt(2.0);
      int end = last ? first + 1 : out;
      while (last && end < out && output_gains[end] == output_gains[first]) ++end;
      const Matrix weights = gain * orthogonal(in, end - first, random);
      for (int i = 0; i < in; ++i) {
        for (int j = first; j < end; ++j) {
          layer_start[i * out + j] = static_cast<float>(weights(i, j - first));
        }
      }
      first = end;
    }
    if (shape.layer_norm && !last) std::fill_n(layer_start + (in + 1) * out, out, 1.0f);
    layer_start += shape.layer_parameters(layer);
  }
}

std::unique_ptr<Network> make_mlp(const MlpShape& shape, const std::string& kind,
                                  const std::string& precision) {
  if (kind != "auto" && kind != "dense" && kind != "torch") {
    throw UsageError("network is \"" + kind + "\", expected auto, dense or torch");
  }
  if (precision != "float32" && precision != "bfloat16") {
    throw UsageError("network.precision is \"" + precision + "\", expected float32 or bfloat16");
  }
  if (kind != "torch" && DenseNet::computes(shape)) {
    return std::make_unique<DenseNet>(
        shape, precision == "float32" ? matmul::Precision::kFloat32 : matmul::Precision::kBfloat16);
  }
  if (kind == "dense") {
    throw UsageError(
        "network \"dense\" has no gelu, expected another activation, or network auto or torch");
  }
  if (precision != "float32") {
    throw UsageError("network.precision is \"" + precision +
                     "\", which only dense networks have, expected float32");
  }
  return torch_plugin().make_mlp(shape);
}

}  // namespace costate
