// A policy and, for learners that want one, its value function: perceptrons below, an action
// distribution and a value on top.
//
// Like a Network, an ActorCritic holds no parameters; they come in as one flat block, laid out as
// [actor (with the value as one more output where the trunk is shared), critic (separate trunk
// only), log_std (where the distribution can share it between states, and state_dependent_std is
// off)]. Up to 15 zeros before the critic let it begin on a cache line where the block does.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/mlp.h"
#include "backends/network.h"
#include "envs/options.h"
#include "envs/spec.h"
#include "policies/action_map.h"
#include "policies/distribution.h"

namespace costate {

struct PolicyConfig {
  std::string head = "auto";
  std::vector<std::int64_t> hidden = {64, 64};
  std::string activation = "tanh";
  std::string trunk = "separate";
  std::string network = "auto";
  std::string precision = "float32";
  bool layer_norm = false;
  double log_std = 0.0;
  bool state_dependent_std = false;
  DistributionOptions distribution;
  bool value = true;  ///< whether there is a value function: decided by the learner, no key

  void describe(Options& options);
};

/// The family that `config` names. For a box, "auto" is squashed where there is no value function:
/// such a learner goes by Q(s, a), which is to know what is executed.
std::unique_ptr<Distribution> make_distribution(const PolicyConfig& config, const Space& action);

class ActorCritic {
 public:
  /// Scratch memory of one thread's passes. Made by make_workspace.
  struct Workspace {
    std::unique_ptr<Tape> actor;
    std::unique_ptr<Tape> critic;  // null where the trunk is shared
    std::vector<float> outputs;    // [rows, actor outputs]
    std::vector<float> d_outputs;  // [rows, actor outputs]
  };

  ActorCritic(const PolicyConfig& config, const EnvSpec& spec);

  const Distribution& distribution() const { return *distribution_; }
  const ActionMap& action_map() const { return action_map_; }
  /// Who computes the networks: "dense" or "torch".
  std::string_view network_kind() const { return actor_->kind(); }
  /// Of the actor and, where the trunk is separate, of the critic.
  std::vector<MlpShape> network_shapes() const;
  int observation_size() const { return actor_->inputs(); }
  std::size_t parameter_count() const { return parameter_count_; }

  /// Orthogonal initialisation: gain √2 below, 0.01 for the distribution (so that it starts almost
  /// uniform over states) and 1 for the value.
  std::vector<float> initial_parameters(std::uint64_t seed) const;

  /// For passes of up to `max_rows` rows; without `gradients`, `backward` must not be called.
  std::unique_ptr<Workspace> make_workspace(int max_rows, bool gradients) const;

  bool has_value() const { return has_value_; }

  /// Distribution parameters [rows, P] of observations [rows, obs].
  void policy(std::span<const float> parameters, const float* observations, int rows,
              float* distribution, Workspace& workspace) const;
  /// Values [rows] of observations [rows, obs].
  void value(std::span<const float> parameters, const float* observations, int rows, float* values,
             Workspace& workspace) const;
  /// Both at once, remembering what `backward` needs.
  void forward(std::span<const float> parameters, const float* observations, int rows,
               float* distribution, float* values, Workspace& workspace) const;
  /// After `forward` or, without a value, `policy` of the same rows: adds to `gradients`
  /// [parameter_count] what dL/ddistribution [rows, P] and dL/dvalues [rows] imply.
  void backward(std::span<const float> parameters, const float* observations, int rows,
                const float* d_distribution, const float* d_values, std::span<float> gradients,
                Workspace& workspace) const;

 private:
  /// The parts of a parameter block, or of its gradients.
  template <class T>
  std::span<T> actor_part(std::span<T> block) const {
    return block.first(actor_->parameter_count());
  }
  template <class T>
  std::span<T> critic_part(std::span<T> block) const {
    return block.subspan(critic_start_, critic_->parameter_count());
  }

  std::unique_ptr<Distribution> distribution_;
  ActionMap action_map_;
  std::unique_ptr<Network> actor_;
  std::unique_ptr<Network> critic_;  // null where the trunk is shared, or there is no value
  MlpShape actor_shape_;
  MlpShape critic_shape_;  // where there is a critic
  int network_outputs_;    // how many of the P distribution parameters the network gives
  int free_parameters_;    // the rest: Distribution::shareable_parameters, the log_std
  double initial_log_std_;
  std::size_t critic_start_ = 0;
  std::size_t parameter_count_;
  bool has_value_;
};

}  // namespace costate
