// Independent normals: what a Gaussian and everything that is a function of one have in common.
//
// P = 2D, row (mean[0…D), log_std[0…D)). Where a log standard deviation lies outside of the bounds
// given to the constructor, the nearer bound is used and its gradient is zero.
#pragma once

#include <algorithm>

#include "backends/dense/kernels.h"
#include "policies/blocks.h"
#include "policies/distribution.h"

namespace costate {

/// The standard normal's density φ(x) and its integral Φ(x).
double normal_density(double x);
double normal_cdf(double x);
/// E[clip(x, −1, 1)] of a normal x.
double clipped_normal_mean(double mean, double std);

class Normals : public Distribution {
 public:
  int dimensions() const override { return d_; }
  int action_size() const override { return d_; }
  int parameter_size() const override { return 2 * d_; }
  int shareable_parameters() const override { return d_; }
  Support support() const override { return Support::kBox; }
  std::vector<std::string> parameter_names() const override;

  void sample(std::span<const float> parameters, RandomStream& random,
              std::span<float> action) const override;
  void sample_rows(std::span<const float> parameters, RandomStream& random,
                   std::span<float> actions) const override;
  void mode(std::span<const float> parameters, std::span<float> action) const override;

  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override;
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override;
  void entropy(std::span<const float> parameters, std::span<float> out) const override;
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override;
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override;
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override;

  bool has(Estimator estimator) const override;

  /// (μ/σ², −1/(2σ²)) of each dimension, means first.
  bool natural(std::span<const float> parameters, std::span<float> out) const override;
  bool from_natural(std::span<const float> natural, std::span<float> parameters) const override;

 protected:
  Normals(int dimensions, float log_std_low, float log_std_high)
      : d_(dimensions), low_(log_std_low), high_(log_std_high) {}

  float bounded(float log_std) const { return std::clamp(log_std, low_, high_); }
  /// Whether the gradient passes: 1 within the bounds, else 0.
  float passes(float log_std) const { return log_std >= low_ && log_std <= high_ ? 1.0f : 0.0f; }
  double std_of(std::span<const float> row, int d) const {
    return std::exp(static_cast<double>(bounded(row[d_ + d])));
  }

  /// Calls f(entry of [n, D], where its mean stands in `parameters`, 1/σ, row).
  template <class F>
  void for_each_entry(std::span<const float> parameters, F f) const {
    const auto d = static_cast<std::size_t>(d_);
    for_blocks(parameters.size() / 2, [&](std::size_t first, std::size_t count) {
      Block inverse_std;
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        inverse_std[k] = -bounded(parameters[2 * d * row + d + i]);
      });
      kernels::exp(std::span(inverse_std).first(count));
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        f(first + k, 2 * d * row + i, inverse_std[k], row);
      });
    });
  }

  int d_;
  float low_;
  float high_;

 private:
  // Calls f(entry, where its mean stands, 1/σ_q, r² − 1, row) with r = σ_p/σ_q; the last but one
  // without cancellation where the two nearly agree.
  template <class F>
  void for_each_pair(std::span<const float> p, std::span<const float> q, F f) const {
    const auto d = static_cast<std::size_t>(d_);
    for_blocks(p.size() / 2, [&](std::size_t first, std::size_t count) {
      Block inverse_std;
      Block excess;
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        const std::size_t at = 2 * d * row + d + i;
        inverse_std[k] = -bounded(q[at]);
        excess[k] = 2.0f * (bounded(p[at]) - bounded(q[at]));
      });
      kernels::exp(std::span(inverse_std).first(count));
      kernels::expm1(std::span(excess).first(count));
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        f(first + k, 2 * d * row + i, inverse_std[k], excess[k], row);
      });
    });
  }
};

}  // namespace costate
