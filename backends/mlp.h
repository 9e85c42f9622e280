// Multi-layer perceptrons: their shape, the layout of their parameters and how they start.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/network.h"
#include "envs/random.h"

namespace costate {

enum class Activation { kTanh, kRelu, kSilu, kElu, kGelu };

const std::vector<std::string>& activation_names();
/// One of the names above; throws UsageError for another.
Activation activation_from(const std::string& name);

/// y = φ(… φ(x·W₁ + b₁) …)·W_L + b_L, where each φ may have a layer normalisation before it. The
/// flat parameter block holds, layer by layer, W [in, out] row-major, b [out] and, for a normalised
/// hidden layer, gain [out] and shift [out].
struct MlpShape {
  int inputs = 0;
  std::vector<int> hidden;
  int outputs = 0;
  Activation activation = Activation::kTanh;
  bool layer_norm = false;

  bool operator==(const MlpShape&) const = default;
  int layers() const { return static_cast<int>(hidden.size()) + 1; }
  int layer_inputs(int layer) const { return layer == 0 ? inputs : hidden[layer - 1]; }
  int layer_outputs(int layer) const { return layer + 1 == layers() ? outputs : hidden[layer]; }
  /// Parameters of one layer.
  std::size_t layer_parameters(int layer) const;
  std::size_t parameter_count() const;
};

/// Orthogonal weights (Saxe et al. 2014: the QR decomposition of a Gaussian matrix, signs made
/// unique) times a gain, zero biases; normalisation starts at gain 1 and shift 0. Hidden layers get
/// the gain √2, usual for PPO ("The 37 Implementation Details of PPO", 2022); output i gets
/// output_gains[i], outputs of one gain forming one orthogonal matrix, so that several heads can
/// share a last layer.
void initialise_orthogonal(const MlpShape& shape, std::span<const float> output_gains,
                           RandomStream& random, std::span<float> parameters);

/// "dense": DenseNet. "torch": the same perceptron as a LibTorch module. "auto": dense where
/// DenseNet can compute the shape, which is every one but those with the activation gelu, else
/// torch. `precision`, "float32" or "bfloat16" (dense only), is that of the products in passes with
/// gradients. Throws UsageError for another kind or precision and where DenseNet is asked for what
/// it cannot compute.
std::unique_ptr<Network> make_mlp(const MlpShape& shape, const std::string& kind,
                                  const std::string& precision = "float32");

}  // namespace costate
