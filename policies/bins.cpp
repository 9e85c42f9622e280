// Each dimension at one of K values spread evenly over the box.
#include <cassert>

#include "policies/softmax.h"

namespace costate {
namespace {

std::vector<float> spread(int count) {
  std::vector<float> values(count);
  for (int k = 0; k < count; ++k) {
    values[k] = static_cast<float>(-1.0 + 2.0 * k / (count - 1));
  }
  return values;
}

class Bins final : public Softmax {
 public:
  Bins(int dimensions, int values, std::string_view name)
      : Softmax(dimensions, spread(values)), name_(name) {
    assert(values >= 2 && values <= static_cast<int>(kBlockEntries));
  }

  std::string_view name() const override { return name_; }
  Support support() const override { return Support::kBins; }
  std::span<const float> bins() const override { return values_; }

  std::vector<std::string> parameter_names() const override {
    std::vector<std::string> names;
    for (int d = 0; d < d_; ++d) {
      for (int k = 0; k < k_; ++k) {
        names.push_back("logit[" + std::to_string(d) + "][" + std::to_string(k) + "]");
      }
    }
    return names;
  }

  void mean(std::span<const float> parameters, std::span<float> action) const override {
    for_each_row(parameters,
                 [&](std::size_t d, const float*, const float* p) { action[d] = row_mean(p); });
  }

  bool has(Estimator estimator) const override {
    return estimator == Estimator::kStraightThrough || estimator == Estimator::kGumbel ||
           Softmax::has(estimator);
  }

  // ∂mean/∂l_k = π_k·(v_k − mean).
  void mean_gradient(std::span<const float> parameters, std::span<const float> d_mean,
                     std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t r, const float*, const float* p) {
      const float mean = row_mean(p);
      for (int k = 0; k < k_; ++k) gradient[r * k_ + k] += d_mean[r] * p[k] * (values_[k] - mean);
    });
  }

  // The sample is the argmax of x_k = log π_k + G_k with Gumbel noise, its relaxation the mean of
  // the values under softmax(x/t) (Jang et al., "Categorical Reparameterization with
  // Gumbel-Softmax", ICLR 2017). Given that x_a is the largest, x_a = −log E_a and the others are
  // Gumbels truncated there, x_k = −log(E_a + E_k/π_k), with E standard exponential (Maddison et
  // al., "A* Sampling", NeurIPS 2014).
  void gumbel_gradient(std::span<const float> parameters, std::span<const float> actions,
                       std::span<const float> d_executed, double temperature, RandomStream& random,
                       std::span<float> gradient) const override {
    for_each_row(parameters, [&](std::size_t r, const float* log_p, const float*) {
      const int sampled = index(actions[r]);
      // exp((x_k − x_a)/t) = (1 + E_k/(π_k·E_a))^(−1/t), in logarithms.
      const double log_top = log_exponential(random);
      Block y;
      float sum = 0.0f;
      float relaxed = 0.0f;
      for (int k = 0; k < k_; ++k) {
        y[k] = 1.0f;
        if (k != sampled) {
          const double log_ratio = log_exponential(random) - log_p[k] - log_top;
          const double behind =
              std::max(log_ratio, 0.0) + std::log1p(std::exp(-std::abs(log_ratio)));
          y[k] = static_cast<float>(std::exp(-behind / temperature));
        }
        sum += y[k];
        relaxed += y[k] * values_[k];
      }
      relaxed /= sum;
      const float scale = d_executed[r] / (sum * static_cast<float>(temperature));
      for (int k = 0; k < k_; ++k) gradient[r * k_ + k] += scale * y[k] * (values_[k] - relaxed);
    });
  }

 private:
  float row_mean(const float* p) const {
    float mean = 0.0f;
    for (int k = 0; k < k_; ++k) mean += p[k] * values_[k];
    return mean;
  }

  // The logarithm of a standard exponential; the tiny number keeps it finite.
  static double log_exponential(RandomStream& random) {
    return std::log(1e-300 - std::log1p(-random.uniform()));
  }

  std::string_view name_;
};

}  // namespace

std::unique_ptr<Distribution> make_bins(int dimensions, int values) {
  return std::make_unique<Bins>(dimensions, values, "bins");
}

std::unique_ptr<Distribution> make_ternary(int dimensions) {
  return std::make_unique<Bins>(dimensions, 3, "ternary");
}

}  // namespace costate
