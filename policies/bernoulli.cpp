// Bang-bang control: each dimension at one of its two extremes.
#include <cmath>

#include "policies/distribution.h"

namespace costate {
namespace {

// log(1 + eˣ) without overflow.
float softplus(float x) {
  return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x)));
}
float sigmoid(float x) {
  const float e = std::exp(-std::abs(x));
  return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}
// dH/dlogit = −l·p·(1 − p).
float entropy_slope(float l) {
  return -l * sigmoid(l) * sigmoid(-l);
}

class Bernoulli final : public Distribution {
 public:
  explicit Bernoulli(int dimensions) : d_(dimensions) {}

  std::string_view name() const override { return "bernoulli"; }
  Support support() const override { return Support::kExtremes; }
  int dimensions() const override { return d_; }
  int action_size() const override { return d_; }
  int parameter_size() const override { return d_; }

  std::vector<std::string> parameter_names() const override {
    std::vector<std::string> names;
    for (int d = 0; d < d_; ++d) names.push_back("logit[" + std::to_string(d) + "]");
    return names;
  }

  void sample(std::span<const float> parameters, RandomStream& random,
              std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      const double p = 1.0 / (1.0 + std::exp(-static_cast<double>(parameters[d])));
      action[d] = random.uniform() < p ? 1.0f : -1.0f;
    }
  }

  void mode(std::span<const float> parameters, std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) action[d] = parameters[d] >= 0.0f ? 1.0f : -1.0f;
  }

  // log π(a) = −softplus(−a·l): finite for any logit, where log σ(l) underflows.
  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = -softplus(-actions[k] * parameters[k]);
  }

  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      gradient[k] += weights[k / d_] * actions[k] * sigmoid(-actions[k] * parameters[k]);
    }
  }

  // H = softplus(l) − l·p, even in l; taken at |l|, where no two large terms cancel.
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for (std::size_t k = 0; k < out.size(); ++k) {
      const float l = std::abs(parameters[k]);
      out[k] = softplus(-l) + l * sigmoid(-l);
    }
  }

  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      gradient[k] += weights[k / d_] * entropy_slope(parameters[k]);
    }
  }

  // KL = Σ_a p(a)·(log p(a) − log q(a)), in differences of softplus of one sign each.
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    for (std::size_t k = 0; k < out.size(); ++k) {
      out[k] = sigmoid(p[k]) * (softplus(-q[k]) - softplus(-p[k])) +
               sigmoid(-p[k]) * (softplus(q[k]) - softplus(p[k]));
    }
  }

  // ∂KL/∂l_p = p·(1 − p)·(l_p − l_q), ∂KL/∂l_q = σ(l_q) − σ(l_p).
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for (std::size_t k = 0; k < p.size(); ++k) {
      const float w = weights[k / d_];
      if (!gradient_p.empty()) gradient_p[k] += w * sigmoid(p[k]) * sigmoid(-p[k]) * (p[k] - q[k]);
      if (!gradient_q.empty()) gradient_q[k] += w * (sigmoid(q[k]) - sigmoid(p[k]));
    }
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    for (int d = 0; d < d_; ++d) {
      const double at_low = 1.0 / (1.0 + std::exp(static_cast<double>(parameters[d])));
      out[d] = x < -1.0 ? 0.0 : x < 1.0 ? at_low : 1.0;
    }
  }

 private:
  int d_;
};

}  // namespace

std::unique_ptr<Distribution> make_bernoulli(int dimensions) {
  return std::make_unique<Bernoulli>(dimensions);
}

}  // namespace costate
