// How far two distributions of executed actions are apart, one dimension at a time.
//
// An executed action of one dimension is a number with a distribution on the line that may have
// atoms (a bang-bang policy's bounds, the mass that a Gaussian clips to a bound) and a density. All
// of the divergences here are of that distribution, so that families of different shapes can be
// compared. Sums over atoms are exact; integrals are composite Gauss-Legendre rules on panels that
// follow the scales of both densities and are cut where the integrand changes its sign: within 1e-6
// of the integral, relative or absolute, whichever is larger.
#pragma once

#include <span>
#include <vector>

#include "policies/distribution.h"

namespace costate {

/// The distribution of one dimension of the executed action, normalised to [−1, 1]; of the index
/// for discrete actions.
class ActionMarginal {
 public:
  /// Dimension `d` of the parameter row of a distribution. May be called again and again.
  void assign(const Distribution& distribution, std::span<const float> row, std::size_t d);

  /// Where a single point has probability, in rising order, and its logarithm for each.
  std::span<const double> atoms() const { return atoms_; }
  std::span<const double> log_masses() const { return log_masses_; }
  /// Of the atom at x; −∞ where there is none.
  double log_mass(double x) const;
  bool has_density() const { return !components_.empty(); }
  /// At −1 < x < 1; −∞ without a density.
  double log_density(double x) const;
  /// P(action ≤ x) for an x that is no atom.
  double cdf(double x) const;
  /// Points between which the density is smooth, appended.
  void add_breakpoints(std::vector<double>& points) const;

 private:
  struct Normal {
    double log_weight;
    double mean;
    double std;
  };

  std::vector<double> atoms_;
  std::vector<double> log_masses_;
  std::vector<Normal> components_;  ///< of the sample before it is executed
  bool squashed_ = false;           ///< executed by tanh, else clipped
};

struct Divergence {
  /// In nats; infinite where one has probability that the other has not.
  double kl_pq = 0.0;
  double kl_qp = 0.0;
  /// Jensen and Shannon's, in nats, 0 … log 2: (KL(p‖m) + KL(q‖m))/2 with m = (p + q)/2.
  double js = 0.0;
  double total_variation = 0.0;  ///< 0 … 1: half of ∫|p − q|
  double wasserstein = 0.0;      ///< Wasserstein-1: ∫|F − G|
  /// Energy distance (Székely and Rizzo, 2013): 2 E|X − Y| − E|X − X'| − E|Y − Y'| = 2 ∫(F − G)².
  double energy = 0.0;
};

/// Between p and q. For discrete actions, any two of which are as far apart, the Wasserstein
/// distance is the total variation and the energy distance Σ (p − q)².
Divergence divergence(const ActionMarginal& p, const ActionMarginal& q, bool discrete = false);

}  // namespace costate
