#include "backends/dense/dense_net.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "backends/dense/aligned.h"
#include "backends/dense/kernels.h"
#include "backends/dense/matmul.h"

namespace costate {
namespace {

struct DenseTape final : Tape {
  /// What one hidden layer leaves behind, [rows, width] each.
  struct Layer {
    AlignedFloats y;                   // after φ
    AlignedFloats slope;               // φ' where it cannot be told from y
    AlignedFloats normalized;          // where there is a layer normalisation
    AlignedFloats inverse_deviations;  // [rows]
  };
  std::vector<Layer> layers;
  AlignedFloats gradient;    // [rows, widest layer]: dL/d(this layer's outputs)
  AlignedFloats below;       // the same, for the layer below
  AlignedFloats transposed;  // the weights of one layer
};

// The parameters of one layer, or their gradients.
template <class T>
struct LayerParameters {
  std::span<T> weights;  // [in, out]
  std::span<T> bias;     // [out]
  std::span<T> gain;     // [out] each, empty without normalisation
  std::span<T> shift;
};

template <class T>
LayerParameters<T> layer_parameters(const MlpShape& shape, int layer, std::span<T> block) {
  const auto out = static_cast<std::size_t>(shape.layer_outputs(layer));
  const std::size_t weights = shape.layer_inputs(layer) * out;
  const bool normalised = block.size() > weights + out;
  return {block.first(weights), block.subspan(weights, out),
          normalised ? block.subspan(weights + out, out) : std::span<T>(),
          normalised ? block.subspan(weights + 2 * out, out) : std::span<T>()};
}

void activate(Activation activation, std::span<float> x, std::span<float> slope) {
  switch (activation) {
    case Activation::kTanh:
      return kernels::tanh(x);
    case Activation::kRelu:
      return kernels::relu(x);
    case Activation::kElu:
      return kernels::elu(x);
    case Activation::kSilu:
      return kernels::silu(x, slope);
    case Activation::kGelu:
      break;
  }
  assert(false);
}

void activation_gradient(Activation activation, std::span<const float> y,
                         std::span<const float> slope, std::span<float> gradient) {
  switch (activation) {
    case Activation::kTanh:
      return kernels::tanh_gradient(y, gradient);
    case Activation::kRelu:
      return kernels::relu_gradient(y, gradient);
    case Activation::kElu:
      return kernels::elu_gradient(y, gradient);
    case Activation::kSilu:
      return kernels::multiply(slope, gradient);
    case Activation::kGelu:
      break;
  }
  assert(false);
}

}  // namespace

DenseNet::DenseNet(MlpShape shape) : shape_(std::move(shape)) {
  assert(computes(shape_));
}

std::unique_ptr<Tape> DenseNet::make_tape(int max_rows, bool gradients) const {
  auto tape = std::make_unique<DenseTape>();
  const auto rows = static_cast<std::size_t>(max_rows);
  std::size_t widest = 0;
  std::size_t most_weights = 0;
  for (int i = 0; i + 1 < shape_.layers(); ++i) {
    const auto width = static_cast<std::size_t>(shape_.hidden[i]);
    auto& layer = tape->layers.emplace_back();
    layer.y.resize(rows * width);
    if (shape_.layer_norm) {
      layer.normalized.resize(rows * width);
      layer.inverse_deviations.resize(rows);
    }
    if (gradients && shape_.activation == Activation::kSilu) layer.slope.resize(rows * width);
    widest = std::max(widest, width);
  }
  for (int i = 0; i < shape_.layers(); ++i) {
    matmul::prepare(max_rows, shape_.layer_inputs(i), shape_.layer_outputs(i), gradients);
  }
  if (!gradients) return tape;
  for (int i = 0; i < shape_.layers(); ++i) {
    most_weights = std::max(
        most_weights, static_cast<std::size_t>(shape_.layer_inputs(i)) * shape_.layer_outputs(i));
  }
  tape->gradient.resize(widest * rows);
  tape->below.resize(widest * rows);
  tape->transposed.resize(most_weights);
  return tape;
}

void DenseNet::forward(std::span<const float> parameters, const float* x, int rows, float* y,
                       Tape& tape) const {
  auto& layers = static_cast<DenseTape&>(tape).layers;
  for (int i = 0; i < shape_.layers(); ++i) {
    const int in = shape_.layer_inputs(i);
    const int out = shape_.layer_outputs(i);
    const bool last = i + 1 == shape_.layers();
    const std::size_t count = shape_.layer_parameters(i);
    const auto p = layer_parameters(shape_, i, parameters.first(count));
    parameters = parameters.subspan(count);
    const std::size_t size = static_cast<std::size_t>(rows) * out;
    assert(last || layers[i].y.size() >= size);
    float* const z = last ? y : layers[i].y.data();
    kernels::fill_rows(p.bias, rows, z);
    matmul::add_product(x, p.weights.data(), rows, in, out, z);
    if (last) return;
    DenseTape::Layer& layer = layers[i];
    if (shape_.layer_norm) {
      kernels::layer_norm(p.gain, p.shift, rows, z, layer.normalized.data(),
                          layer.inverse_deviations.data());
    }
    const std::size_t slopes = layer.slope.empty() ? 0 : size;
    activate(shape_.activation, {z, size}, {layer.slope.data(), slopes});
    x = z;
  }
}

void DenseNet::backward(std::span<const float> parameters, const float* x, const float* dy,
                        int rows, std::span<float> gradients, float* dx, Tape& tape) const {
  auto& t = static_cast<DenseTape&>(tape);
  const bool wanted = !gradients.empty();
  for (int i = shape_.layers() - 1; i >= 0; --i) {
    const int in = shape_.layer_inputs(i);
    const int out = shape_.layer_outputs(i);
    const std::size_t count = shape_.layer_parameters(i);
    const auto p = layer_parameters(shape_, i, parameters.last(count));
    parameters = parameters.first(parameters.size() - count);
    LayerParameters<float> g;
    if (wanted) {
      g = layer_parameters(shape_, i, gradients.last(count));
      gradients = gradients.first(gradients.size() - count);
    }

    if (i + 1 < shape_.layers()) {  // dy is t.gradient, dL/d(what φ gave)
      const DenseTape::Layer& layer = t.layers[i];
      const std::size_t size = static_cast<std::size_t>(rows) * out;
      activation_gradient(shape_.activation, std::span(layer.y).first(size), layer.slope,
                          std::span(t.gradient).first(size));
      if (shape_.layer_norm) {
        kernels::layer_norm_gradient(p.gain, layer.normalized.data(),
                                     layer.inverse_deviations.data(), rows, t.gradient.data(),
                                     g.gain, g.shift);
      }
    }
    if (wanted) {
      kernels::add_column_sums(dy, rows, g.bias);
      const float* const input = i == 0 ? x : t.layers[i - 1].y.data();
      matmul::add_weight_gradient(input, dy, rows, in, out, g.weights.data());
    }

    float* const below = i == 0 ? dx : t.below.data();
    if (below == nullptr) return;
    matmul::input_gradient(dy, p.weights.data(), rows, in, out, below, t.transposed.data());
    std::swap(t.gradient, t.below);
    dy = t.gradient.data();
  }
}

}  // namespace costate
