// Independent normals, clipped to the box when executed.
#include <cmath>
#include <limits>

#include "policies/normals.h"

namespace costate {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Gaussian final : public Normals {
 public:
  // What is clipped has no say in how far the sample was beyond the box, so an entropy bonus can
  // drive the deviation up without end: the bounds only keep it finite.
  explicit Gaussian(int dimensions) : Normals(dimensions, -20.0f, 10.0f) {}

  std::string_view name() const override { return "gaussian"; }

  void mean(std::span<const float> parameters, std::span<float> action) const override {
    for (int d = 0; d < d_; ++d) {
      action[d] = static_cast<float>(clipped_normal_mean(parameters[d], std_of(parameters, d)));
    }
  }

  void execute(std::span<float> actions) const override {
    for (float& a : actions) a = std::clamp(a, -1.0f, 1.0f);
  }

  bool clips() const override { return true; }

  EntropyRange entropy_range() const override { return {-kInfinity, kInfinity}; }

  // a = clip(μ + σξ) moves with its sample inside the box and not at all at its edge;
  // log π = −ξ²/2 − log σ + constant.
  void pathwise_gradient(std::span<const float> parameters, std::span<const float> actions,
                         std::span<const float> d_executed, std::span<const float> d_raw,
                         std::span<const float> weights, std::span<float> gradient) const override {
    for_entries(0, actions.size(), d_, [&](std::size_t k, std::size_t row, std::size_t i) {
      const std::size_t at = 2 * d_ * row + i;
      const float d_sample =
          (std::abs(actions[k]) < 1.0f ? d_executed[k] : 0.0f) + (d_raw.empty() ? 0.0f : d_raw[k]);
      gradient[at] += d_sample;
      gradient[at + d_] +=
          passes(parameters[at + d_]) * (d_sample * (actions[k] - parameters[at]) - weights[row]);
    });
  }

  void cdf(std::span<const float> parameters, double x, std::span<double> out) const override {
    for (int d = 0; d < d_; ++d) {
      if (x < -1.0 || x >= 1.0) {
        out[d] = x < -1.0 ? 0.0 : 1.0;
        continue;
      }
      out[d] = normal_cdf((x - parameters[d]) / std_of(parameters, d));
    }
  }
};

}  // namespace

std::unique_ptr<Distribution> make_gaussian(int dimensions) {
  return std::make_unique<Gaussian>(dimensions);
}

}  // namespace costate
