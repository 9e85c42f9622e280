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

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/options.h"
#include "envs/random.h"
#include "envs/spec.h"

namespace costate {

/// How the gradient of E[f(executed action)] with respect to the parameters is estimated from a
/// sample (Mohamed et al., "Monte Carlo Gradient Estimation in Machine Learning", JMLR 2020).
enum class Estimator {
  kPathwise,         ///< df/da · ∂a/∂parameters along the path of the sample
  kStraightThrough,  ///< df/da at the sample, taken as if the sample were the mean; biased
  kGumbel,           ///< df/da at the sample, through its relaxation at a temperature; biased
  kLocal,            ///< f with one dimension at each of its values, the others as sampled
  kEnum,             ///< the exact sum over all actions
  kScore             ///< f · ∇log π
};
/// "pathwise", "straight-through", "gumbel", "local", "enum", "score".
const std::vector<std::string>& estimator_names();
std::string_view estimator_name(Estimator estimator);

class Distribution {
 public:
  /// Where executed actions can lie.
  enum class Support {
    kBox,       ///< anywhere in [−1, 1]^D
    kExtremes,  ///< {−1, 1}^D
    kBins,      ///< bins()^D
    kFinite     ///< one of K indices
  };

  /// Of the joint entropy; infinite where there is no bound.
  struct EntropyRange {
    double low;
    double high;
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
  /// How many of the P, at the end of a row, may be the same in every state (a Gaussian's log
  /// standard deviations); the others a network has to give.
  virtual int shareable_parameters() const { return 0; }
  /// Names of the P parameters, such as "mean[0]".
  virtual std::vector<std::string> parameter_names() const = 0;

  // ---- actions

  /// Draws one action row from one parameter row.
  virtual void sample(std::span<const float> parameters, RandomStream& random,
                      std::span<float> action) const = 0;
  /// Draws an action row [n, A] from each parameter row [n, P], as `sample` would one after the
  /// other; the last bits may differ.
  virtual void sample_rows(std::span<const float> parameters, RandomStream& random,
                           std::span<float> actions) const;
  /// The raw action row that is the usual deterministic choice: the most probable one; for a
  /// squashed Gaussian that of the mean, which is executed as tanh(mean) and is the median, not the
  /// most probable executed action.
  virtual void mode(std::span<const float> parameters, std::span<float> action) const = 0;
  /// The mean of the executed action (not a raw one), one row; for a finite support the mode.
  virtual void mean(std::span<const float> parameters, std::span<float> action) const = 0;
  /// What sampled (raw) actions [n, A] become when they are carried out: a Gaussian clips to [−1,
  /// 1], a squashed one takes the hyperbolic tangent.
  virtual void execute(std::span<float> actions) const;
  /// Whether execute() clips, so that raw actions beyond the box are executed all alike.
  virtual bool clips() const { return false; }
  /// In place, an executed action row → a raw one that is executed as it: the inverse of execute()
  /// where there is one. For a squashed Gaussian to float precision of the executed action.
  virtual void to_raw(std::span<float> action) const;

  /// The values [K], −1 … 1, that each dimension of an executed action can take, in rising order;
  /// empty for a box, and for a finite support, whose K values are its indices 0 … K − 1.
  virtual std::span<const float> bins() const { return {}; }
  /// K: how many values a dimension can take; 0 for a box.
  virtual int values_per_dimension() const { return static_cast<int>(bins().size()); }
  static constexpr int kMaxEnumerated = 4096;
  /// All M = K^D actions [M, A], the last dimension changing fastest; empty for a box, and where
  /// there are more than kMaxEnumerated.
  std::vector<float> enumerate() const;
  /// The action row with dimension i at its other extreme, −a, in place (kExtremes and kBins).
  static void flip(std::span<float> action, int i) { action[static_cast<std::size_t>(i)] *= -1.0f; }

  // ---- log-probability

  /// log π of raw actions [n, A], per dimension: [n, D]. For a squashed Gaussian it is the density
  /// of the executed action.
  virtual void log_prob(std::span<const float> parameters, std::span<const float> actions,
                        std::span<float> out) const = 0;
  /// gradient [n, P] += weights[i]·∇log π(action_i), of the joint log-probability.
  virtual void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                                 std::span<const float> weights,
                                 std::span<float> gradient) const = 0;

  // ---- entropy and divergence

  /// Entropy in nats of what log_prob is the logarithm of (differential, for a density), per
  /// dimension: [n, D].
  virtual void entropy(std::span<const float> parameters, std::span<float> out) const = 0;
  /// gradient [n, P] += weights[i]·∇H.
  virtual void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                                std::span<float> gradient) const = 0;
  /// What the joint entropy can be: a target outside is never reached.
  virtual EntropyRange entropy_range() const = 0;

  /// KL(p‖q) in nats between two members of this family, per dimension: [n, D]. In closed form,
  /// where a family's declaration does not say otherwise.
  virtual void kl(std::span<const float> p, std::span<const float> q,
                  std::span<float> out) const = 0;
  /// gradient_p [n, P] += weights[i]·∇_p KL(p‖q) and gradient_q likewise; either may be empty.
  virtual void kl_gradient(std::span<const float> p, std::span<const float> q,
                           std::span<const float> weights, std::span<float> gradient_p,
                           std::span<float> gradient_q) const = 0;

  // ---- gradients through samples: each adds to gradient [n, P]

