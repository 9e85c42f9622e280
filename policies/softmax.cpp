#include "policies/softmax.h"

#include <numeric>

#include "backends/dense/vector_math.h"

namespace costate {
namespace {

float log_sum_exp(std::span<const float> row) {
  const float top = *std::ranges::max_element(row);
  float sum = 0.0f;
  for (const float x : row) sum += vector_math::exp(x - top);
  return top + vector_math::log(sum);
}

float row_entropy(const float* log_p, const float* p, int values) {
  float h = 0.0f;
  for (int k = 0; k < values; ++k) h -= p[k] * log_p[k];
  return h;
}

float row_kl(const float* log_p, const float* p, const float* log_q, int values) {
  float divergence = 0.0f;
  for (int k = 0; k < values; ++k) divergence += p[k] * (log_p[k] - log_q[k]);
  return divergence;
}

}  // namespace

// The first value whose cumulated probability passes a uniform draw.
void Softmax::sample(std::span<const float> parameters, RandomStream& random,
                     std::span<float> action) const {
  for (int d = 0; d < d_; ++d) {
    const auto row = parameters.subspan(d * k_, k_);
    const float z = log_sum_exp(row);
    double left = random.uniform();
    int k = 0;
    for (; k + 1 < k_; ++k) {
      left -= std::exp(static_cast<double>(row[k] - z));
      if (left < 0.0) break;
    }
    action[d] = values_[k];
  }
}

void Softmax::mode(std::span<const float> parameters, std::span<float> action) const {
  for (int d = 0; d < d_; ++d) {
    const auto row = parameters.subspan(d * k_, k_);
    action[d] = values_[std::ranges::max_element(row) - row.begin()];
  }
}

void Softmax::log_prob(std::span<const float> parameters, std::span<const float> actions,
                       std::span<float> out) const {
  for_each_row(parameters, [&](std::size_t r, const float* log_p, const float*) {
    out[r] = log_p[index(actions[r])];
  });
}

// ∂log π(a)/∂l_k = 1[k = a] − π_k.
void Softmax::log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                                std::span<const float> weights, std::span<float> gradient) const {
  for_each_row(parameters, [&](std::size_t r, const float*, const float* p) {
    const float weight = weights[r / d_];
    float* const g = gradient.data() + r * k_;
    for (int k = 0; k < k_; ++k) g[k] -= weight * p[k];
    g[index(actions[r])] += weight;
  });
}

// H = −Σ_k π_k·log π_k.
void Softmax::entropy(std::span<const float> parameters, std::span<float> out) const {
  for_each_row(parameters, [&](std::size_t r, const float* log_p, const float* p) {
    out[r] = row_entropy(log_p, p, k_);
  });
}

// ∂H/∂l_k = −π_k·(log π_k + H).
void Softmax::entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                               std::span<float> gradient) const {
  for_each_row(parameters, [&](std::size_t r, const float* log_p, const float* p) {
    const float h = row_entropy(log_p, p, k_);
    for (int k = 0; k < k_; ++k) gradient[r * k_ + k] -= weights[r / d_] * p[k] * (log_p[k] + h);
  });
}

Distribution::EntropyRange Softmax::entropy_range() const {
  return {0.0, d_ * std::log(k_)};
}

// KL = Σ_k p_k·(log p_k − log q_k).
void Softmax::kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const {
  for_each_pair(p, q,
                [&](std::size_t r, const float* log_p, const float* probability, const float* log_q,
                    const float*) { out[r] = row_kl(log_p, probability, log_q, k_); });
}

// ∂KL/∂l_k of p = p_k·(log p_k/q_k − KL), of q = q_k − p_k.
void Softmax::kl_gradient(std::span<const float> p, std::span<const float> q,
                          std::span<const float> weights, std::span<float> gradient_p,
                          std::span<float> gradient_q) const {
  for_each_pair(p, q,
                [&](std::size_t r, const float* log_p, const float* p_row, const float* log_q,
                    const float* q_row) {
                  const float weight = weights[r / d_];
                  const float divergence = row_kl(log_p, p_row, log_q, k_);
                  for (int k = 0; k < k_; ++k) {
                    if (!gradient_p.empty()) {
                      gradient_p[r * k_ + k] +=
                          weight * p_row[k] * (log_p[k] - log_q[k] - divergence);
                    }
                    if (!gradient_q.empty()) {
                      gradient_q[r * k_ + k] += weight * (q_row[k] - p_row[k]);
                    }
                  }
                });
}

bool Softmax::has(Estimator estimator) const {
  switch (estimator) {
    case Estimator::kLocal:
    case Estimator::kScore:
      return true;
    case Estimator::kEnum:
      return enumerable();
    default:
      return false;
  }
}

// ∂/∂l_k = π_k·(v_k − Σ_j π_j·v_j).
void Softmax::expectation_gradient(std::span<const float> parameters, std::span<const float> values,
                                   std::span<float> gradient) const {
  for_each_row(parameters, [&](std::size_t r, const float*, const float* p) {
    const float* const v = values.data() + r * k_;
    const float mean = std::inner_product(v, v + k_, p, 0.0f);
    for (int k = 0; k < k_; ++k) gradient[r * k_ + k] += p[k] * (v[k] - mean);
  });
}

bool Softmax::natural(std::span<const float> parameters, std::span<float> out) const {
  std::ranges::copy(parameters, out.begin());
  return true;
}

bool Softmax::from_natural(std::span<const float> natural, std::span<float> parameters) const {
  std::ranges::copy(natural, parameters.begin());
  return true;
}

void Softmax::cdf(std::span<const float> parameters, double x, std::span<double> out) const {
  for (int d = 0; d < d_; ++d) {
    const auto row = parameters.subspan(d * k_, k_);
    const float z = log_sum_exp(row);
    out[d] = 0.0;
    for (int k = 0; k < k_ && values_[k] <= x; ++k) {
      out[d] += std::exp(static_cast<double>(row[k] - z));
    }
  }
}

}  // namespace costate
