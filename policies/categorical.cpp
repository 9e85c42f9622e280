// One of K actions.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "backends/dense/kernels.h"
#include "backends/dense/vector_math.h"
#include "policies/blocks.h"
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

  void mean(std::span<const float> parameters, std::span<float> action) const override {
    mode(parameters, action);
  }

  int values_per_dimension() const override { return k_; }

  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override {
    for_each_row(parameters, [&](std::size_t i, const float* log_p, const float*) {
      out[i] = log_p[static_cast<int>(actions[i])];
    });
  }

  // ∂log π(a)/∂l_k = 1[k = a] − π_k.
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t i, const float*, const float* p) {
      float* const g = gradient.data() + i * k_;
      for (int k = 0; k < k_; ++k) g[k] -= weights[i] * p[k];
      g[static_cast<int>(actions[i])] += weights[i];
    });
  }

  // H = −Σ_k π_k·log π_k.
  void entropy(std::span<const float> parameters, std::span<float> out) const override {
    for_each_row(parameters, [&](std::size_t i, const float* log_p, const float* p) {
      out[i] = row_entropy(log_p, p);
    });
  }

  // ∂H/∂l_k = −π_k·(log π_k + H).
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t i, const float* log_p, const float* p) {
      const float h = row_entropy(log_p, p);
      for (int k = 0; k < k_; ++k) gradient[i * k_ + k] -= weights[i] * p[k] * (log_p[k] + h);
    });
  }

  EntropyRange entropy_range() const override { return {0.0, std::log(k_)}; }

  // KL = Σ_k p_k·(log p_k − log q_k).
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override {
    for_each_pair(
        p, q,
        [&](std::size_t i, const float* log_p, const float* probability, const float* log_q,
            const float*) { out[i] = row_kl(log_p, probability, log_q); });
  }

  // ∂KL/∂l_k of p = p_k·(log p_k/q_k − KL), of q = q_k − p_k.
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override {
    for_each_pair(p, q,
                  [&](std::size_t i, const float* log_p, const float* p_row, const float* log_q,
                      const float* q_row) {
                    const float divergence = row_kl(log_p, p_row, log_q);
                    for (int k = 0; k < k_; ++k) {
                      if (!gradient_p.empty()) {
                        gradient_p[i * k_ + k] +=
                            weights[i] * p_row[k] * (log_p[k] - log_q[k] - divergence);
                      }
                      if (!gradient_q.empty())
                        gradient_q[i * k_ + k] += weights[i] * (q_row[k] - p_row[k]);
                    }
                  });
  }

  bool has(Estimator estimator) const override {
    switch (estimator) {
      case Estimator::kLocal:
      case Estimator::kScore:
        return true;
      case Estimator::kEnum:
        return enumerable();
      default:
        return false;  // an index has no slope
    }
  }

  // ∂/∂l_k = π_k·(v_k − Σ_j π_j·v_j).
  void expectation_gradient(std::span<const float> parameters, std::span<const float> values,
                            std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t i, const float*, const float* p) {
      const float* const v = values.data() + i * k_;
      const float mean = std::inner_product(v, v + k_, p, 0.0f);
      for (int k = 0; k < k_; ++k) gradient[i * k_ + k] += p[k] * (v[k] - mean);
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
    const float z = log_sum_exp(parameters.data());
    double sum = 0.0;
    for (int k = 0; k < k_ && k <= x; ++k) sum += std::exp(static_cast<double>(parameters[k] - z));
    out[0] = sum;
  }

 private:
  /// log π and π of a few rows, [rows, K] each.
  class Rows {
   public:
    Rows(std::span<const float> logits, std::size_t rows, std::size_t k) {
      if (rows * k > kBlockEntries) large_.resize(2 * rows * k);
      float* const storage = large_.empty() ? small_.data() : large_.data();
      log_p = {storage, rows * k};
      p = {storage + rows * k, rows * k};
      Block sums;
      for (std::size_t r = 0; r < rows; ++r) {
        const auto row = logits.subspan(r * k, k);
        const float top = *std::max_element(row.begin(), row.end());
        for (std::size_t j = 0; j < k; ++j) log_p[r * k + j] = row[j] - top;
      }
      std::copy(log_p.begin(), log_p.end(), p.begin());
      kernels::exp(p);
      for (std::size_t r = 0; r < rows; ++r) {
        sums[r] = 0.0f;
        for (std::size_t j = 0; j < k; ++j) sums[r] += p[r * k + j];
        for (std::size_t j = 0; j < k; ++j) p[r * k + j] /= sums[r];
      }
      kernels::log(std::span(sums).first(rows));
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < k; ++j) log_p[r * k + j] -= sums[r];
      }
    }
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;

    std::span<float> log_p;
    std::span<float> p;

   private:
    std::array<float, 2 * kBlockEntries> small_;
    std::vector<float> large_;  // where a single row is more than a block
  };

  // Calls f(first, rows) for blocks of rows.
  template <class F>
  void for_row_blocks(std::size_t rows, F f) const {
    const std::size_t block = std::max<std::size_t>(1, kBlockEntries / k_);
    for (std::size_t first = 0; first < rows; first += block)
      f(first, std::min(block, rows - first));
  }

  // Calls f(row, log π, π).
  template <class F>
  void for_each_row(std::span<const float> logits, F f) const {
    for_row_blocks(logits.size() / k_, [&](std::size_t first, std::size_t rows) {
      const Rows block(logits.subspan(first * k_, rows * k_), rows, k_);
      for (std::size_t r = 0; r < rows; ++r) {
        f(first + r, block.log_p.data() + r * k_, block.p.data() + r * k_);
      }
    });
  }

  // Calls f(row, log p, p, log q, q).
  template <class F>
  void for_each_pair(std::span<const float> p, std::span<const float> q, F f) const {
    for_row_blocks(p.size() / k_, [&](std::size_t first, std::size_t rows) {
      const Rows ps(p.subspan(first * k_, rows * k_), rows, k_);
      const Rows qs(q.subspan(first * k_, rows * k_), rows, k_);
      for (std::size_t r = 0; r < rows; ++r) {
        f(first + r, ps.log_p.data() + r * k_, ps.p.data() + r * k_, qs.log_p.data() + r * k_,
          qs.p.data() + r * k_);
      }
    });
  }

  float log_sum_exp(const float* row) const {
    const float top = *std::max_element(row, row + k_);
    float sum = 0.0f;
    for (int k = 0; k < k_; ++k) sum += vector_math::exp(row[k] - top);
    return top + vector_math::log(sum);
  }

  float row_entropy(const float* log_p, const float* p) const {
    float h = 0.0f;
    for (int k = 0; k < k_; ++k) h -= p[k] * log_p[k];
    return h;
  }

  float row_kl(const float* log_p, const float* p, const float* log_q) const {
    float divergence = 0.0f;
    for (int k = 0; k < k_; ++k) divergence += p[k] * (log_p[k] - log_q[k]);
    return divergence;
  }

  int k_;
};

}  // namespace

std::unique_ptr<Distribution> make_categorical(int actions) {
  return std::make_unique<Categorical>(actions);
}

}  // namespace costate
