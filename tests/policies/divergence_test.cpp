// Divergences of executed actions against a second formulation: both distributions cut into half a
// million cells of the box, with the distribution functions of each family written anew here.
#include "policies/divergence.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

namespace costate {
namespace {

using Floats = std::vector<float>;

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

/// One dimension of an executed action: its parameters, P(action ≤ x) inside the box, and its
/// atoms.
struct Law {
  std::unique_ptr<Distribution> family;
  Floats row;
  std::function<double(double)> below;  ///< the part without atoms; nothing: there is none
  std::vector<std::pair<double, double>> atoms;
};

Law gaussian(double mean, double log_std) {
  const auto f = [=](double x) { return normal_cdf((x - mean) / std::exp(log_std)); };
  return {make_gaussian(1),
          {static_cast<float>(mean), static_cast<float>(log_std)},
          f,
          {{-1.0, f(-1.0)}, {1.0, normal_cdf((mean - 1.0) / std::exp(log_std))}}};
}
Law squashed(double mean, double log_std) {
  return {make_squashed_gaussian(1),
          {static_cast<float>(mean), static_cast<float>(log_std)},
          [=](double x) { return normal_cdf((std::atanh(x) - mean) / std::exp(log_std)); },
          {}};
}
Law bernoulli(double logit) {
  return {make_bernoulli(1),
          {static_cast<float>(logit)},
          {},
          {{-1.0, 1.0 / (1.0 + std::exp(logit))}, {1.0, 1.0 / (1.0 + std::exp(-logit))}}};
}
Law bins(const std::vector<double>& logits) {
  Law law{make_bins(1, static_cast<int>(logits.size())), {}, {}, {}};
  double total = 0.0;
  for (const double logit : logits) total += std::exp(logit);
  for (std::size_t k = 0; k < logits.size(); ++k) {
    law.row.push_back(static_cast<float>(logits[k]));
    law.atoms.emplace_back(
        -1.0 + 2.0 * static_cast<double>(k) / static_cast<double>(logits.size() - 1),
        std::exp(logits[k]) / total);
  }
  return law;
}
/// Two components with weights 0.25 and 0.75.
Law mixture(double mean1, double mean2, double log_std) {
  const auto f = [=](double x) {
    return 0.25 * normal_cdf((x - mean1) / std::exp(log_std)) +
           0.75 * normal_cdf((x - mean2) / std::exp(log_std));
  };
  return {make_mixture(1, 2),
          {0.0f, static_cast<float>(std::log(3.0)), static_cast<float>(mean1),
           static_cast<float>(mean2), static_cast<float>(log_std), static_cast<float>(log_std)},
          f,
          {{-1.0, f(-1.0)}, {1.0, 1.0 - f(1.0)}}};
}

/// By cells: sums of p log p/q and the like over cells and atoms, distances by the cells' ends.
Divergence by_cells(const Law& p, const Law& q) {
  constexpr int kCells = 500'000;
  Divergence out;
  const auto add = [&](double a, double b) {
    // Nothing in the sums, but its partner may have underflowed to 0.
    constexpr double kNothing = 1e-30;
    const double middle = 0.5 * (a + b);
    if (a > kNothing) {
      out.kl_pq += b > 0.0 ? a * std::log(a / b) : std::numeric_limits<double>::infinity();
      out.js += 0.5 * a * std::log(a / middle);
    }
    if (b > kNothing) {
      out.kl_qp += a > 0.0 ? b * std::log(b / a) : std::numeric_limits<double>::infinity();
      out.js += 0.5 * b * std::log(b / middle);
    }
    out.total_variation += 0.5 * std::abs(a - b);
  };
  const auto mass_at = [](const Law& law, double x) {
    for (const auto& [at, mass] : law.atoms) {
      if (std::abs(at - x) < 1e-12) return mass;
    }
    return 0.0;
  };
  std::vector<double> atoms;
  for (const Law* law : {&p, &q}) {
    for (const auto& [at, mass] : law->atoms) {
      if (std::ranges::none_of(atoms, [&, a = at](double x) { return std::abs(x - a) < 1e-12; })) {
        atoms.push_back(at);
      }
    }
  }
  for (const double at : atoms) add(mass_at(p, at), mass_at(q, at));
  const auto below = [](const Law& law, double x) {
    if (law.below) return law.below(x);
    double sum = 0.0;
    for (const auto& [at, mass] : law.atoms) sum += at <= x ? mass : 0.0;
    return sum;
  };
  const double width = 2.0 / kCells;
  for (int i = 0; i < kCells; ++i) {
    const double x = -1.0 + i * width;
    const auto cell = [&](const Law& law) {
      if (!law.below) return 0.0;
      const double low = i == 0 && law.atoms.empty() ? 0.0 : law.below(std::max(x, -1.0 + 1e-15));
      const double high =
          i + 1 == kCells && law.atoms.empty() ? 1.0 : law.below(std::min(x + width, 1.0 - 1e-15));
      return std::max(0.0, high - low);
    };
    add(cell(p), cell(q));
    const double gap = below(p, x + 0.5 * width) - below(q, x + 0.5 * width);
    out.wasserstein += width * std::abs(gap);
    out.energy += 2.0 * width * gap * gap;
  }
  return out;
}

Divergence computed(const Law& p, const Law& q) {
  ActionMarginal a;
  ActionMarginal b;
  a.assign(*p.family, p.row, 0);
  b.assign(*q.family, q.row, 0);
  return divergence(a, b);
}

void check_pair(const Law& p, const Law& q, double tolerance) {
  INFO(p.family->name() << " and " << q.family->name());
  const Divergence got = computed(p, q);
  Divergence expected = by_cells(p, q);
  // Cells of a narrow density underflow far out, where KL is still finite: not for them to say.
  if (p.below && q.below && p.atoms.size() <= q.atoms.size() && std::isinf(expected.kl_pq)) {
    CHECK(std::isfinite(got.kl_pq));
    expected.kl_pq = got.kl_pq;
  }
  const auto close = [&](double x, double y) {
    if (std::isinf(y)) return std::isinf(x);
    return std::abs(x - y) <= tolerance * (1.0 + std::abs(y));
  };
  CAPTURE(got.kl_pq, expected.kl_pq, got.kl_qp, expected.kl_qp, got.js, expected.js,
          got.total_variation, expected.total_variation, got.wasserstein, expected.wasserstein,
          got.energy, expected.energy);
  CHECK(close(got.kl_pq, expected.kl_pq));
  CHECK(close(got.kl_qp, expected.kl_qp));
  CHECK(close(got.js, expected.js));
  CHECK(close(got.total_variation, expected.total_variation));
  CHECK(close(got.wasserstein, expected.wasserstein));
  CHECK(close(got.energy, expected.energy));
}

TEST_CASE("Divergences of every pair of families equal those over half a million cells") {
  const auto laws = [] {
    std::vector<Law> all;
    all.push_back(gaussian(0.3, -1.0));
    all.push_back(gaussian(-0.8, -0.2));
    all.push_back(squashed(0.4, -0.5));
    all.push_back(mixture(-0.5, 0.6, -1.5));
    all.push_back(bernoulli(0.7));
    all.push_back(bins({0.2, -0.4, 1.0}));
    all.push_back(bins({0.0, 0.3, -1.0, 0.5, 0.1}));
    return all;
  }();
  for (std::size_t i = 0; i < laws.size(); ++i) {
    for (std::size_t k = 0; k < laws.size(); ++k) check_pair(laws[i], laws[k], 2e-5);
  }
}

TEST_CASE("Divergences hold for narrow, wide and far distributions") {
  check_pair(gaussian(0.1, -5.0), gaussian(0.1005, -5.2), 2e-4);
  // Nothing of these is clipped, so KL is that of the normals.
  CHECK(computed(gaussian(0.1, -5.0), gaussian(0.1005, -5.2)).kl_pq ==
        Approx(-0.2 + 0.5 * std::exp(0.4) + 0.5 * 0.0005 * 0.0005 * std::exp(10.4) - 0.5)
            .epsilon(1e-4));
  check_pair(gaussian(0.0, 1.5), gaussian(0.5, -3.0), 2e-4);
  check_pair(squashed(2.0, 0.5), gaussian(0.9, -2.0), 2e-4);
  check_pair(bernoulli(20.0), bernoulli(-20.0), 1e-6);
  check_pair(bernoulli(-20.0), bins({20.0, 0.0, -20.0}), 1e-6);
}

TEST_CASE("What is equal does not diverge, and what is disjoint does wholly") {
  for (const auto& make :
       {+[] { return gaussian(0.4, -3.0); }, +[] { return squashed(-1.0, 0.3); },
        +[] { return bernoulli(3.0); }, +[] { return mixture(-0.2, 0.2, -2.0); }}) {
    const Divergence same = computed(make(), make());
    CHECK(same.kl_pq == Approx(0.0).margin(1e-12));
    CHECK(same.js == Approx(0.0).margin(1e-12));
    CHECK(same.total_variation == Approx(0.0).margin(1e-12));
    CHECK(same.wasserstein == Approx(0.0).margin(1e-12));
    CHECK(same.energy == Approx(0.0).margin(1e-12));
  }
  const Divergence apart = computed(bernoulli(50.0), bernoulli(-50.0));
  CHECK(apart.js == Approx(std::numbers::ln2));
  CHECK(apart.total_variation == Approx(1.0));
  CHECK(apart.wasserstein == Approx(2.0));
  CHECK(apart.energy == Approx(4.0));  // 2 E|X − Y|
  CHECK(apart.kl_pq == Approx(50.0));
}

TEST_CASE("Discrete actions are as far apart as their probabilities") {
  const auto family = make_categorical(3);
  ActionMarginal p;
  ActionMarginal q;
  const Floats a = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  const Floats b = {std::log(0.1f), std::log(0.3f), std::log(0.6f)};
  p.assign(*family, a, 0);
  q.assign(*family, b, 0);
  const Divergence d = divergence(p, q, /*discrete=*/true);
  CHECK(d.total_variation == Approx(0.4));
  CHECK(d.wasserstein == Approx(0.4));
  CHECK(d.energy == Approx(0.16 + 0.16));
  CHECK(d.kl_pq == Approx(0.5 * std::log(5.0) + 0.2 * std::log(1.0 / 3.0)));
}

}  // namespace
}  // namespace costate
