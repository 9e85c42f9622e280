// The seam at which gradients enter a network.
//
// A network maps a block of rows to a block of rows and, given dL/dy, returns dL/dparameters and
// dL/dx. Losses end at its outputs, so each loss is written once, whatever computes the network:
// the fused DenseNet or any LibTorch module behind TorchNet.
//
// A Network is stateless: parameters are passed in (one flat float block, so that an optimiser, a
// frozen copy or a checkpoint is a block of floats too) and what one pass remembers for its
// backward lives on a Tape. Several threads may run one Network at once, each with a tape of its
// own.
//
// All blocks are row-major.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace costate {

/// What `forward` leaves for `backward`: activations, or an autograd graph.
class Tape {
 public:
  virtual ~Tape() = default;
};

class Network {
 public:
  virtual ~Network() = default;

  /// Who computes it: "dense" or "torch".
  virtual std::string_view kind() const = 0;
  virtual int inputs() const = 0;
  virtual int outputs() const = 0;
  virtual std::size_t parameter_count() const = 0;

  /// A tape for passes of up to `max_rows` rows. Without `gradients`, only `forward` may use it.
  virtual std::unique_ptr<Tape> make_tape(int max_rows, bool gradients) const = 0;

  /// y [rows, outputs] = f(x [rows, inputs]).
  virtual void forward(std::span<const float> parameters, const float* x, int rows, float* y,
                       Tape& tape) const = 0;

  /// After a `forward` of the same rows on the same tape: adds dL/dparameters to `gradients`
  /// [parameter_count, or empty: they are not computed] and, where `dx` [rows, inputs] is not null,
  /// writes dL/dx.
  virtual void backward(std::span<const float> parameters, const float* x, const float* dy,
                        int rows, std::span<float> gradients, float* dx, Tape& tape) const = 0;
};

}  // namespace costate
