// Each dimension a mixture of C normals, clipped to the box when executed.
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

#include "backends/dense/vector_math.h"
#include "policies/normals.h"

namespace costate {
namespace {

constexpr float kHalfLog2Pi = 0.91893853320467274178f;
constexpr int kMaxComponents = 16;

/// The components of one dimension, read from a parameter row.
struct Components {
  int count;
  std::array<float, kMaxComponents> weight;
  std::array<float, kMaxComponents> log_weight;
  std::array<float, kMaxComponents> mean;
  std::array<float, kMaxComponents> log_std;
  std::array<float, kMaxComponents> inverse_std;

  float std_of(int c) const { return 1.0f / inverse_std[c]; }
  float z(int c, float x) const { return (x - mean[c]) * inverse_std[c]; }
  /// log(w_c·N_c(x)).
  float log_part(int c, float x) const {
    const float zc = z(c, x);
    return log_weight[c] - 0.5f * zc * zc - log_std[c] - kHalfLog2Pi;
  }

  /// log p of x[k], without underflow.
  void log_density(std::span<const float> x, std::span<float> out) const {
    Block top;
    Block term;
    const auto terms = std::span(term).first(x.size());
    std::ranges::fill(top, -std::numeric_limits<float>::infinity());
    for (int c = 0; c < count; ++c) {
      for (std::size_t k = 0; k < x.size(); ++k) top[k] = std::max(top[k], log_part(c, x[k]));
    }
    std::ranges::fill(out, 0.0f);
    for (int c = 0; c < count; ++c) {
      for (std::size_t k = 0; k < x.size(); ++k) terms[k] = log_part(c, x[k]) - top[k];
      kernels::exp(terms);
      for (std::size_t k = 0; k < x.size(); ++k) out[k] += terms[k];
    }
    kernels::log(out);
    for (std::size_t k = 0; k < x.size(); ++k) out[k] += top[k];
  }
};

/// Where the parameters of one dimension stand: at first + c those of component c.
struct Places {
  std::size_t logit;
  std::size_t mean;
  std::size_t log_std;
};

// ∫ over the line, by Gauss-Legendre's rule on the intervals between points at fixed numbers of
// standard deviations from each mean. So the grid is fine wherever a component is narrow, and
// beyond its ends no component has more than 3e-12 of its mass.
class Grid {
 public:
  Grid(const Components& p, const Components* q) {
    add(p);
    if (q != nullptr) add(*q);
    std::sort(points_.begin(), points_.begin() + count_);
  }

  /// Calls f(nodes, weights) for blocks of nodes.
  template <class F>
  void for_each_block(F f) const {
    Block nodes;
    Block weights;
    std::size_t filled = 0;
    for (int i = 0; i + 1 < count_; ++i) {
      const float centre = 0.5f * (points_[i] + points_[i + 1]);
      const float half = 0.5f * (points_[i + 1] - points_[i]);
      for (std::size_t k = 0; k < kNodes.size(); ++k, filled += 2) {
        nodes[filled] = centre - half * kNodes[k];
        nodes[filled + 1] = centre + half * kNodes[k];
        weights[filled] = weights[filled + 1] = half * kWeights[k];
      }
      if (filled + 2 * kNodes.size() > kBlockEntries || i + 2 == count_) {
        f(std::span<const float>(nodes).first(filled),
          std::span<const float>(weights).first(filled));
        filled = 0;
      }
    }
  }

 private:
  static constexpr std::array kEdges = {-7.0f, -3.0f, -1.0f, 1.0f, 3.0f, 7.0f};
  // The positive nodes of the rule with 8 nodes on [−1, 1], and their weights.
  static constexpr std::array kNodes = {0.1834346424956498f, 0.5255324099163290f,
                                        0.7966664774136267f, 0.9602898564975363f};
  static constexpr std::array kWeights = {0.3626837833783620f, 0.3137066458778873f,
                                          0.2223810344533745f, 0.1012285362903763f};

  void add(const Components& components) {
    for (int c = 0; c < components.count; ++c) {
      for (const float edge : kEdges) {
        points_[count_++] = components.mean[c] + edge * components.std_of(c);
      }
    }
  }

  std::array<float, 2 * kMaxComponents * kEdges.size()> points_;
  int count_ = 0;
};

class Mixture final : public Distribution {
 public:
  Mixture(int dimensions, int components) : d_(dimensions), c_(components) {
    assert(components >= 1 && components <= kMaxComponents);
  }

