// Independent normals, clipped to the box when executed.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "policies/distribution.h"

namespace costate {
namespace {

constexpr float kHalfLog2Pi = 0.91893853320467274178f;

class Gaussian final : public Distribution {
 public:
  explicit Gaussian(int dimensions) : d_(dimensions) {}

  std::string_view name() const override { return "gaussian"; }
  Support support() const override { return Support::kBox; }
  int dimensions() const override { return d_; }
  int action_size() const override { return d_; }
  int parameter_size() const override { return 2 * d_; }

  std::vector<std::string> parameter_names() const override {
    std::vector<std::string> names;
    for (const char* kind : {"mean[", "log_std["}) {
      for (int d = 0; d < d_; ++d) names.push_back(kind + std::to_string(d) + "]");
    }
    return names;
  }

  void sample(std::span<const float> parameters, RandomStream& random,
              std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      const double std = std::exp(static_cast<double>(parameters[d_ + d]));
      action[d] = static_cast<float>(parameters[d] + std * random.normal());
    }
  }

  void mode(std::span<const float> parameters, std::span<float> action) const override {
    std::copy_n(parameters.begin(), d_, action.begin());
  }

  void execute(std::span<float> action) const override {
    for (float& a : action) a = std::clamp(a, -1.0f, 1.0f);
  }

  // log N(a; μ, σ) = −z²/2 − log σ − log √(2π), z = (a − μ)/σ.
  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    for_each_row(parameters, [&](std::size_t i, const float* mean, const float* log_std) {
      for (int d = 0; d < d_; ++d) {
        const float z = (actions[i * d_ + d] - mean[d]) * std::exp(-log_std[d]);
        out[i * d_ + d] = -0.5f * z * z - log_std[d] - kHalfLog2Pi;
      }
    });
  }

  // ∂/∂μ = z/σ, ∂/∂log σ = z² − 1.
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t i, const float* mean, const float* log_std) {
      float* const g = gradient.data() + 2 * d_ * i;
      for (int d = 0; d < d_; ++d) {
        const float inverse_std = std::exp(-log_std[d]);
        const float z = (actions[i * d_ + d] - mean[d]) * inverse_std;
        g[d] += weights[i] * z * inverse_std;
        g[d_ + d] += weights[i] * (z * z - 1.0f);
      }
    });
  }

  // H = log σ + ½ + log √(2π).
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for_each_row(parameters, [&](std::size_t i, const float*, const float* log_std) {
      for (int d = 0; d < d_; ++d) out[i * d_ + d] = log_std[d] + 0.5f + kHalfLog2Pi;
    });
  }

  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t i, const float*, const float*) {
      for (int d = 0; d < d_; ++d) gradient[2 * d_ * i + d_ + d] += weights[i];
    });
  }

  // KL = log σ_q/σ_p + (r² + δ² − 1)/2, with r = σ_p/σ_q and δ = (μ_p − μ_q)/σ_q.
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    for_each_row(p, [&](std::size_t i, const float* mean, const float* log_std) {
      const float* const q_row = q.data() + 2 * d_ * i;
      for (int d = 0; d < d_; ++d) {
        const float log_ratio = log_std[d] - q_row[d_ + d];
        const float delta = (mean[d] - q_row[d]) * std::exp(-q_row[d_ + d]);
        // (r² − 1)/2 − log r, without cancellation when the two nearly agree.
        out[i * d_ + d] = 0.5f * (std::expm1(2.0f * log_ratio) + delta * delta) - log_ratio;
      }
    });
  }

  // ∂μ_p = δ/σ_q = −∂μ_q, ∂log σ_p = r² − 1, ∂log σ_q = 1 − r² − δ².
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for_each_row(p, [&](std::size_t i, const float* mean, const float* log_std) {
      const float* const q_row = q.data() + 2 * d_ * i;
      for (int d = 0; d < d_; ++d) {
        const std::size_t at = 2 * d_ * i + d;
        const float inverse_std = std::exp(-q_row[d_ + d]);
        const float delta = (mean[d] - q_row[d]) * inverse_std;
        const float excess = std::expm1(2.0f * (log_std[d] - q_row[d_ + d]));
        if (!gradient_p.empty()) {
          gradient_p[at] += weights[i] * delta * inverse_std;
          gradient_p[at + d_] += weights[i] * excess;
        }
        if (!gradient_q.empty()) {
          gradient_q[at] -= weights[i] * delta * inverse_std;
          gradient_q[at + d_] -= weights[i] * (excess + delta * delta);
        }
      }
    });
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    for (int d = 0; d < d_; ++d) {
      if (x < -1.0 || x >= 1.0) {
        out[d] = x < -1.0 ? 0.0 : 1.0;
        continue;
      }
      const double std = std::exp(static_cast<double>(parameters[d_ + d]));
      out[d] = 0.5 * std::erfc((parameters[d] - x) / (std * std::numbers::sqrt2));
    }
  }

 private:
  template <class F>
  void for_each_row(std::span<const float> parameters, F f) const {
    const std::size_t rows = parameters.size() / (2 * d_);
    for (std::size_t i = 0; i < rows; ++i) {
      const float* const row = parameters.data() + 2 * d_ * i;
      f(i, row, row + d_);
    }
  }

  int d_;
};

}  // namespace

std::unique_ptr<Distribution> make_gaussian(int dimensions) {
  return std::make_unique<Gaussian>(dimensions);
}

}  // namespace costate