  /// Whether the family has this estimator; the function of one that it has not must not be called.
  /// kScore needs log_prob_gradient only, kEnum that and enumerate().
  virtual bool has(Estimator estimator) const = 0;
  /// kPathwise: gradient += d_executed [n, A]·∂a/∂parameters + weights[i]·d log π(a)/dparameters,
  /// both along the path that a raw sample takes as the parameters change (its noise held fixed).
  /// log π is the joint one. `d_raw` [n, A], where it is not empty, is the slope of what depends on
  /// the raw action itself, and goes the same way.
  virtual void pathwise_gradient(std::span<const float> parameters, std::span<const float> actions,
                                 std::span<const float> d_executed, std::span<const float> d_raw,
                                 std::span<const float> weights, std::span<float> gradient) const;
  /// kStraightThrough: gradient += d_mean [n, A]·∂mean/∂parameters.
  virtual void mean_gradient(std::span<const float> parameters, std::span<const float> d_mean,
                             std::span<float> gradient) const;
  /// kGumbel: gradient += d_executed [n, A]·∂(relaxed action)/∂parameters, the relaxation's noise
  /// drawn given the actions [n, A] and then held fixed.
  virtual void gumbel_gradient(std::span<const float> parameters, std::span<const float> actions,
                               std::span<const float> d_executed, double temperature,
                               RandomStream& random, std::span<float> gradient) const;
  /// kLocal: gradient += ∇ Σ_d Σ_k P(dimension d takes its value k)·values[i, d, k], for values
  /// [n, D, K] of which values[i, d, k] is f(action i with dimension d at its value k).
  virtual void expectation_gradient(std::span<const float> parameters,
                                    std::span<const float> values, std::span<float> gradient) const;

  // ---- natural parameters

  /// Natural parameters [n, P] of rows [n, P]: those z in which log π is ⟨z, T(action)⟩ − A(z) plus
  /// what does not depend on them (exponential families). Others have none and return false.
  virtual bool natural(std::span<const float> parameters, std::span<float> out) const;
  /// The inverse. False also where a row is no natural parameter (a Gaussian's second must be
  /// negative); `parameters` then holds nothing of use.
  virtual bool from_natural(std::span<const float> natural, std::span<float> parameters) const;

  // ---- what families of different shapes are compared through

  /// F(x) = P(executed action ≤ x) of each dimension [D], for one parameter row; for a finite
  /// support, of the index.
  virtual void cdf(std::span<const float> parameters, double x, std::span<double> out) const = 0;

  /// P(|executed action| ≥ 1 − ε), the mass that acts at the edge of the box, of each dimension [D]
  /// for one parameter row. Not defined for a finite support, where it is NaN.
  void boundary_mass(std::span<const float> parameters, double epsilon,
                     std::span<double> out) const;

  /// Sums per-dimension values [n, D] to joint ones [n].
  void joint(std::span<const float> per_dimension, std::span<float> out) const;

 protected:
  /// Whether enumerate() gives the actions.
  bool enumerable() const;
};

/// Independent normals: P = 2D, row (mean[0…D), log_std[0…D)). The sample is kept as drawn and
/// clipped to the box only when executed, so log π belongs to the unclipped sample.
std::unique_ptr<Distribution> make_gaussian(int dimensions);

/// tanh of independent normals (Haarnoja et al., "Soft Actor-Critic", ICML 2018): parameters as for
/// a Gaussian, log_std held within [−20, 2] with no gradient outside. The raw action is the normal
/// sample u, executed as tanh(u). Entropy, its gradient and the mean are the trapezoidal rule on 41
/// nodes: within 1e-5 up to log_std = 1 and 1e-2 at log_std = 2. KL is that of the normals, as tanh
/// is invertible.
std::unique_ptr<Distribution> make_squashed_gaussian(int dimensions);

/// Bang-bang control (Seyde et al., "Is Bang-Bang Control All You Need?", NeurIPS 2021): every
/// dimension is at +1 with probability σ(logit), else at −1; P = D.
std::unique_ptr<Distribution> make_bernoulli(int dimensions);

/// One of K actions with probabilities softmax(logits); P = K, D = 1, the action is its index.
std::unique_ptr<Distribution> make_categorical(int actions);

/// One of K values a dimension, evenly spaced over [−1, 1], with probabilities softmax(logits); P =
/// D·K, row [D, K]. K from 2 to 101. The action row holds the values themselves.
std::unique_ptr<Distribution> make_bins(int dimensions, int values);

/// Bang-off-bang control: make_bins with the values −1, 0 and 1.
std::unique_ptr<Distribution> make_ternary(int dimensions);

/// A mixture of C normals in each dimension, C from 1 to 16, clipped when executed as a Gaussian
/// is; P = 3·D·C, row (logit[D, C], mean[D, C], log_std[D, C]). The mode is that of the components'
/// means at which the density is largest. Entropy and KL have no closed form: they and their
/// gradients are one composite Gauss-Legendre rule (8 nodes between every two of the points μ ± 1,
/// 3, 7 σ of all components), within 1e-4 of the integral (a KL above 1: within 1e-4 of its value).
/// Pathwise gradients hold the sample's quantile fixed; those of the logits vary much where
/// components hardly overlap.
std::unique_ptr<Distribution> make_mixture(int dimensions, int components);

/// What a user can choose about a family.
struct DistributionOptions {
  std::int64_t bins = 5;
  std::int64_t components = 3;

  void describe(Options& options);
};

/// "auto", and the families that make_distribution knows.
const std::vector<std::string>& distribution_names();

/// The family `name` for an action space; "auto" takes categorical for discrete actions and
/// gaussian for boxes. Throws UsageError where the two do not fit, such as bernoulli on an
/// unbounded box.
std::unique_ptr<Distribution> make_distribution(const std::string& name, const Space& action,
                                                const DistributionOptions& options = {});

}  // namespace costate
