// Normals squashed into the box by the hyperbolic tangent (Haarnoja et al., "Soft Actor-Critic",
// ICML 2018, appendix C).
#include <array>
#include <cmath>
#include <numbers>

#include "backends/dense/vector_math.h"
#include "policies/normals.h"

namespace costate {
namespace {

constexpr float kLog2 = std::numbers::ln2_v<float>;

// Expectations over u = μ + σξ by the trapezoidal rule on a grid of ξ. For an integrand that is
// analytic round the real line, as these are up to |Im ξ| = π/(2σ), it converges exponentially in
// the step, here as exp(−4π²/σ), and faster than Gauss-Hermite's nodes for σ > 1 (Trefethen and
// Weideman, "The exponentially convergent trapezoidal rule", SIAM Review 2014).
class Grid {
 public:
  static constexpr int kNodes = 41;
  static constexpr float kStep = 0.25f;  // so |ξ| ≤ 5

  Grid() {
    float total = 0.0f;
    for (int j = 0; j < kNodes; ++j) {
      const float at = kStep * static_cast<float>(j - kNodes / 2);
      node[j] = at;
      weight[j] = std::exp(-0.5f * at * at);
      total += weight[j];
    }
    for (float& w : weight) w /= total;
  }

  std::array<float, kNodes> node;
  std::array<float, kNodes> weight;
};
const Grid kGrid;

class SquashedGaussian final : public Normals {
 public:
  explicit SquashedGaussian(int dimensions) : Normals(dimensions, -20.0f, 2.0f) {}

  std::string_view name() const override { return "squashed"; }

  void mean(std::span<const float> parameters, std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      action[d] = 0.0f;
      const auto std = static_cast<float>(std_of(parameters, d));
      for (int j = 0; j < Grid::kNodes; ++j) {
        action[d] += kGrid.weight[j] * vector_math::tanh(parameters[d] + std * kGrid.node[j]);
      }
    }
  }

  void execute(std::span<float> actions) const override { kernels::tanh(actions); }

  // ±1 comes from no finite sample; ±10 is one that rounds to it.
  void to_raw(std::span<float> action) const override {
    for (float& a : action) {
      a = static_cast<float>(std::clamp(std::atanh(static_cast<double>(a)), -10.0, 10.0));
    }
  }

  // log π(tanh u) = log N(u) − log(1 − tanh²u).
  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    Normals::log_prob(parameters, actions, out);
    for_blocks(out.size(), [&](std::size_t first, std::size_t count) {
      Block slope;
      std::copy_n(actions.begin() + static_cast<std::ptrdiff_t>(first), count, slope.begin());
      log_slope(std::span(slope).first(count));
      for (std::size_t k = 0; k < count; ++k) out[first + k] -= slope[k];
    });
  }

  // H = that of the normal + E[log(1 − tanh²u)].
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    Normals::entropy(parameters, out);
    for_each_entry(parameters, [&](std::size_t k, std::size_t at, float inverse_std, std::size_t) {
      std::array<float, Grid::kNodes> slope;
      for (int j = 0; j < Grid::kNodes; ++j)
        slope[j] = parameters[at] + kGrid.node[j] / inverse_std;
      log_slope(slope);
      for (int j = 0; j < Grid::kNodes; ++j) out[k] += kGrid.weight[j] * slope[j];
    });
  }

  // d log(1 − tanh²u)/du = −2·tanh u.
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    Normals::entropy_gradient(parameters, weights, gradient);
    for_each_entry(
        parameters, [&](std::size_t, std::size_t at, float inverse_std, std::size_t row) {
          std::array<float, Grid::kNodes> y;
          for (int j = 0; j < Grid::kNodes; ++j)
            y[j] = parameters[at] + kGrid.node[j] / inverse_std;
          kernels::tanh(y);
          float d_mean = 0.0f;
          float d_std = 0.0f;
          for (int j = 0; j < Grid::kNodes; ++j) {
            d_mean -= 2.0f * kGrid.weight[j] * y[j];
            d_std -= 2.0f * kGrid.weight[j] * y[j] * kGrid.node[j];
          }
          gradient[at] += weights[row] * d_mean;
          gradient[at + d_] += weights[row] * d_std / inverse_std * passes(parameters[at + d_]);
        });
  }

  // The uniform distribution has the most.
  EntropyRange entropy_range() const override {
    return {-std::numeric_limits<double>::infinity(), d_ * std::numbers::ln2};
  }

  // With u = μ + σξ: da = (1 − tanh²u)·du, and log π = −ξ²/2 − log σ − log(1 − tanh²u) + constant.
  void pathwise_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> d_executed, std::span<const float> d_raw,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_blocks(actions.size(), [&](std::size_t first, std::size_t count) {
      Block e;  // exp(−2|u|), which gives 1 − tanh²u without cancellation
      for (std::size_t k = 0; k < count; ++k) e[k] = -2.0f * std::abs(actions[first + k]);
      kernels::exp(std::span(e).first(count));
      for_entries(first, count, d_, [&](std::size_t k, std::size_t row, std::size_t i) {
        const std::size_t at = 2 * d_ * row + i;
        const float u = actions[first + k];
        const float inverse = 1.0f / (1.0f + e[k]);
        const float a = std::copysign((1.0f - e[k]) * inverse, u);
        const float slope = 4.0f * e[k] * inverse * inverse;
        const float d_sample = d_executed[first + k] * slope + weights[row] * 2.0f * a +
                               (d_raw.empty() ? 0.0f : d_raw[first + k]);
        gradient[at] += d_sample;
        gradient[at + d_] +=
            (d_sample * (u - parameters[at]) - weights[row]) * passes(parameters[at + d_]);
      });
    });
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    for (int d = 0; d < d_; ++d) {
      const double u = std::atanh(std::clamp(x, -1.0, 1.0));
      out[d] = normal_cdf((u - parameters[d]) / std_of(parameters, d));
    }
  }

 private:
  // u ← log(1 − tanh²u) = 2·(log 2 − |u| − softplus(−2|u|)), finite for any u.
  static void log_slope(std::span<float> u) {
    Block size;
    for (std::size_t k = 0; k < u.size(); ++k) {
      size[k] = std::abs(u[k]);
      u[k] = -2.0f * size[k];
    }
    kernels::softplus(u);
    for (std::size_t k = 0; k < u.size(); ++k) u[k] = 2.0f * (kLog2 - size[k] - u[k]);
  }
};

}  // namespace

std::unique_ptr<Distribution> make_squashed_gaussian(int dimensions) {
  return std::make_unique<SquashedGaussian>(dimensions);
}

}  // namespace costate
