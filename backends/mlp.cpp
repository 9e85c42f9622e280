#include "backends/mlp.h"

#include <Eigen/QR>
#include <algorithm>

#include "backends/dense/dense_net.h"
#include "backends/torch_net.h"
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

Activation activation_from(const std::string& name) {
  if (name == "tanh") return Activation::kTanh;
  if (name == "relu") return Activation::kRelu;
  throw UsageError("activation is \"" + name + "\", expected tanh or relu");
}

std::size_t MlpShape::parameter_count() const {
  std::size_t count = 0;
  for (int layer = 0; layer < layers(); ++layer) {
    count += static_cast<std::size_t>(layer_inputs(layer) + 1) * layer_outputs(layer);
  }
  return count;
}

void initialise_orthogonal(const MlpShape& shape, std::span<const float> output_gains,
                           RandomStream& random, std::span<float> parameters) {
  float* out = parameters.data();
  for (int layer = 0; layer < shape.layers(); ++layer) {
    const int columns = shape.layer_inputs(layer);
    const int rows = shape.layer_outputs(layer);
    const bool last = layer + 1 == shape.layers();
    for (int first = 0; first < rows;) {
      const double gain = last ? output_gains[first] : std::sqrt(2.0);
      int end = last ? first + 1 : rows;
      while (last && end < rows && output_gains[end] == output_gains[first]) ++end;
      const Matrix weights = gain * orthogonal(end - first, columns, random);
      out = std::transform(weights.data(), weights.data() + weights.size(), out,
                           [](double w) { return static_cast<float>(w); });
      first = end;
    }
    out = std::fill_n(out, rows, 0.0f);
  }
}

std::unique_ptr<Network> make_mlp(const MlpShape& shape, const std::string& kind) {
  if (kind == "dense") return std::make_unique<DenseNet>(shape);
  if (kind == "torch") return make_torch_mlp(shape);
  throw UsageError("network is \"" + kind + "\", expected dense or torch");
}

}  // namespace costate
