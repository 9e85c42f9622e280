#include "policies/normals.h"

#include <cmath>
#include <numbers>

namespace costate {
namespace {

constexpr float kHalfLog2Pi = 0.91893853320467274178f;

}  // namespace

double normal_density(double x) {
  return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

// μ·P(inside) + σ·(φ(low) − φ(high)) + P(above) − P(below), with the edges of the box in standard
// deviations from the mean.
double clipped_normal_mean(double mean, double std) {
  const double low = (-1.0 - mean) / std;
  const double high = (1.0 - mean) / std;
  const double below = normal_cdf(low);
  const double above = normal_cdf(-high);
  return mean * (1.0 - below - above) + std * (normal_density(low) - normal_density(high)) + above -
         below;
}

std::vector<std::string> Normals::parameter_names() const {
  std::vector<std::string> names;
  for (const char* kind : {"mean[", "log_std["}) {
    for (int d = 0; d < d_; ++d) names.push_back(kind + std::to_string(d) + "]");
  }
  return names;
}

void Normals::sample(std::span<const float> parameters, RandomStream& random,
                     std::span<float> action) const {
  for (int d = 0; d < d_; ++d) {
    action[d] = static_cast<float>(parameters[d] + std_of(parameters, d) * random.normal());
  }
}

void Normals::sample_rows(std::span<const float> parameters, RandomStream& random,
                          std::span<float> actions) const {
  const auto d = static_cast<std::size_t>(d_);
  for_blocks(actions.size(), [&](std::size_t first, std::size_t count) {
    Block std;
    for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
      std[k] = bounded(parameters[2 * d * row + d + i]);
    });
    kernels::exp(std::span(std).first(count));
    kernels::normals(random, actions.subspan(first, count));
    for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
      float& action = actions[first + k];
      action = parameters[2 * d * row + i] + std[k] * action;
    });
  });
}

void Normals::mode(std::span<const float> parameters, std::span<float> action) const {
  std::copy_n(parameters.begin(), d_, action.begin());
}

// log N(a; μ, σ) = −z²/2 − log σ − log √(2π), z = (a − μ)/σ.
void Normals::log_prob(std::span<const float> parameters, std::span<const float> actions,
                       std::span<float> out) const {
  for_each_entry(parameters, [&](std::size_t k, std::size_t at, float inverse_std, std::size_t) {
    const float z = (actions[k] - parameters[at]) * inverse_std;
    out[k] = -0.5f * z * z - bounded(parameters[at + d_]) - kHalfLog2Pi;
  });
}

// ∂/∂μ = z/σ, ∂/∂log σ = z² − 1.
void Normals::log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                                std::span<const float> weights, std::span<float> gradient) const {
  for_each_entry(parameters,
                 [&](std::size_t k, std::size_t at, float inverse_std, std::size_t row) {
                   const float z = (actions[k] - parameters[at]) * inverse_std;
                   gradient[at] += weights[row] * z * inverse_std;
                   gradient[at + d_] += weights[row] * (z * z - 1.0f) * passes(parameters[at + d_]);
                 });
}

// H = log σ + ½ + log √(2π).
void Normals::entropy(std::span<const float> parameters, std::span<float> out) const {
  for_entries(0, out.size(), d_, [&](std::size_t k, std::size_t row, std::size_t i) {
    out[k] = bounded(parameters[2 * d_ * row + d_ + i]) + 0.5f + kHalfLog2Pi;
  });
}

void Normals::entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                               std::span<float> gradient) const {
  for_entries(0, parameters.size() / 2, d_, [&](std::size_t, std::size_t row, std::size_t i) {
    const std::size_t at = 2 * d_ * row + d_ + i;
    gradient[at] += weights[row] * passes(parameters[at]);
  });
}

// KL = log σ_q/σ_p + (r² + δ² − 1)/2, with r = σ_p/σ_q and δ = (μ_p − μ_q)/σ_q.
void Normals::kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const {
  for_each_pair(
      p, q, [&](std::size_t k, std::size_t at, float inverse_std, float excess, std::size_t) {
        const float delta = (p[at] - q[at]) * inverse_std;
        out[k] = 0.5f * (excess + delta * delta) - (bounded(p[at + d_]) - bounded(q[at + d_]));
      });
}

// ∂μ_p = δ/σ_q = −∂μ_q, ∂log σ_p = r² − 1, ∂log σ_q = 1 − r² − δ².
void Normals::kl_gradient(std::span<const float> p, std::span<const float> q,
                          std::span<const float> weights, std::span<float> gradient_p,
                          std::span<float> gradient_q) const {
  for_each_pair(
      p, q, [&](std::size_t, std::size_t at, float inverse_std, float excess, std::size_t row) {
        const float delta = (p[at] - q[at]) * inverse_std;
        if (!gradient_p.empty()) {
          gradient_p[at] += weights[row] * delta * inverse_std;
          gradient_p[at + d_] += weights[row] * excess * passes(p[at + d_]);
        }
        if (!gradient_q.empty()) {
          gradient_q[at] -= weights[row] * delta * inverse_std;
          gradient_q[at + d_] -= weights[row] * (excess + delta * delta) * passes(q[at + d_]);
        }
      });
}

bool Normals::has(Estimator estimator) const {
  return estimator == Estimator::kPathwise || estimator == Estimator::kScore;
}

bool Normals::natural(std::span<const float> parameters, std::span<float> out) const {
  for_each_entry(parameters, [&](std::size_t, std::size_t at, float inverse_std, std::size_t) {
    const float precision = inverse_std * inverse_std;
    out[at] = parameters[at] * precision;
    out[at + d_] = -0.5f * precision;
  });
  return true;
}

bool Normals::from_natural(std::span<const float> natural, std::span<float> parameters) const {
  bool valid = true;
  for_entries(0, natural.size() / 2, d_, [&](std::size_t, std::size_t row, std::size_t i) {
    const std::size_t at = 2 * d_ * row + i;
    const float precision = -2.0f * natural[at + d_];
    valid = valid && precision > 0.0f;
    parameters[at] = natural[at] / precision;
    parameters[at + d_] = -0.5f * std::log(precision);
  });
  return valid;
}

}  // namespace costate
