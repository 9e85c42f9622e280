// Independent dimensions that take one of K values each, with probabilities softmax(logits): what
// the categorical and the binned families have in common. P = D·K, row [D, K].
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "backends/dense/kernels.h"
#include "policies/blocks.h"
#include "policies/distribution.h"

namespace costate {

class Softmax : public Distribution {
 public:
  int dimensions() const override { return d_; }
  int action_size() const override { return d_; }
  int parameter_size() const override { return d_ * k_; }
  int values_per_dimension() const override { return k_; }

  void sample(std::span<const float> parameters, RandomStream& random,
              std::span<float> action) const override;
  void mode(std::span<const float> parameters, std::span<float> action) const override;

  void log_prob(std::span<const float> parameters, std::span<const float> actions,
                std::span<float> out) const override;
  void log_prob_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> weights, std::span<float> gradient) const override;
  void entropy(std::span<const float> parameters, std::span<float> out) const override;
  void entropy_gradient(std::span<const float> parameters, std::span<const float> weights,
                        std::span<float> gradient) const override;
  EntropyRange entropy_range() const override;
  void kl(std::span<const float> p, std::span<const float> q, std::span<float> out) const override;
  void kl_gradient(std::span<const float> p, std::span<const float> q,
                   std::span<const float> weights, std::span<float> gradient_p,
                   std::span<float> gradient_q) const override;

  /// Those for which a value needs no slope.
  bool has(Estimator estimator) const override;
  void expectation_gradient(std::span<const float> parameters, std::span<const float> values,
                            std::span<float> gradient) const override;

  /// The logits (of which one a dimension is redundant).
  bool natural(std::span<const float> parameters, std::span<float> out) const override;
  bool from_natural(std::span<const float> natural, std::span<float> parameters) const override;

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override;

 protected:
  /// `values` [K], in rising order and evenly spaced, are what an action row holds.
  Softmax(int dimensions, std::vector<float> values)
      : d_(dimensions),
        k_(static_cast<int>(values.size())),
        values_(std::move(values)),
        step_(k_ > 1 ? values_[1] - values_[0] : 1.0f) {}

  /// Where in `values_` an action's entry stands.
  int index(float value) const { return static_cast<int>((value - values_[0]) / step_ + 0.5f); }

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

  /// Calls f(first, rows) for blocks of rows.
  template <class F>
  void for_row_blocks(std::size_t rows, F f) const {
    const std::size_t block = std::max<std::size_t>(1, kBlockEntries / k_);
    for (std::size_t first = 0; first < rows; first += block)
      f(first, std::min(block, rows - first));
  }

  /// Calls f(row of [n·D, K], log π, π).
  template <class F>
  void for_each_row(std::span<const float> logits, F f) const {
    for_row_blocks(logits.size() / k_, [&](std::size_t first, std::size_t rows) {
      const Rows block(logits.subspan(first * k_, rows * k_), rows, k_);
      for (std::size_t r = 0; r < rows; ++r) {
        f(first + r, block.log_p.data() + r * k_, block.p.data() + r * k_);
      }
    });
  }

  /// Calls f(row of [n·D, K], log p, p, log q, q).
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

  int d_;
  int k_;
  std::vector<float> values_;

 private:
  float step_;
};

}  // namespace costate
