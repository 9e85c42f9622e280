// Multi-layer perceptrons: their shape, the layout of their parameters and how they start.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/network.h"
#include "envs/random.h"

namespace costate {

enum class Activation { kTanh, kRelu };

/// "tanh" or "relu"; throws UsageError for another name.
Activation activation_from(const std::string& name);

/// y = W_L φ(… φ(W_1 x + b_1) …) + b_L. The flat parameter block holds, layer by layer, W
/// [out, in] row-major and then b [out].
struct MlpShape {
  int inputs = 0;
  std::vector<int> hidden;
  int outputs = 0;
  Activation activation = Activation::kTanh;

  int layers() const { return static_cast<int>(hidden.size()) + 1; }
  int layer_inputs(int layer) const { return layer == 0 ? inputs : hidden[layer - 1]; }
  int layer_outputs(int layer) const { return layer + 1 == layers() ? outputs : hidden[layer]; }
  std::size_t parameter_count() const;
};

/// Orthogonal weights (Saxe et al. 2014: the QR decomposition of a Gaussian matrix, signs made
/// unique) times a gain, zero biases. Hidden layers get the gain √2, usual for PPO ("The 37
/// Implementation Details of PPO", 2022); row i of the output layer gets output_gains[i], rows of
/// one gain forming one orthogonal matrix, so that several heads can share a last layer.
void initialise_orthogonal(const MlpShape& shape, std::span<const float> output_gains,
                           RandomStream& random, std::span<float> parameters);

/// "dense": DenseNet. "torch": the same perceptron as a LibTorch module. Throws UsageError for
/// another kind.
std::unique_ptr<Network> make_mlp(const MlpShape& shape, const std::string& kind);

}  // namespace costate
