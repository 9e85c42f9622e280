#include "backends/dense/dense_net.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "backends/dense/aligned.h"
#include "backends/dense/bfloat16.h"
#include "backends/dense/kernels.h"
#include "backends/dense/matmul.h"
#include "envs/error.h"

namespace costate {
namespace {

struct DenseTape final : Tape {
  /// One layer's products and, of a hidden one, what it leaves behind, [rows, width] each.
  struct Layer {
    matmul::Layer products;
    AlignedFloats y;                   // after φ
    AlignedFloats slope;               // φ' where it cannot be told from y
    AlignedFloats normalized;          // where there is a layer normalisation
    AlignedFloats inverse_deviations;  // [rows]
  };
  std::vector<Layer> layers;
  AlignedFloats gradient;  // [rows, widest layer]: dL/d(this layer's outputs)
  AlignedFloats below;     // the same, for the layer below
  // Where rows are left out of the backward pass: those that are not, and dL/dy of these.
  std::vector<int> entered;  // [rows]
  AlignedFloats entered_dy;  // [rows, outputs]
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

DenseNet::DenseNet(MlpShape shape, matmul::Precision precision)
    : shape_(std::move(shape)), precision_(precision) {
  assert(computes(shape_));
}

std::unique_ptr<Tape> DenseNet::make_tape(int max_rows, bool gradients) const {
  const matmul::Precision precision = gradients ? precision_ : matmul::Precision::kFloat32;
  if (precision == matmul::Precision::kBfloat16 && !matmul::has_bfloat16()) {
    throw UsageError(
        "network.precision is \"bfloat16\", but this processor has no products of such numbers "
        "(AVX-512 BF16), expected float32");
  }
  auto tape = std::make_unique<DenseTape>();
  const auto rows = static_cast<std::size_t>(max_rows);
  std::size_t widest = 0;
  for (int i = 0; i < shape_.layers(); ++i) {
    const int out = shape_.layer_outputs(i);
    auto& layer = tape->layers.emplace_back(
        matmul::Layer(shape_.layer_inputs(i), out, max_rows, gradients, precision));
    if (i + 1 == shape_.layers()) break;
    const auto width = static_cast<std::size_t>(out);
    layer.y.resize(rows * width);
    if (shape_.layer_norm) {
      layer.normalized.resize(rows * width);
      layer.inverse_deviations.resize(rows);
    }
    if (gradients && shape_.activation == Activation::kSilu) layer.slope.resize(rows * width);
    widest = std::max(widest, width);
  }
  if (!gradients) return tape;
  tape->gradient.resize(widest * rows);
  tape->below.resize(widest * rows);
  tape->entered.resize(rows);
  tape->entered_dy.resize(rows * static_cast<std::size_t>(shape_.outputs));
  return tape;
}

void DenseNet::forward(std::span<const float> parameters, const float* x, int rows, float* y,
                       Tape& tape) const {
  auto& layers = static_cast<DenseTape&>(tape).layers;
  for (int i = 0; i < shape_.layers(); ++i) {
    const int out = shape_.layer_outputs(i);
    const bool last = i + 1 == shape_.layers();
    const std::size_t count = shape_.layer_parameters(i);
    const auto p = layer_parameters(shape_, i, parameters.first(count));
    parameters = parameters.subspan(count);
    const std::size_t size = static_cast<std::size_t>(rows) * out;
    assert(last || layers[i].y.size() >= size);
    float* const z = last ? y : layers[i].y.data();
    DenseTape::Layer& layer = layers[i];
    layer.products.product(x, p.weights.data(), rows, z);
    x = z;
    if (!last && !shape_.layer_norm && shape_.activation == Activation::kRelu) {
      kernels::add_rows_relu(p.bias, rows, z);
      continue;
    }
    kernels::add_rows(p.bias, rows, z);
    if (last) return;
    if (shape_.layer_norm) {
      kernels::layer_norm(p.gain, p.shift, rows, z, layer.normalized.data(),
                          layer.inverse_deviations.data());
    }
    const std::size_t slopes = layer.slope.empty() ? 0 : size;
    activate(shape_.activation, {z, size}, {layer.slope.data(), slopes});
  }
}

namespace {

// Moves the rows [entered.size(), columns] at the beginning of `block` [rows, columns] to where
// `entered` says, and clears all others.
void spread(std::span<const int> entered, int rows, int columns, float* block) {
  const auto row = [=](int i) { return block + static_cast<std::ptrdiff_t>(i) * columns; };
  int next = rows;
  for (int i = static_cast<int>(entered.size()) - 1; i >= 0; --i) {
    std::fill(row(entered[i] + 1), row(next), 0.0f);
    if (entered[i] != i) std::copy_n(row(i), columns, row(entered[i]));
    next = entered[i];
  }
  std::fill(block, row(next), 0.0f);
}

}  // namespace

void DenseNet::backward(std::span<const float> parameters, const float* x, const float* dy,
                        int rows, std::span<float> gradients, float* dx, Tape& tape) const {
  auto& t = static_cast<DenseTape&>(tape);
  const bool wanted = !gradients.empty();
  // Where only dx is asked for, rows that no gradient enters are left out. Of several critics of
  // which the least counts, each is asked for a part of the rows.
  const int all_rows = rows;
  if (!wanted) {
    rows = 0;
    for (int i = 0; i < all_rows; ++i) {
      const float* const row = dy + static_cast<std::ptrdiff_t>(i) * shape_.outputs;
      if (std::all_of(row, row + shape_.outputs, [](float d) { return d == 0.0f; })) continue;
      std::copy_n(row, shape_.outputs,
                  t.entered_dy.data() + static_cast<std::ptrdiff_t>(rows) * shape_.outputs);
      t.entered[rows++] = i;
    }
    dy = t.entered_dy.data();
  }
  // Calls f(first row of the gradient, the row that it belongs to, number of rows).
  const auto for_rows = [&](const auto& f) {
    if (rows == all_rows) return f(0, 0, rows);
    for (int i = 0; i < rows; ++i) f(i, t.entered[i], 1);
  };
  for (int i = shape_.layers() - 1; i >= 0; --i) {
    const int out = shape_.layer_outputs(i);
    const std::size_t count = shape_.layer_parameters(i);
    const auto p = layer_parameters(shape_, i, parameters.last(count));
    parameters = parameters.first(parameters.size() - count);
    LayerParameters<float> g;
    if (wanted) {
      g = layer_parameters(shape_, i, gradients.last(count));
      gradients = gradients.first(gradients.size() - count);
    }

    DenseTape::Layer& layer = t.layers[i];
    if (i + 1 < shape_.layers()) {  // dy is t.gradient, dL/d(what φ gave)
      for_rows([&](int at, int row, int n) {
        const std::size_t width = out;
        const auto kept = [&](const AlignedFloats& block) {
          return block.empty() ? std::span<const float>()
                               : std::span(block).subspan(row * width, n * width);
        };
        const auto gradient = std::span(t.gradient).subspan(at * width, n * width);
        activation_gradient(shape_.activation, kept(layer.y), kept(layer.slope), gradient);
        if (shape_.layer_norm) {
          kernels::layer_norm_gradient(p.gain, kept(layer.normalized).data(),
                                       layer.inverse_deviations.data() + row, n, gradient.data(),
                                       g.gain, g.shift);
        }
      });
    }
    if (wanted) {
      kernels::add_column_sums(dy, rows, g.bias);
      const float* const input = i == 0 ? x : t.layers[i - 1].y.data();
      layer.products.add_weight_gradient(input, dy, rows, g.weights.data());
    }

    float* const below = i == 0 ? dx : t.below.data();
    if (below == nullptr) return;
    layer.products.input_gradient(dy, p.weights.data(), rows, below);
    std::swap(t.gradient, t.below);
    dy = t.gradient.data();
  }
  if (rows < all_rows) spread(std::span(t.entered).first(rows), all_rows, shape_.inputs, dx);
}

}  // namespace costate
