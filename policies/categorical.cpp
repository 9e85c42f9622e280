// One of K actions.
#include <algorithm>
#include <cmath>

#include "backends/dense/vector_math.h"
#include "policies/distribution.h"

namespace costate {
namespace {

class Categorical final : public Distribution {
 public:
  explicit Categorical(int actions) : k_(actions) {}

  std::string_view name() const override { return "categorical"; }
  Support support() const override { return Support::kFinite; }
  int dimensions() const override { return 1; }
  int action_size() const override { return 1; }
  int parameter_size() const override { return k_; }

  std::vector<std::string> parameter_names() const override {
    std::vector<std::string> names;
    for (int k = 0; k < k_; ++k) names.push_back("logit[" + std::to_string(k) + "]");
    return names;
  }

  // The first action whose cumulated probability passes a uniform draw.
  void sample(std::span<const float> parameters, RandomStream& random,
              std::span<float> action) const override {
    const float z = log_sum_exp(parameters.data());
    double left = random.uniform();
    int k = 0;
    for (; k + 1 < k_; ++k) {
      left -= std::exp(static_cast<double>(parameters[k] - z));
      if (left < 0.0) break;
    }
    action[0] = static_cast<float>(k);
  }

  void mode(std::span<const float> parameters, std::span<float> action) const override {
    action[0] = static_cast<float>(std::max_element(parameters.begin(), parameters.end()) -
                                   parameters.begin());
  }

  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const float* const row = parameters.data() + i * k_;
      out[i] = row[static_cast<int>(actions[i])] - log_sum_exp(row);
    }
  }

  // ∂log π(a)/∂l_k = 1[k = a] − π_k.
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const float* const row = parameters.data() + i * k_;
      float* const g = gradient.data() + i * k_;
      const float z = log_sum_exp(row);
      for (int k = 0; k < k_; ++k) g[k] -= weights[i] * vector_math::exp(row[k] - z);
      g[static_cast<int>(actions[i])] += weights[i];
    }
  }

  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = row_entropy(parameters.data() + i * k_);
  }

  // ∂H/∂l_k = −π_k·(log π_k + H).
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const float* const row = parameters.data() + i * k_;
      const float z = log_sum_exp(row);
      const float h = row_entropy(row);
      for (int k = 0; k < k_; ++k) {
        const float log_p = row[k] - z;
        gradient[i * k_ + k] -= weights[i] * vector_math::exp(log_p) * (log_p + h);
      }
    }
  }

  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = row_kl(p.data() + i * k_, q.data() + i * k_);
  }

  // ∂KL/∂l_k of p = p_k·(log p_k/q_k − KL), of q = q_k − p_k.
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const float* const p_row = p.data() + i * k_;
      const float* const q_row = q.data() + i * k_;
      const float zp = log_sum_exp(p_row);
      const float zq = log_sum_exp(q_row);
      const float divergence = row_kl(p_row, q_row);
      for (int k = 0; k < k_; ++k) {
        const float log_p = p_row[k] - zp;
        const float log_q = q_row[k] - zq;
        if (!gradient_p.empty()) {
          gradient_p[i * k_ + k] +=
              weights[i] * vector_math::exp(log_p) * (log_p - log_q - divergence);
        }
        if (!gradient_q.empty()) {
          gradient_q[i * k_ + k] +=
              weights[i] * (vector_math::exp(log_q) - vector_math::exp(log_p));
        }
      }
    }
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    const float z = log_sum_exp(parameters.data());
    double sum = 0.0;
    for (int k = 0; k < k_ && k <= x; ++k) sum += std::exp(static_cast<double>(parameters[k] - z));
    out[0] = sum;
  }

 private:
  float log_sum_exp(const float* row) const {
    const float top = *std::max_element(row, row + k_);
    float sum = 0.0f;
    for (int k = 0; k < k_; ++k) sum += vector_math::exp(row[k] - top);
    return top + std::log(sum);
  }

  float row_entropy(const float* row) const {
    const float z = log_sum_exp(row);
    float h = 0.0f;
    for (int k = 0; k < k_; ++k) h -= vector_math::exp(row[k] - z) * (row[k] - z);
    return h;
  }

  float row_kl(const float* p, const float* q) const {
    const float zp = log_sum_exp(p);
    const float zq = log_sum_exp(q);
    float divergence = 0.0f;
    for (int k = 0; k < k_; ++k) {
      const float log_p = p[k] - zp;
      divergence += vector_math::exp(log_p) * (log_p - (q[k] - zq));
    }
    return divergence;
  }

  int k_;
};

}  // namespace

std::unique_ptr<Distribution> make_categorical(int actions) {
  return std::make_unique<Categorical>(actions);
}

}  // namespace costate
