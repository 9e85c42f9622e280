#include "backends/dense/dense_net.h"

#include <algorithm>
#include <cassert>
#include <cblas.h>
#include <utility>
#include <vector>

#include "backends/dense/kernels.h"

namespace costate {
namespace {

struct DenseTape final : Tape {
  std::vector<std::vector<float>> activations;  // [hidden layer][rows, width], after φ
  std::vector<float> gradient;                  // [rows, widest layer]: dL/d(this layer's outputs)
  std::vector<float> below;                     // the same, for the layer below
};

}  // namespace

DenseNet::DenseNet(MlpShape shape) : shape_(std::move(shape)) {}

std::unique_ptr<Tape> DenseNet::make_tape(int max_rows, bool gradients) const {
  auto tape = std::make_unique<DenseTape>();
  std::size_t widest = 0;
  for (const int width : shape_.hidden) {
    tape->activations.emplace_back(static_cast<std::size_t>(max_rows) * width);
    widest = std::max(widest, static_cast<std::size_t>(width));
  }
  if (gradients) {
    tape->gradient.resize(widest * max_rows);
    tape->below.resize(widest * max_rows);
  }
  return tape;
}

void DenseNet::forward(std::span<const float> parameters, const float* x, int rows, float* y,
                       Tape& tape) const {
  auto& activations = static_cast<DenseTape&>(tape).activations;
  const float* weights = parameters.data();
  for (int layer = 0; layer < shape_.layers(); ++layer) {
    const int in = shape_.layer_inputs(layer);
    const int out = shape_.layer_outputs(layer);
    const bool last = layer + 1 == shape_.layers();
    const std::span<const float> bias(weights + static_cast<std::size_t>(in) * out, out);
    assert(last || activations[layer].size() >= static_cast<std::size_t>(rows) * out);
    float* const result = last ? y : activations[layer].data();
    kernels::fill_rows(bias, rows, result);
    if (rows == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, out, in, 1.0f, weights, in, x, 1, 1.0f, result, 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, out, in, 1.0f, x, in, weights, in,
                  1.0f, result, out);
    }
    if (!last) {
      const std::span<float> block(result, static_cast<std::size_t>(rows) * out);
      shape_.activation == Activation::kTanh ? kernels::tanh(block) : kernels::relu(block);
    }
    x = result;
    weights = bias.data() + out;
  }
}

void DenseNet::backward(std::span<const float> parameters, const float* x, const float* dy,
                        int rows, std::span<float> gradients, float* dx, Tape& tape) const {
  auto& t = static_cast<DenseTape&>(tape);
  std::size_t offset = parameters.size();
  for (int layer = shape_.layers() - 1; layer >= 0; --layer) {
    const int in = shape_.layer_inputs(layer);
    const int out = shape_.layer_outputs(layer);
    const std::size_t weight_count = static_cast<std::size_t>(in) * out;
    offset -= weight_count + out;
    const float* const weights = parameters.data() + offset;
    const float* const input = layer == 0 ? x : t.activations[layer - 1].data();

    kernels::add_column_sums(dy, rows, gradients.subspan(offset + weight_count, out));
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, rows, 1.0f, dy, out, input, in,
                1.0f, gradients.data() + offset, in);

    float* const below = layer == 0 ? dx : t.below.data();
    if (below == nullptr) return;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, in, out, 1.0f, dy, out, weights,
                in, 0.0f, below, in);
    if (layer == 0) return;
    const std::size_t count = static_cast<std::size_t>(rows) * in;
    const std::span<const float> activation(input, count);
    const std::span<float> gradient(below, count);
    if (shape_.activation == Activation::kTanh) {
      kernels::tanh_gradient(activation, gradient);
    } else {
      kernels::relu_gradient(activation, gradient);
    }
    std::swap(t.gradient, t.below);
    dy = t.gradient.data();
  }
}

}  // namespace costate
