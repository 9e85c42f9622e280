// Two-sample measures against closed forms, and the p-value's promise under the hypothesis.
#include "backends/diagnostics/two_sample.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "envs/random.h"

namespace costate {
namespace {

PointSample normal_points(std::size_t n, std::size_t width, double shift, RandomStream& random) {
  PointSample sample;
  sample.width = width;
  for (std::size_t i = 0; i < n * width; ++i) {
    sample.points.push_back(random.normal() + (i % width == 0 ? shift : 0.0));
  }
  sample.units.resize(n);
  std::iota(sample.units.begin(), sample.units.end(), std::size_t{0});
  return sample;
}

TEST_CASE("The mean discrepancy of normal samples is that of the closed form") {
  // E k(x, y) of N(0, I) and N(m, I) with exp(−r²/s): (s/(s + 4))^{d/2} exp(−|m|²/(s + 4)).
  RandomStream random(derive_key({41}));
  const auto a = normal_points(1000, 2, 0.0, random);
  const auto b = normal_points(1000, 2, 1.0, random);
  const MeanDiscrepancy found = mean_discrepancy(a, b, 99);
  // The median of all squared distances, by the same rule from the points themselves.
  std::vector<double> distances;
  std::vector<double> all = a.points;
  all.insert(all.end(), b.points.begin(), b.points.end());
  for (std::size_t i = 0; i < 2000; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      distances.push_back(std::pow(all[2 * i] - all[2 * k], 2) +
                          std::pow(all[2 * i + 1] - all[2 * k + 1], 2));
    }
  }
  std::ranges::nth_element(distances,
                           distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2));
  const double s = distances[distances.size() / 2];
  const double same = s / (s + 4.0);
  CHECK(found.squared == Approx(2.0 * same * (1.0 - std::exp(-1.0 / (s + 4.0)))).epsilon(0.15));
  CHECK(found.p_value == Approx(0.01));
}

TEST_CASE("The p-value of equal distributions is uniform") {
  RandomStream random(derive_key({42}));
  constexpr int kDraws = 200;
  int below_half = 0;
  int below_twentieth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto a = normal_points(20, 3, 0.0, random);
    const auto b = normal_points(30, 3, 0.0, random);
    const double p = mean_discrepancy(a, b, 99).p_value;
    below_half += p <= 0.5 ? 1 : 0;
    below_twentieth += p <= 0.05 ? 1 : 0;
  }
  // Binomial: standard errors 3.5 % and 1.5 %.
  CHECK(below_half / double{kDraws} == Approx(0.5).margin(0.14));
  CHECK(below_twentieth / double{kDraws} == Approx(0.05).margin(0.06));
}

TEST_CASE("Points of one unit move together when they are permuted") {
  // Each unit is one point many times over: what looks like 60 points are six.
  RandomStream random(derive_key({43}));
  int rejected = 0;
  for (int draw = 0; draw < 100; ++draw) {
    PointSample samples[2];
    for (PointSample& sample : samples) {
      sample.width = 1;
      for (std::size_t unit = 0; unit < 6; ++unit) {
        const double at = random.normal();
        for (int i = 0; i < 10; ++i) {
          sample.points.push_back(at + 0.01 * random.normal());
          sample.units.push_back(unit);
        }
      }
    }
    rejected += mean_discrepancy(samples[0], samples[1], 99).p_value <= 0.05 ? 1 : 0;
  }
  CHECK(rejected <= 5 + 4 * 2.2);
}

TEST_CASE("The sliced Wasserstein distance of a shift is its mean projection") {
  RandomStream random(derive_key({44}));
  auto a = normal_points(400, 2, 0.0, random);
  auto b = a;
  for (std::size_t i = 0; i < b.points.size(); i += 2) b.points[i] += 3.0;
  // Mean over directions of |3 cos φ|: 3 · 2/π; 4000 directions.
  CHECK(sliced_wasserstein(a, b, 4000) == Approx(6.0 / std::acos(-1.0)).epsilon(0.04));
  CHECK(sliced_wasserstein(a, a) == 0.0);
  // Samples of different sizes: 0 and 1 once each, against 0 twice and 1 four times.
  PointSample c{{0.0, 1.0}, {0, 1}, 1};
  PointSample d{{0.0, 0.0, 1.0, 1.0, 1.0, 1.0}, {0, 1, 2, 3, 4, 5}, 1};
  CHECK(sliced_wasserstein(c, d) == Approx(1.0 / 6.0));
}

TEST_CASE("Principal axes are those of the covariance") {
  RandomStream random(derive_key({45}));
  std::vector<double> points;
  for (int i = 0; i < 2000; ++i) {
    const double u = 3.0 * random.normal();
    const double v = random.normal();
    points.insert(points.end(), {1.0 + 0.6 * u - 0.8 * v, 2.0 + 0.8 * u + 0.6 * v, 5.0});
  }
  const PrincipalAxes axes = principal_axes(points, 3);
  CHECK(axes.shares[0] == Approx(0.9).margin(0.02));
  CHECK(std::abs(axes.axes[0][0]) == Approx(0.6).margin(0.03));
  CHECK(std::abs(axes.axes[0][1]) == Approx(0.8).margin(0.03));
  CHECK(axes.axes[0][2] == Approx(0.0).margin(1e-9));
}

}  // namespace
}  // namespace costate