  std::string_view name() const override { return "mixture"; }
  Support support() const override { return Support::kBox; }
  int dimensions() const override { return d_; }
  int action_size() const override { return d_; }
  int parameter_size() const override { return 3 * d_ * c_; }
  int shareable_parameters() const override { return d_ * c_; }

  std::vector<std::string> parameter_names() const override {
    std::vector<std::string> names;
    for (const char* kind : {"logit[", "mean[", "log_std["}) {
      for (int d = 0; d < d_; ++d) {
        for (int c = 0; c < c_; ++c) {
          names.push_back(kind + std::to_string(d) + "][" + std::to_string(c) + "]");
        }
      }
    }
    return names;
  }

  void sample(std::span<const float> parameters, RandomStream& random,
              std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      const Components p = read(parameters, 0, d);
      double left = random.uniform();
      int c = 0;
      for (; c + 1 < c_; ++c) {
        left -= p.weight[c];
        if (left < 0.0) break;
      }
      action[d] = static_cast<float>(p.mean[c] +
                                     std::exp(static_cast<double>(p.log_std[c])) * random.normal());
    }
  }

  void mode(std::span<const float> parameters, std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      const Components p = read(parameters, 0, d);
      std::array<float, kMaxComponents> density;
      p.log_density(std::span(p.mean).first(c_), std::span(density).first(c_));
      const auto best = std::max_element(density.begin(), density.begin() + c_) - density.begin();
      action[d] = p.mean[best];
    }
  }

