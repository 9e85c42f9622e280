// Bang-bang control: each dimension at one of its two extremes.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/dense/kernels.h"
#include "backends/dense/vector_math.h"
#include "policies/blocks.h"
#include "policies/distribution.h"

namespace costate {
namespace {

constexpr float kExtremes[] = {-1.0f, 1.0f};

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

  // 2p − 1 = tanh(l/2).
  void mean(std::span<const float> parameters, std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) action[d] = vector_math::tanh(0.5f * parameters[d]);
  }

  std::span<const float> bins() const override { return kExtremes; }

  // log π(a) = −softplus(−a·l): finite for any logit, where log σ(l) underflows.
  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = -actions[k] * parameters[k];
    kernels::softplus(out);
    for (float& value : out) value = -value;
  }

  // ∂log π(a)/∂l = a·σ(−a·l).
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_blocks(gradient.size(), [&](std::size_t first, std::size_t count) {
      Block slope;
      for (std::size_t k = 0; k < count; ++k)
        slope[k] = -actions[first + k] * parameters[first + k];
      kernels::sigmoid(std::span(slope).first(count));
      for_entries(first, count, d_, [&](std::size_t k, std::size_t row, std::size_t) {
        gradient[first + k] += weights[row] * actions[first + k] * slope[k];
      });
    });
  }

  // H = softplus(l) − l·p, even in l; taken at |l|, where no two large terms cancel.
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for_blocks(out.size(), [&](std::size_t first, std::size_t count) {
      Block p;
      for (std::size_t k = 0; k < count; ++k) p[k] = -std::abs(parameters[first + k]);
      const auto block = out.subspan(first, count);
      std::copy_n(p.begin(), count, block.begin());
      kernels::softplus(block);
      kernels::sigmoid(std::span(p).first(count));
      for (std::size_t k = 0; k < count; ++k) block[k] += std::abs(parameters[first + k]) * p[k];
    });
  }

  // ∂H/∂l = −l·p·(1 − p).
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for_each_probability(parameters, [&](std::size_t k, float p, float q, std::size_t row) {
      gradient[k] -= weights[row] * parameters[k] * p * q;
    });
  }

  EntropyRange entropy_range() const override { return {0.0, d_ * std::numbers::ln2}; }

  // KL = Σ_a p(a)·(log p(a) − log q(a)), in differences of softplus of one sign each.
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    using vector_math::softplus;
    for_each_probability(p, [&](std::size_t k, float up, float down, std::size_t) {
      out[k] = up * (softplus(-q[k]) - softplus(-p[k])) + down * (softplus(q[k]) - softplus(p[k]));
    });
  }

  // ∂KL/∂l_p = p·(1 − p)·(l_p − l_q), ∂KL/∂l_q = σ(l_q) − σ(l_p).
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for_each_probability(p, [&](std::size_t k, float up, float down, std::size_t row) {
      if (!gradient_p.empty()) gradient_p[k] += weights[row] * up * down * (p[k] - q[k]);
      if (!gradient_q.empty()) {
        gradient_q[k] += weights[row] * (vector_math::sigmoid(q[k]) - up);
      }
    });
  }

  bool has(Estimator estimator) const override {
    switch (estimator) {
      case Estimator::kPathwise:
        return false;
      case Estimator::kEnum:
        return enumerable();
      default:
        return true;
    }
  }

  // ∂(2p − 1)/∂l = 2·p·(1 − p).
  void mean_gradient(std::span<const float> parameters, std::span<const float> d_mean,
                     std::span<float> gradient) const override {
    for_each_probability(parameters, [&](std::size_t k, float p, float q, std::size_t) {
      gradient[k] += 2.0f * p * q * d_mean[k];
    });
  }

  // The sample is the sign of l + g with g logistic, its relaxation tanh((l + g)/(2t)) (Maddison et
  // al., "The Concrete Distribution", ICLR 2017). By symmetry |l + g| given the sign a is l' + g
  // given that it is positive, with l' = a·l; and l' + g = softplus(l') + log(1 − w·σ(l')) − log w
  // for w uniform on (0, 1].
  void gumbel_gradient(std::span<const float> parameters, std::span<const float> actions,
                       std::span<const float> d_executed, double temperature, RandomStream& random,
                       std::span<float> gradient) const override {
    for (std::size_t k = 0; k < actions.size(); ++k) {
      const double logit = static_cast<double>(actions[k]) * parameters[k];
      const double w = 1.0 - random.uniform();
      const double other = 1.0 / (1.0 + std::exp(logit));
      const double softplus = std::max(logit, 0.0) + std::log1p(std::exp(-std::abs(logit)));
      const double size = softplus + std::log((1.0 - w) + w * other) - std::log(w);
      const double relaxed = std::tanh(size / (2.0 * temperature));
      gradient[k] +=
          static_cast<float>(d_executed[k] * (1.0 - relaxed * relaxed) / (2.0 * temperature));
    }
  }

  void expectation_gradient(std::span<const float> parameters, std::span<const float> values,
                            std::span<float> gradient) const override {
    for_each_probability(parameters, [&](std::size_t k, float p, float q, std::size_t) {
      gradient[k] += p * q * (values[2 * k + 1] - values[2 * k]);
    });
  }

  bool natural(std::span<const float> parameters, std::span<float> out) const override {
    std::ranges::copy(parameters, out.begin());
    return true;
  }
  bool from_natural(std::span<const float> natural, std::span<float> parameters) const override {
    std::ranges::copy(natural, parameters.begin());
    return true;
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    for (int d = 0; d < d_; ++d) {
      const double at_low = 1.0 / (1.0 + std::exp(static_cast<double>(parameters[d])));
      out[d] = x < -1.0 ? 0.0 : x < 1.0 ? at_low : 1.0;
    }
  }

 private:
  // Calls f(entry, P(+1), P(−1), row); neither probability is a difference, so both keep their
  // digits.
  template <class F>
  void for_each_probability(std::span<const float> logits, F f) const {
    for_blocks(logits.size(), [&](std::size_t first, std::size_t count) {
      Block up;
      Block down;
      for (std::size_t k = 0; k < count; ++k) {
        up[k] = logits[first + k];
        down[k] = -up[k];
      }
      kernels::sigmoid(std::span(up).first(count));
      kernels::sigmoid(std::span(down).first(count));
      for_entries(first, count, d_, [&](std::size_t k, std::size_t row, std::size_t) {
        f(first + k, up[k], down[k], row);
      });
    });
  }

  int d_;
};

}  // namespace

std::unique_ptr<Distribution> make_bernoulli(int dimensions) {
  return std::make_unique<Bernoulli>(dimensions);
}

}  // namespace costate
