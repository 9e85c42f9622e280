// The shape of a policy: families of action distributions on plain float blocks.
//
// A Distribution is a description (a family and its dimensions), not a set of parameters: those
// come in as a block [n, P], one row a state. Boxes of actions are normalised to [−1, 1]^D here;
// the map to an environment's own bounds is ActionMap's. Each of the D dimensions is independent
// given the state, so quantities come per dimension [n, D] and a joint value is the sum of its row.
//
// Gradients are analytic and *added* to the block they are given, scaled by a weight per row, since
// every objective of the suite is a weighted sum of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/random.h"
#include "envs/spec.h"

namespace costate {

class Distribution {
 public:
  /// Where executed actions can lie.
  enum class Support {
    kBox,       ///< anywhere in [−1, 1]^D
    kExtremes,  ///< {−1, 1}^D
    kFinite     ///< one of K indices
  };

  virtual ~Distribution() = default;

  virtual std::string_view name() const = 0;
  virtual Support support() const = 0;
  /// D: independent dimensions.
  virtual int dimensions() const = 0;
  /// Numbers in an action row.
  virtual int action_size() const = 0;
  /// P: numbers in a parameter row.
  virtual int parameter_size() const = 0;
  /// Names of the P parameters, such as "mean[0]".
  virtual std::vector<std::string> parameter_names() const = 0;

  /// Draws one action row from one parameter row.
  virtual void sample(std::span<const float> parameters, RandomStream& random,
                      std::span<float> action) const = 0;
  /// The most probable action, one row.
  virtual void mode(std::span<const float> parameters, std::span<float> action) const = 0;
  /// What a sampled action row becomes when it is carried out: a box family clips to [−1, 1].
  virtual void execute(std::span<float> action) const;

  /// log π(action) of actions as sampled (before `execute`), per dimension: [n, D].
  virtual void log_prob(std::span<const float> parameters, std::span<const float> actions,
                        std::span<float> out) const = 0;
  /// gradient [n, P] += weights[i]·∇log π(action_i), of the joint log-probability.
  virtual void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                                 std::span<const float> weights,
                                 std::span<float> gradient) const = 0;

  /// Entropy of the sampled action in nats (differential, for a density), per dimension: [n, D].
  virtual void entropy(std::span<const float> parameters, std::span<float> out) const = 0;
  /// gradient [n, P] += weights[i]·∇H.
  virtual void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                                std::span<float> gradient) const = 0;

  /// KL(p‖q) in nats between two members of this family, closed form, per dimension: [n, D].
  virtual void kl(std::span<const float> p, std::span<const float> q,
                  std::span<float> out) const = 0;
  /// gradient_p [n, P] += weights[i]·∇_p KL(p‖q) and gradient_q likewise; either may be empty.
  virtual void kl_gradient(std::span<const float> p, std::span<const float> q,
                           std::span<const float> weights, std::span<float> gradient_p,
                           std::span<float> gradient_q) const = 0;

  /// F(x) = P(executed action ≤ x) of each dimension [D], for one parameter row; for a finite
  /// support, of the index. Families of different shapes are compared through it.
  virtual void cdf(std::span<const float> parameters, double x, std::span<double> out) const = 0;

  /// P(|executed action| ≥ 1 − ε), the mass that acts at the edge of the box, of each dimension [D]
  /// for one parameter row. Not defined for a finite support, where it is NaN.
  void boundary_mass(std::span<const float> parameters, double epsilon,
                     std::span<double> out) const;

  /// Sums per-dimension values [n, D] to joint ones [n].
  void joint(std::span<const float> per_dimension, std::span<float> out) const;
};

/// Independent normals: P = 2D, row (mean[0…D), log_std[0…D)). The sample is kept as drawn and
/// clipped to the box only when executed, so log π belongs to the unclipped sample.
std::unique_ptr<Distribution> make_gaussian(int dimensions);

/// Bang-bang control (Seyde et al., "Is Bang-Bang Control All You Need?", NeurIPS 2021): every
/// dimension is at +1 with probability σ(logit), else at −1; P = D.
std::unique_ptr<Distribution> make_bernoulli(int dimensions);

/// One of K actions with probabilities softmax(logits); P = K, D = 1, the action is its index.
std::unique_ptr<Distribution> make_categorical(int actions);

/// The names that make_distribution knows.
const std::vector<std::string>& distribution_names();

/// The family `name` for an action space; "auto" takes categorical for discrete actions and
/// gaussian for boxes. Throws UsageError where the two do not fit, such as bernoulli on an
/// unbounded box.
std::unique_ptr<Distribution> make_distribution(const std::string& name, const Space& action);

}  // namespace costate
