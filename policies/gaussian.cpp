// Independent normals, clipped to the box when executed.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/dense/kernels.h"
#include "policies/blocks.h"
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
    for_each_entry(parameters, [&](std::size_t k, std::size_t at, float inverse_std, std::size_t) {
      const float z = (actions[k] - parameters[at]) * inverse_std;
      out[k] = -0.5f * z * z - parameters[at + d_] - kHalfLog2Pi;
    });
  }

  // ∂/∂μ = z/σ, ∂/∂log σ = z² − 1.
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_each_entry(parameters,
                   [&](std::size_t k, std::size_t at, float inverse_std, std::size_t row) {
                     const float z = (actions[k] - parameters[at]) * inverse_std;
                     gradient[at] += weights[row] * z * inverse_std;
                     gradient[at + d_] += weights[row] * (z * z - 1.0f);
                   });
  }

  // H = log σ + ½ + log √(2π).
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for_entries(0, out.size(), d_, [&](std::size_t k, std::size_t row, std::size_t i) {
      out[k] = parameters[2 * d_ * row + d_ + i] + 0.5f + kHalfLog2Pi;
    });
  }

  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for_entries(0, parameters.size() / 2, d_, [&](std::size_t, std::size_t row, std::size_t i) {
      gradient[2 * d_ * row + d_ + i] += weights[row];
    });
  }

  // KL = log σ_q/σ_p + (r² + δ² − 1)/2, with r = σ_p/σ_q and δ = (μ_p − μ_q)/σ_q.
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    for_each_pair(p, q,
                  [&](std::size_t k, std::size_t at, float inverse_std, float excess, std::size_t) {
                    const float delta = (p[at] - q[at]) * inverse_std;
                    out[k] = 0.5f * (excess + delta * delta) - (p[at + d_] - q[at + d_]);
                  });
  }

  // ∂μ_p = δ/σ_q = −∂μ_q, ∂log σ_p = r² − 1, ∂log σ_q = 1 − r² − δ².
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for_each_pair(
        p, q, [&](std::size_t, std::size_t at, float inverse_std, float excess, std::size_t row) {
          const float delta = (p[at] - q[at]) * inverse_std;
          if (!gradient_p.empty()) {
            gradient_p[at] += weights[row] * delta * inverse_std;
            gradient_p[at + d_] += weights[row] * excess;
          }
          if (!gradient_q.empty()) {
            gradient_q[at] -= weights[row] * delta * inverse_std;
            gradient_q[at + d_] -= weights[row] * (excess + delta * delta);
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
  // Calls f(entry of [n, D], where its mean stands in `parameters`, 1/σ, row).
  template <class F>
  void for_each_entry(std::span<const float> parameters, F f) const {
    const auto d = static_cast<std::size_t>(d_);
    for_blocks(parameters.size() / 2, [&](std::size_t first, std::size_t count) {
      Block inverse_std;
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        inverse_std[k] = -parameters[2 * d * row + d + i];
      });
      kernels::exp(std::span(inverse_std).first(count));
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        f(first + k, 2 * d * row + i, inverse_std[k], row);
      });
    });
  }

  // Calls f(entry, where its mean stands, 1/σ_q, r² − 1, row); the last but one without
  // cancellation where the two nearly agree.
  template <class F>
  void for_each_pair(std::span<const float> p, std::span<const float> q, F f) const {
    const auto d = static_cast<std::size_t>(d_);
    for_blocks(p.size() / 2, [&](std::size_t first, std::size_t count) {
      Block inverse_std;
      Block excess;
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        const std::size_t at = 2 * d * row + d + i;
        inverse_std[k] = -q[at];
        excess[k] = 2.0f * (p[at] - q[at]);
      });
      kernels::exp(std::span(inverse_std).first(count));
      kernels::expm1(std::span(excess).first(count));
      for_entries(first, count, d, [&](std::size_t k, std::size_t row, std::size_t i) {
        f(first + k, 2 * d * row + i, inverse_std[k], excess[k], row);
      });
    });
  }

  int d_;
};

}  // namespace

std::unique_ptr<Distribution> make_gaussian(int dimensions) {
  return std::make_unique<Gaussian>(dimensions);
}

}  // namespace costate
