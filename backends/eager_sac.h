// SAC as users of LibTorch write it: modules, autograd and LibTorch's own optimisers, eagerly. It
// is what `bench` measures our SAC against, and no part of a run. It computes what agents/sac.h
// does with a squashed Gaussian, pathwise gradients and two critics.
#pragma once

#include <span>
#include <vector>

namespace costate {

struct EagerSacConfig {
  int observations = 0;     ///< numbers in an observation
  int actions = 0;          ///< numbers in an action
  std::vector<int> hidden;  ///< layers of actor and critics, each with a ReLU behind it
  double gamma = 0.99;
  double tau = 0.005;
  double learning_rate = 3e-4;  ///< of the actor
  double critic_learning_rate = 3e-4;
  double temperature = 1.0;
  double temperature_learning_rate = 3e-4;  ///< of its logarithm
};

class EagerSac {
 public:
  /// Blocks of as many rows as there are rewards; `terminal` is 1 where no state follows, else 0.
  struct Minibatch {
    std::span<const float> observations;
    std::span<const float> actions;  ///< executed ones, in [−1, 1]
    std::span<const float> rewards;
    std::span<const float> next_observations;
    std::span<const float> terminal;
  };
  struct Losses {
    float critic;  ///< Σ_j mean (Q_j − y)²
    float actor;   ///< mean (α log π − min_j Q_j)
  };

  virtual ~EagerSac() = default;

  /// Draws an executed action for one observation.
  virtual void act(std::span<const float> observation, std::span<float> action) = 0;
  /// One gradient step of critics, actor and temperature, and of the targets towards the critics.
  /// Returns the losses from before it.
  virtual Losses update(const Minibatch& batch) = 0;

  /// Takes the weights and biases of the actor (whose outputs are the means, then the logarithms of
  /// the deviations) and of both critics, laid out as MlpShape says; the targets begin at the
  /// critics.
  virtual void set_parameters(std::span<const float> actor, std::span<const float> first_critic,
                              std::span<const float> second_critic) = 0;
};

}  // namespace costate
