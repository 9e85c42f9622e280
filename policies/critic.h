// Q(s, a): an ensemble of perceptrons over an observation and an action, the action taken as a real
// vector, so that any head's actions fit and several can be tried in one call.
//
// Like a Network, a Critic holds no parameters: they come in as one flat block, network after
// network, each at the beginning of a cache line.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/mlp.h"
#include "backends/network.h"
#include "policies/actor_critic.h"
#include "policies/distribution.h"

namespace costate {

class Critic {
 public:
  /// Scratch memory of one thread's passes.
  using Workspace = std::vector<std::unique_ptr<Tape>>;

  /// `count` networks with the hidden layers of `config`, for the actions of `distribution`.
  Critic(const PolicyConfig& config, int observation_size, const Distribution& distribution,
         int count);

  int count() const { return count_; }
  /// Numbers of an input row: an observation, then an action.
  int inputs() const { return network_->inputs(); }
  std::size_t parameter_count() const { return stride_ * static_cast<std::size_t>(count_); }

  /// Orthogonal initialisation of gain √2 below and 1 for the value; each network differs.
  std::vector<float> initial_parameters(std::uint64_t seed) const;

  Workspace make_workspace(int max_rows, bool gradients) const;

  /// Writes the input row of an observation and an executed action: the action itself, or, of a
  /// finite support, a one where its index is and zeros elsewhere.
  void encode(std::span<const float> observation, std::span<const float> executed,
              float* input) const;

  /// q [rows] of network `k` for inputs [rows, inputs()].
  void forward(std::span<const float> parameters, int k, const float* inputs, int rows, float* q,
               Workspace& workspace) const;
  /// After a forward of the same rows: adds dL/dparameters of network k to its part of `gradients`
  /// (of parameter_count() numbers, or none: then they are not computed) and writes dL/dinputs
  /// where `d_inputs` is not null.
  void backward(std::span<const float> parameters, int k, const float* inputs, const float* dq,
                int rows, std::span<float> gradients, float* d_inputs, Workspace& workspace) const;

 private:
  std::span<const float> part(std::span<const float> parameters, int k) const {
    return parameters.subspan(stride_ * static_cast<std::size_t>(k), network_->parameter_count());
  }

  MlpShape shape_;
  std::unique_ptr<Network> network_;
  int count_;
  int observation_size_;
  bool one_hot_;
  std::size_t stride_;
};

}  // namespace costate