  void mean(std::span<const float> parameters, std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      const Components p = read(parameters, 0, d);
      double mean = 0.0;
      for (int c = 0; c < c_; ++c) {
        mean += p.weight[c] * clipped_normal_mean(p.mean[c], p.std_of(c));
      }
      action[d] = static_cast<float>(mean);
    }
  }

  void execute(std::span<float> actions) const override {
    for (float& a : actions) a = std::clamp(a, -1.0f, 1.0f);
  }

  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    for_each_entry(parameters, [&](std::size_t k, const Components& p, const Places&, std::size_t) {
      p.log_density(actions.subspan(k, 1), out.subspan(k, 1));
    });
  }

  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_each_entry(
        parameters, [&](std::size_t k, const Components& p, const Places& at, std::size_t row) {
          float log_p;
          p.log_density(actions.subspan(k, 1), {&log_p, 1});
          add_scores(p, at, actions.subspan(k, 1), {&log_p, 1}, weights.subspan(row, 1), gradient);
        });
  }

  // H = −∫ p·log p.
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for_each_entry(parameters, [&](std::size_t k, const Components& p, const Places&, std::size_t) {
      out[k] = 0.0f;
      over_line(p, [&](std::span<const float>, std::span<const float> weight,
                       std::span<const float> log_p, std::span<const float> density) {
        for (std::size_t j = 0; j < weight.size(); ++j) out[k] -= weight[j] * density[j] * log_p[j];
      });
    });
  }

  // ∂H = −∫ p·∂log p·log p, as ∫ p·∂log p = 0.
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for_each_entry(
        parameters, [&](std::size_t, const Components& p, const Places& at, std::size_t row) {
          over_line(p, [&](std::span<const float> x, std::span<const float> weight,
                           std::span<const float> log_p, std::span<const float> density) {
            Block factor;
            for (std::size_t j = 0; j < x.size(); ++j) {
              factor[j] = -weights[row] * weight[j] * density[j] * log_p[j];
            }
            add_scores(p, at, x, log_p, std::span(factor).first(x.size()), gradient);
          });
        });
  }

  bool clips() const override { return true; }

  EntropyRange entropy_range() const override {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return {-kInfinity, kInfinity};
  }

  // KL = ∫ p·log(p/q) − p + q, whose integrand is nowhere negative and 0 where p = q: so is the
  // sum.
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    std::ranges::fill(out, 0.0f);
    for_each_pair(p, q,
                  [&](std::size_t k, const Components&, const Components&, const Places&,
                      std::size_t, const PairBlock& b) {
                    for (std::size_t j = 0; j < b.x.size(); ++j) {
                      const float log_ratio = b.log_p[j] - b.log_q[j];
                      const float near = b.p[j] * (vector_math::expm1(-log_ratio) + log_ratio);
                      const float far = b.p[j] * log_ratio - b.p[j] + b.q[j];
                      out[k] += b.weight[j] * (std::abs(log_ratio) < 0.5f ? near : far);
                    }
                  });
  }

  // The derivatives of that sum: ∫ p·∂log p·log(p/q) and ∫ (q − p)·∂log q.
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for_each_pair(p, q,
                  [&](std::size_t, const Components& ps, const Components& qs, const Places& at,
                      std::size_t row, const PairBlock& b) {
                    Block factor;
                    const auto factors = std::span(factor).first(b.x.size());
                    if (!gradient_p.empty()) {
                      for (std::size_t j = 0; j < b.x.size(); ++j) {
                        factor[j] = weights[row] * b.weight[j] * b.p[j] * (b.log_p[j] - b.log_q[j]);
                      }
                      add_scores(ps, at, b.x, b.log_p, factors, gradient_p);
                    }
                    if (!gradient_q.empty()) {
                      for (std::size_t j = 0; j < b.x.size(); ++j) {
                        factor[j] = weights[row] * b.weight[j] * (b.q[j] - b.p[j]);
                      }
                      add_scores(qs, at, b.x, b.log_q, factors, gradient_q);
                    }
                  });
  }

  bool has(Estimator estimator) const override {
    return estimator == Estimator::kPathwise || estimator == Estimator::kScore;
  }

  // Which component a sample came from does not change with the parameters, but its quantile F(x)
  // can be held fixed: dx/dθ = −(∂F/∂θ)/p(x) (Figurnov et al., "Implicit Reparameterization
  // Gradients", NeurIPS 2018). With r the components' shares of p(x): dx/dμ = r, dx/dlog σ =
  // r·(x − μ), dx/dlogit = −w·(Φ(z) − F)/p.
  void pathwise_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> d_executed, std::span<const float> d_raw,
                         std::span<const float> weights, std::span<float> gradient) const override {
    log_prob_gradient(parameters, actions, weights, gradient);
    for_each_entry(
        parameters, [&](std::size_t k, const Components& p, const Places& at, std::size_t row) {
          const float x = actions[k];
          float log_p;
          p.log_density({&x, 1}, {&log_p, 1});
          // Upper tails keep their digits in the upper half, lower ones in the lower.
          std::array<double, kMaxComponents> lower;
          std::array<double, kMaxComponents> upper;
          std::array<float, kMaxComponents> share;
          double total_lower = 0.0;
          double total_upper = 0.0;
          float d_log_p = 0.0f;  // ∂log p/∂x
          for (int c = 0; c < c_; ++c) {
            const float z = p.z(c, x);
            lower[c] = normal_cdf(z);
            upper[c] = normal_cdf(-z);
            total_lower += p.weight[c] * lower[c];
            total_upper += p.weight[c] * upper[c];
            share[c] = vector_math::exp(p.log_part(c, x) - log_p);
            d_log_p -= share[c] * z * p.inverse_std[c];
          }
          const float d_sample = (std::abs(x) < 1.0f ? d_executed[k] : 0.0f) +
                                 (d_raw.empty() ? 0.0f : d_raw[k]) + weights[row] * d_log_p;
          const double density =
              std::max(std::exp(static_cast<double>(log_p)), std::numeric_limits<double>::min());
          for (int c = 0; c < c_; ++c) {
            const double excess =
                total_lower < total_upper ? lower[c] - total_lower : total_upper - upper[c];
            gradient[at.logit + c] -= d_sample * static_cast<float>(p.weight[c] * excess / density);
            gradient[at.mean + c] += d_sample * share[c];
            gradient[at.log_std + c] += d_sample * share[c] * (x - p.mean[c]);
          }
        });
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    for (int d = 0; d < d_; ++d) {
      if (x < -1.0 || x >= 1.0) {
        out[d] = x < -1.0 ? 0.0 : 1.0;
        continue;
      }
      const Components p = read(parameters, 0, d);
      out[d] = 0.0;
      for (int c = 0; c < c_; ++c) {
        out[d] += p.weight[c] * normal_cdf((x - p.mean[c]) / p.std_of(c));
      }
    }
  }

 private:
  /// Two densities at some nodes of the line, and the weights of these in an integral.
  struct PairBlock {
    std::span<const float> x;
    std::span<const float> weight;
    std::span<const float> log_p;
    std::span<const float> p;
    std::span<const float> log_q;
    std::span<const float> q;
  };

  Places places(std::size_t row, std::size_t d) const {
    const std::size_t part = static_cast<std::size_t>(d_) * c_;
    const std::size_t first = 3 * part * row + d * c_;
    return {first, first + part, first + 2 * part};
  }

  Components read(std::span<const float> parameters, std::size_t row, std::size_t d) const {
    const Places at = places(row, d);
    Components p;
    p.count = c_;
    const auto logits = parameters.subspan(at.logit, c_);
    const float top = *std::ranges::max_element(logits);
    float sum = 0.0f;
    for (int c = 0; c < c_; ++c) {
      p.log_weight[c] = logits[c] - top;
      p.weight[c] = vector_math::exp(p.log_weight[c]);
      sum += p.weight[c];
    }
    const float log_sum = vector_math::log(sum);
    for (int c = 0; c < c_; ++c) {
      p.weight[c] /= sum;
      p.log_weight[c] -= log_sum;
      p.mean[c] = parameters[at.mean + c];
      p.log_std[c] = parameters[at.log_std + c];
      p.inverse_std[c] = vector_math::exp(-p.log_std[c]);
    }
    return p;
  }

  /// Calls f(entry of [n, D], its components, where they stand, row).
  template <class F>
  void for_each_entry(std::span<const float> parameters, F f) const {
    for_entries(0, parameters.size() / (3 * c_), d_,
                [&](std::size_t k, std::size_t row, std::size_t d) {
                  f(k, read(parameters, row, d), places(row, d), row);
                });
  }

  /// Calls f(nodes, weights, log p, p) for blocks of nodes.
  template <class F>
  static void over_line(const Components& p, F f) {
    Grid(p, nullptr).for_each_block([&](std::span<const float> x, std::span<const float> weight) {
      Block log_p;
      Block density;
      evaluate(p, x, log_p, density);
      f(x, weight, std::span<const float>(log_p).first(x.size()),
        std::span<const float>(density).first(x.size()));
    });
  }

  /// Calls f(entry, components of p, of q, where they stand, row, block) for blocks of nodes.
  template <class F>
  void for_each_pair(std::span<const float> p, std::span<const float> q, F f) const {
    for_each_entry(p, [&](std::size_t k, const Components& ps, const Places& at, std::size_t row) {
      const Components qs = read(q, row, k % d_);
      Grid(ps, &qs).for_each_block([&](std::span<const float> x, std::span<const float> weight) {
        Block log_p;
        Block density_p;
        Block log_q;
        Block density_q;
        evaluate(ps, x, log_p, density_p);
        evaluate(qs, x, log_q, density_q);
        const auto part = [&](const Block& b) { return std::span<const float>(b).first(x.size()); };
        f(k, ps, qs, at, row,
          PairBlock{x, weight, part(log_p), part(density_p), part(log_q), part(density_q)});
      });
    });
  }

  static void evaluate(const Components& p, std::span<const float> x, Block& log_density,
                       Block& density) {
    const auto logs = std::span(log_density).first(x.size());
    p.log_density(x, logs);
    std::ranges::copy(logs, density.begin());
    kernels::exp(std::span(density).first(x.size()));
  }

  // gradient += Σ_j factor_j·∇log p(x_j): with r the components' shares of p, ∂/∂logit = r − w,
  // ∂/∂μ = r·z/σ, ∂/∂log σ = r·(z² − 1).
  static void add_scores(const Components& p, const Places& at, std::span<const float> x,
                         std::span<const float> log_p, std::span<const float> factor,
                         std::span<float> gradient) {
    Block share;
    float total = 0.0f;
    for (const float f : factor) total += f;
    for (int c = 0; c < p.count; ++c) {
      for (std::size_t j = 0; j < x.size(); ++j) share[j] = p.log_part(c, x[j]) - log_p[j];
      kernels::exp(std::span(share).first(x.size()));
      float d_logit = 0.0f;
      float d_mean = 0.0f;
      float d_log_std = 0.0f;
      for (std::size_t j = 0; j < x.size(); ++j) {
        const float z = p.z(c, x[j]);
        const float f = factor[j] * share[j];
        d_logit += f;
        d_mean += f * z;
        d_log_std += f * (z * z - 1.0f);
      }
      gradient[at.logit + c] += d_logit - p.weight[c] * total;
      gradient[at.mean + c] += d_mean * p.inverse_std[c];
      gradient[at.log_std + c] += d_log_std;
    }
  }

  int d_;
  int c_;
};

}  // namespace

std::unique_ptr<Distribution> make_mixture(int dimensions, int components) {
  return std::make_unique<Mixture>(dimensions, components);
}

}  // namespace costate
