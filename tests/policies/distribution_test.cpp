// Action distributions against closed forms, the figures of the bang-bang paper's card, numerical
// integration, and finite differences.
#include "policies/distribution.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <vector>

#include "envs/error.h"

namespace costate {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

float log_prob(const Distribution& d, const Floats& parameters, const Floats& action) {
  Floats per_dimension(d.dimensions());
  Floats out(1);
  d.log_prob(parameters, action, per_dimension);
  d.joint(per_dimension, out);
  return out[0];
}

float entropy(const Distribution& d, const Floats& parameters) {
  Floats per_dimension(d.dimensions());
  Floats out(1);
  d.entropy(parameters, per_dimension);
  d.joint(per_dimension, out);
  return out[0];
}

float kl(const Distribution& d, const Floats& p, const Floats& q) {
  Floats per_dimension(d.dimensions());
  Floats out(1);
  d.kl(p, q, per_dimension);
  d.joint(per_dimension, out);
  return out[0];
}

// Central differences of f at x, in steps that suit float arithmetic.
template <class F>
Doubles slope(const Floats& x, F f) {
  Doubles result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Floats up = x;
    Floats down = x;
    up[i] += 1e-2f;
    down[i] -= 1e-2f;
    result.push_back((static_cast<double>(f(up)) - f(down)) /
                     (static_cast<double>(up[i]) - down[i]));
  }
  return result;
}

void check_gradients(const Distribution& d, const Floats& p, const Floats& q,
                     const Floats& action) {
  const Floats weight = {2.0f};
  const auto check = [&](const Floats& analytic, const Doubles& numeric) {
    for (std::size_t i = 0; i < analytic.size(); ++i) {
      INFO(d.name() << ", parameter " << i);
      // `analytic` started from 1, since gradients are added to what is there.
      CHECK(analytic[i] - 1.0f == Approx(2.0 * numeric[i]).margin(2e-3).epsilon(2e-3));
    }
  };
  Floats g(p.size(), 1.0f);
  d.log_prob_gradient(p, action, weight, g);
  check(g, slope(p, [&](const Floats& x) { return log_prob(d, x, action); }));

  g.assign(p.size(), 1.0f);
  d.entropy_gradient(p, weight, g);
  check(g, slope(p, [&](const Floats& x) { return entropy(d, x); }));

  g.assign(p.size(), 1.0f);
  Floats gq(p.size(), 1.0f);
  d.kl_gradient(p, q, weight, g, gq);
  check(g, slope(p, [&](const Floats& x) { return kl(d, x, q); }));
  check(gq, slope(q, [&](const Floats& x) { return kl(d, p, x); }));

  // One side alone gives the same.
  Floats alone(p.size(), 1.0f);
  d.kl_gradient(p, q, weight, {}, alone);
  CHECK(alone == gq);
}

TEST_CASE("analytic gradients agree with finite differences") {
  check_gradients(*make_gaussian(2), {0.3f, -0.8f, -0.5f, 0.2f}, {-0.1f, 0.4f, 0.1f, -0.3f},
                  {0.9f, -1.7f});
  check_gradients(*make_bernoulli(3), {0.5f, -1.0f, 3.0f}, {-1.0f, 0.2f, 2.0f},
                  {1.0f, 1.0f, -1.0f});
  check_gradients(*make_categorical(4), {0.5f, -1.0f, 2.0f, 0.1f}, {0.0f, 0.3f, -0.7f, 1.0f},
                  {2.0f});
}

TEST_CASE("bernoulli has the values of the closed forms") {
  const auto d = make_bernoulli(1);
  CHECK(log_prob(*d, {0.5f}, {1.0f}) == Approx(-0.474077).margin(1e-6));
  CHECK(log_prob(*d, {0.5f}, {-1.0f}) == Approx(-0.974077).margin(1e-6));
  CHECK(entropy(*d, {0.5f}) == Approx(0.662847).margin(1e-6));
  CHECK(entropy(*d, {3.0f}) == Approx(0.190865).margin(1e-6));
  CHECK(entropy(*d, {-2.0f}) == Approx(0.365334).margin(1e-6));
  CHECK(kl(*d, {0.5f}, {-1.0f}) == Approx(0.272874).margin(1e-6));
  CHECK(kl(*d, {-1.0f}, {0.5f}) == Approx(0.257403).margin(1e-6));
  CHECK(kl(*d, {0.5f}, {0.5f}) == 0.0f);
  Floats g = {0.0f};
  const Floats one = {1.0f};
  const Floats half = {0.5f};
  d->entropy_gradient(half, one, g);
  CHECK(g[0] == Approx(-0.117502).margin(1e-6));
}

TEST_CASE("bernoulli survives logits at which a sigmoid underflows") {
  const auto d = make_bernoulli(1);
  // log σ(−200) = −200 to float precision; through a rounded probability it would be −∞.
  CHECK(log_prob(*d, {200.0f}, {-1.0f}) == Approx(-200.0));
  CHECK(log_prob(*d, {200.0f}, {1.0f}) == 0.0f);
  CHECK(entropy(*d, {200.0f}) == 0.0f);
  CHECK(entropy(*d, {-200.0f}) == 0.0f);
  CHECK(kl(*d, {200.0f}, {-200.0f}) == Approx(200.0));
}

TEST_CASE("gaussian agrees with numerical integration of its density") {
  const auto d = make_gaussian(1);
  const Floats p = {0.4f, -0.7f};
  const Floats q = {-0.2f, 0.1f};
  const auto density = [](const Floats& row, double x) {
    const double std = std::exp(static_cast<double>(row[1]));
    const double z = (x - row[0]) / std;
    return std::exp(-0.5 * z * z) / (std * std::sqrt(2.0 * std::numbers::pi));
  };
  CHECK(log_prob(*d, p, {1.3f}) == Approx(std::log(density(p, 1.3f))).epsilon(1e-5));
  double h = 0.0;
  double divergence = 0.0;
  const double dx = 1e-3;
  for (double x = -8.0; x < 8.0; x += dx) {
    h -= density(p, x) * std::log(density(p, x)) * dx;
    divergence += density(p, x) * std::log(density(p, x) / density(q, x)) * dx;
  }
  CHECK(entropy(*d, p) == Approx(h).epsilon(1e-5));
  CHECK(kl(*d, p, q) == Approx(divergence).epsilon(1e-5));
}

TEST_CASE("a squashed gaussian agrees with numerical integration over its executed action") {
  const auto d = make_squashed_gaussian(1);
  for (const Floats& p : {Floats{0.4f, -0.7f}, Floats{-1.5f, 0.3f}, Floats{0.2f, 1.0f}}) {
    const double mean = p[0];
    const double std = std::exp(static_cast<double>(p[1]));
    // Over u, since the density of the executed action has spikes at ±1.
    double total = 0.0;
    double h = 0.0;
    double first = 0.0;
    const double du = 1e-3;
    for (double u = mean - 9.0 * std; u < mean + 9.0 * std; u += du) {
      const double z = (u - mean) / std;
      const double p_u = std::exp(-0.5 * z * z) / (std * std::sqrt(2.0 * std::numbers::pi));
      // 1 − tanh²u = 1/cosh²u.
      const double log_p = std::log(p_u) + 2.0 * std::log(std::cosh(u));
      total += p_u * du;
      h -= p_u * log_p * du;
      first += p_u * std::tanh(u) * du;
      if (std::abs(std::fmod(std::abs(u), 1.0)) < du) {
        CHECK(log_prob(*d, p, {static_cast<float>(u)}) == Approx(log_p).margin(1e-3));
      }
    }
    CHECK(total == Approx(1.0).margin(1e-9));
    CHECK(entropy(*d, p) == Approx(h).margin(1e-5));
    Floats m(1);
    d->mean(p, m);
    CHECK(m[0] == Approx(first).margin(1e-5));
  }
}

TEST_CASE("categorical agrees with sums over its outcomes") {
  const auto d = make_categorical(3);
  const Floats p = {1.0f, 0.0f, -2.0f};
  const Floats q = {0.0f, 0.5f, 0.0f};
  const double zp = std::exp(1.0) + 1.0 + std::exp(-2.0);
  const double zq = 2.0 + std::exp(0.5);
  double h = 0.0;
  double divergence = 0.0;
  for (int k = 0; k < 3; ++k) {
    const double pk = std::exp(static_cast<double>(p[k])) / zp;
    const double qk = std::exp(static_cast<double>(q[k])) / zq;
    CHECK(log_prob(*d, p, {static_cast<float>(k)}) == Approx(std::log(pk)).epsilon(1e-5));
    h -= pk * std::log(pk);
    divergence += pk * std::log(pk / qk);
  }
  CHECK(entropy(*d, p) == Approx(h).epsilon(1e-5));
  CHECK(kl(*d, p, q) == Approx(divergence).epsilon(1e-5));
}

// A frequency over n draws lies within 5 standard errors of its probability but for one time in
// 1.7 million.
void check_frequency(double count, double n, double probability) {
  CHECK(std::abs(count / n - probability) < 5.0 * std::sqrt(probability * (1.0 - probability) / n));
}

TEST_CASE("samples have the frequencies that log_prob and cdf state") {
  RandomStream random(7);
  const int n = 100000;
  SECTION("bernoulli") {
    const auto d = make_bernoulli(2);
    const Floats p = {0.5f, -1.5f};
    double ups[2] = {0.0, 0.0};
    Floats a(2);
    for (int i = 0; i < n; ++i) {
      d->sample(p, random, a);
      for (int j = 0; j < 2; ++j) {
        REQUIRE(std::abs(a[j]) == 1.0f);
        ups[j] += a[j] > 0.0f;
      }
    }
    check_frequency(ups[0], n, 0.622459);
    check_frequency(ups[1], n, 0.182426);
  }
  SECTION("categorical") {
    const auto d = make_categorical(3);
    const Floats p = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
    double counts[3] = {0.0, 0.0, 0.0};
    Floats a(1);
    for (int i = 0; i < n; ++i) {
      d->sample(p, random, a);
      counts[static_cast<int>(a[0])] += 1.0;
    }
    check_frequency(counts[0], n, 0.2);
    check_frequency(counts[1], n, 0.5);
    check_frequency(counts[2], n, 0.3);
  }
  SECTION("gaussian, executed") {
    const auto d = make_gaussian(1);
    const Floats p = {0.5f, 0.0f};
    double at_top = 0.0;
    double below_zero = 0.0;
    Floats a(1);
    for (int i = 0; i < n; ++i) {
      d->sample(p, random, a);
      d->execute(a);
      REQUIRE(std::abs(a[0]) <= 1.0f);
      at_top += a[0] == 1.0f;
      below_zero += a[0] <= 0.0f;
    }
    check_frequency(at_top, n, 0.308538);      // 1 − Φ(½)
    check_frequency(below_zero, n, 0.308538);  // Φ(−½)
    Doubles f(1);
    d->cdf(p, 0.0, f);
    CHECK(f[0] == Approx(0.308538).margin(1e-6));
    d->cdf(p, 1.0, f);
    CHECK(f[0] == 1.0);
    d->cdf(p, -1.0001, f);
    CHECK(f[0] == 0.0);
  }
}

// ---- what every family has to keep: a new one is a line of instances()

struct Instance {
  std::unique_ptr<Distribution> family;
  Floats p;
  Floats q;
  // For a box, what turns the density that log_prob states into one over the raw action.
  double (*slope)(double raw) = nullptr;
};

double one(double /*raw*/) {
  return 1.0;
}

std::vector<Instance> instances() {
  const Floats normal_p = {0.3f, -0.8f, -0.5f, 0.2f};
  const Floats normal_q = {-0.1f, 0.4f, 0.1f, -0.3f};
  std::vector<Instance> all;
  all.push_back({make_gaussian(2), normal_p, normal_q, one});
  all.push_back({make_squashed_gaussian(2), normal_p, normal_q,
                 [](double u) { return std::pow(std::cosh(u), -2.0); }});
  all.push_back({make_mixture(2, 3),
                 {0.3f, -0.2f, 0.5f, 0.1f, 0.4f, -0.6f,      // logits
                  -0.8f, 0.2f, 0.9f, -0.3f, 0.1f, 1.2f,      // means
                  -1.2f, -0.5f, -1.5f, 0.2f, -2.0f, -0.4f},  // log standard deviations
                 {-0.1f, 0.6f, 0.2f, 0.0f, 0.3f, 0.5f,       //
                  -0.5f, 0.1f, 0.7f, -0.4f, 0.3f, 0.8f,      //
                  -0.9f, -0.2f, -1.0f, 0.1f, -1.4f, -0.1f},
                 one});
  all.push_back({make_bernoulli(2), {0.5f, -1.0f}, {-1.0f, 0.2f}});
  all.push_back({make_ternary(2),
                 {0.5f, -1.0f, 0.3f, 0.2f, 0.1f, -0.4f},
                 {-1.0f, 0.2f, 1.0f, 0.0f, 0.3f, 0.4f}});
  all.push_back({make_bins(2, 5),
                 {0.5f, -1.0f, 0.7f, 0.0f, 0.1f, 0.2f, 0.9f, -0.4f, -0.2f, 1.1f},
                 {0.0f, 0.3f, -0.7f, 1.0f, 0.6f, -0.3f, 0.2f, 0.4f, 0.8f, -1.0f}});
  all.push_back({make_categorical(4), {0.5f, -1.0f, 2.0f, 0.1f}, {0.0f, 0.3f, -0.7f, 1.0f}});
  return all;
}

bool is_box(const Distribution& d) {
  return d.support() == Distribution::Support::kBox;
}

Floats repeated(const Floats& row, std::size_t times) {
  Floats rows;
  for (std::size_t i = 0; i < times; ++i) rows.insert(rows.end(), row.begin(), row.end());
  return rows;
}

Floats samples(const Distribution& d, const Floats& p, int n, std::uint64_t seed) {
  RandomStream random(seed);
  Floats actions(static_cast<std::size_t>(n) * d.action_size());
  for (auto row = std::span(actions); !row.empty(); row = row.subspan(d.action_size())) {
    d.sample(p, random, row.first(d.action_size()));
  }
  return actions;
}

Floats executed(const Distribution& d, Floats actions) {
  for (auto row = std::span(actions); !row.empty(); row = row.subspan(d.action_size())) {
    d.execute(row.first(d.action_size()));
  }
  return actions;
}

double cdf(const Distribution& d, const Floats& p, double x, int dimension) {
  Doubles f(d.dimensions());
  d.cdf(p, x, f);
  return f[dimension];
}

constexpr int kSamples = 20000;

TEST_CASE("actions drawn in rows are those drawn one after the other") {
  for (const Instance& x : instances()) {
    INFO(x.family->name());
    const std::size_t n = 300;
    Floats parameters;
    for (std::size_t i = 0; i < n; ++i) {
      const Floats& row = i % 3 == 0 ? x.p : x.q;
      parameters.insert(parameters.end(), row.begin(), row.end());
    }
    const auto p = static_cast<std::size_t>(x.family->parameter_size());
    const auto a = static_cast<std::size_t>(x.family->action_size());
    RandomStream one_by_one(5);
    RandomStream together(5);
    Floats expected(n * a);
    for (std::size_t i = 0; i < n; ++i) {
      x.family->sample(std::span(parameters).subspan(i * p, p), one_by_one,
                       std::span(expected).subspan(i * a, a));
    }
    Floats actions(n * a);
    x.family->sample_rows(parameters, together, actions);
    CHECK(together.counter() == one_by_one.counter());
    for (std::size_t i = 0; i < actions.size(); ++i) {
      CHECK(actions[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-5));
    }
    Floats all = actions;
    x.family->execute(all);
    CHECK(all == executed(*x.family, actions));
  }
}

TEST_CASE("every family: shapes, names and where executed actions lie") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    INFO(d.name());
    CHECK(static_cast<int>(d.parameter_names().size()) == d.parameter_size());
    CHECK(d.parameter_size() == static_cast<int>(x.p.size()));
    CHECK(d.shareable_parameters() < d.parameter_size());
    const int values = d.values_per_dimension();
    CHECK(static_cast<int>(d.enumerate().size()) ==
          (is_box(d) ? 0 : d.action_size() * static_cast<int>(std::pow(values, d.dimensions()))));
    CHECK(is_box(d) == (values == 0));
    CHECK(d.has(Estimator::kEnum) == !is_box(d));
    const Floats raw = samples(d, x.p, 2000, 1);
    const Floats actions = executed(d, raw);
    for (const float a : actions) {
      if (is_box(d)) {
        REQUIRE(std::abs(a) <= 1.0f);
      } else if (d.bins().empty()) {
        REQUIRE((a == std::floor(a) && a >= 0.0f && a < static_cast<float>(values)));
      } else {
        REQUIRE(std::ranges::count(d.bins(), a) == 1);
      }
    }
    // An executed action, taken back and carried out again, is itself.
    Floats back = actions;
    for (int i = 0; i < 2000; ++i) {
      d.to_raw(std::span(back).subspan(i * d.action_size(), d.action_size()));
    }
    for (const float u : back) REQUIRE(std::isfinite(u));
    back = executed(d, back);
    for (std::size_t i = 0; i < back.size(); ++i) REQUIRE(std::abs(back[i] - actions[i]) < 1e-6f);
  }
}

TEST_CASE("every family: samples follow cdf, and dimensions are independent") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    const Floats actions = executed(d, samples(d, x.p, kSamples, 2));
    std::vector<Doubles> columns(d.dimensions());
    for (std::size_t k = 0; k < actions.size(); ++k)
      columns[k % d.dimensions()].push_back(actions[k]);
    // By the Dvoretzky-Kiefer-Wolfowitz inequality the largest difference exceeds this bound once
    // in 1e9 times, for any distribution.
    const double bound = std::sqrt(std::log(2e9) / (2.0 * kSamples));
    for (int i = 0; i < d.dimensions(); ++i) {
      Doubles sorted = columns[i];
      std::ranges::sort(sorted);
      double largest = 0.0;
      for (int k = 0; k < kSamples; ++k) {
        // Where equal samples meet, only the last counts from above and the first from below.
        if (k + 1 == kSamples || sorted[k + 1] != sorted[k]) {
          largest = std::max(largest, std::abs((k + 1.0) / kSamples - cdf(d, x.p, sorted[k], i)));
        }
        if (k == 0 || sorted[k - 1] != sorted[k]) {
          const double below = std::nextafter(sorted[k], -2.0);
          largest = std::max(largest,
                             std::abs(static_cast<double>(k) / kSamples - cdf(d, x.p, below, i)));
        }
      }
      INFO(d.name() << ", dimension " << i);
      CHECK(largest < bound);
    }
    if (d.dimensions() < 2) continue;
    // A covariance is within 6 standard errors but for once in 5e8.
    double product = 0.0;
    double squares[2] = {0.0, 0.0};
    const double means[2] = {std::reduce(columns[0].begin(), columns[0].end()) / kSamples,
                             std::reduce(columns[1].begin(), columns[1].end()) / kSamples};
    for (int k = 0; k < kSamples; ++k) {
      const double u = columns[0][k] - means[0];
      const double v = columns[1][k] - means[1];
      product += u * v;
      squares[0] += u * u;
      squares[1] += v * v;
    }
    INFO(d.name());
    CHECK(std::abs(product) < 6.0 * std::sqrt(squares[0] * squares[1] / kSamples));
  }
}

TEST_CASE("every family: boundary mass is that of samples") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    if (d.support() == Distribution::Support::kFinite) continue;
    const Floats actions = executed(d, samples(d, x.p, kSamples, 3));
    for (const double epsilon : {0.01, 0.3}) {
      Doubles mass(d.dimensions());
      d.boundary_mass(x.p, epsilon, mass);
      for (int i = 0; i < d.dimensions(); ++i) {
        double count = 0.0;
        for (int k = 0; k < kSamples; ++k) {
          count += std::abs(actions[k * d.action_size() + i]) >= 1.0 - epsilon;
        }
        INFO(d.name() << ", dimension " << i);
        if (mass[i] == Approx(1.0).margin(1e-12)) {
          CHECK(count == kSamples);
        } else {
          check_frequency(count, kSamples, mass[i]);
        }
      }
    }
  }
}

// Σ over all actions, or ∫ over raw ones, of π·g(log p, log q), summed over the dimensions.
template <class G>
double expectation(const Instance& x, G g) {
  const Distribution& d = *x.family;
  double total = 0.0;
  if (!is_box(d)) {
    const Floats actions = d.enumerate();
    for (std::size_t k = 0; k < actions.size(); k += d.action_size()) {
      const Floats action(actions.begin() + k, actions.begin() + k + d.action_size());
      const double log_p = log_prob(d, x.p, action);
      total += std::exp(log_p) * g(log_p, static_cast<double>(log_prob(d, x.q, action)));
    }
    return total;
  }
  constexpr double kStep = 2e-3;
  const int dimensions = d.dimensions();
  const int points = static_cast<int>(28.0 / kStep);
  Floats raw;
  for (int k = 0; k < points; ++k) {
    for (int i = 0; i < dimensions; ++i) raw.push_back(static_cast<float>(-14.0 + k * kStep));
  }
  Floats log_p(raw.size());
  Floats log_q(raw.size());
  d.log_prob(repeated(x.p, points), raw, log_p);
  d.log_prob(repeated(x.q, points), raw, log_q);
  for (std::size_t k = 0; k < raw.size(); ++k) {
    total += std::exp(static_cast<double>(log_p[k])) * x.slope(raw[k]) * kStep *
             g(static_cast<double>(log_p[k]), static_cast<double>(log_q[k]));
  }
  return total;
}

TEST_CASE("every family: log_prob is normalised and gives entropy and KL") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    INFO(d.name());
    // Of a box the dimensions are integrated one by one.
    CHECK(expectation(x, [](double, double) { return 1.0; }) ==
          Approx(is_box(d) ? d.dimensions() : 1.0).margin(1e-4));
    CHECK(entropy(d, x.p) ==
          Approx(expectation(x, [](double p, double) { return -p; })).margin(2e-4));
    CHECK(kl(d, x.p, x.q) ==
          Approx(expectation(x, [](double p, double q) { return p - q; })).margin(2e-4));
    // The entropy bounds are those of the family.
    const auto range = d.entropy_range();
    CHECK(entropy(d, x.p) > range.low);
    CHECK(entropy(d, x.p) < range.high);
    if (is_box(d)) {
      // In the box, the density is the slope of the cdf.
      for (const float a : {-0.9f, 0.1f, 0.8f}) {
        Floats raw(d.action_size(), a);
        d.to_raw(raw);
        Floats density(d.dimensions());
        d.log_prob(x.p, raw, density);
        for (int i = 0; i < d.dimensions(); ++i) {
          CHECK(std::exp(density[i]) ==
                Approx((cdf(d, x.p, a + 1e-4, i) - cdf(d, x.p, a - 1e-4, i)) / 2e-4).epsilon(1e-4));
        }
      }
    }
  }
}

TEST_CASE("every family: KL is positive, and zero only between equals") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    RandomStream random(4);
    for (int k = 0; k < 200; ++k) {
      Floats p = x.p;
      Floats q = x.q;
      for (float& v : p) v += static_cast<float>(random.normal());
      for (float& v : q) v += static_cast<float>(random.normal());
      INFO(d.name());
      REQUIRE(kl(d, p, q) > 1e-3f);
      REQUIRE(std::abs(kl(d, p, p)) < 1e-6f);
      q = p;
      q[0] += 0.1f;
      REQUIRE(kl(d, p, q) > 0.0f);
    }
  }
}

TEST_CASE("every family: gradients agree with finite differences") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    const Floats actions = samples(d, x.p, 5, 5);
    for (int k = 0; k < 5; ++k) {
      const auto action = actions.begin() + k * d.action_size();
      check_gradients(d, x.p, x.q, Floats(action, action + d.action_size()));
    }
  }
}

TEST_CASE("every family: a batch gives what its rows give one by one") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    // More rows than one block of entries holds.
    const int n = 700;
    RandomStream random(6);
    Floats p = repeated(x.p, n);
    Floats q = repeated(x.q, n);
    for (float& v : p) v += 0.5f * static_cast<float>(random.normal());
    for (float& v : q) v += 0.5f * static_cast<float>(random.normal());
    const Floats actions = samples(d, x.p, n, 7);
    Floats weights(n);
    for (float& w : weights) w = static_cast<float>(random.normal());
    Floats logs(n * d.dimensions()), entropies(logs.size()), divergences(logs.size());
    Floats g(p.size()), gq(p.size());
    d.log_prob(p, actions, logs);
    d.entropy(p, entropies);
    d.kl(p, q, divergences);
    d.log_prob_gradient(p, actions, weights, g);
    d.entropy_gradient(p, weights, g);
    d.kl_gradient(p, q, weights, g, gq);
    const std::size_t size = x.p.size();
    for (const int k : {0, 1, 127, 128, 255, 256, 699}) {
      const auto row = [&](const Floats& block, std::size_t width) {
        return Floats(block.begin() + k * width, block.begin() + (k + 1) * width);
      };
      const Floats action = row(actions, d.action_size());
      const Floats weight = {weights[k]};
      Floats alone(d.dimensions());
      INFO(d.name() << ", row " << k);
      d.log_prob(row(p, size), action, alone);
      CHECK(alone == row(logs, alone.size()));
      d.entropy(row(p, size), alone);
      CHECK(alone == row(entropies, alone.size()));
      d.kl(row(p, size), row(q, size), alone);
      CHECK(alone == row(divergences, alone.size()));
      Floats g_alone(size), gq_alone(size);
      d.log_prob_gradient(row(p, size), action, weight, g_alone);
      d.entropy_gradient(row(p, size), weight, g_alone);
      d.kl_gradient(row(p, size), row(q, size), weight, g_alone, gq_alone);
      CHECK(g_alone == row(g, size));
      CHECK(gq_alone == row(gq, size));
    }
  }
}

TEST_CASE("every family: natural parameters have an inverse, and log π is affine in them") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    INFO(d.name());
    Floats zp(x.p.size()), zq(x.p.size()), back(x.p.size());
    if (!d.natural(x.p, zp)) {
      CHECK(!d.from_natural(x.p, back));
      continue;
    }
    REQUIRE(d.natural(x.q, zq));
    REQUIRE(d.from_natural(zp, back));
    for (std::size_t k = 0; k < back.size(); ++k) CHECK(back[k] == Approx(x.p[k]).margin(1e-6));
    // Of differences between two actions only the affine part remains.
    Floats middle = zp;
    for (std::size_t k = 0; k < middle.size(); ++k) middle[k] = 0.5f * (zp[k] + zq[k]);
    REQUIRE(d.from_natural(middle, middle));
    const Floats actions = samples(d, x.p, 20, 8);
    const Floats first(actions.begin(), actions.begin() + d.action_size());
    for (int k = 1; k < 20; ++k) {
      const auto at = actions.begin() + k * d.action_size();
      const Floats action(at, at + d.action_size());
      const auto difference = [&](const Floats& row) {
        return log_prob(d, row, action) - log_prob(d, row, first);
      };
      CHECK(difference(middle) ==
            Approx(0.5 * (difference(x.p) + difference(x.q))).margin(2e-5).epsilon(1e-5));
    }
  }
}

TEST_CASE("a positive second natural parameter is no gaussian") {
  Floats out(2);
  CHECK(!make_gaussian(1)->from_natural(Floats{0.5f, 0.1f}, out));
  CHECK(!make_squashed_gaussian(1)->from_natural(Floats{0.5f, 0.0f}, out));
}

// ---- estimators of ∇E[f(executed action)]

// Curved in the first entry of the action and mixed in both; of an index, any table of values.
double objective(const Distribution& d, std::span<const float> a) {
  if (d.support() == Distribution::Support::kFinite) return std::sin(1.0 + 2.0 * a[0]);
  const double u = a[0];
  const double v = a[1];
  return -(u - 0.3) * (u - 0.3) + 0.5 * v + 0.25 * u * v + 0.4 * std::sin(2.0 * u * v);
}

Floats objective_slope(std::span<const float> a) {
  const double c = 0.8 * std::cos(2.0 * a[0] * a[1]);
  return {static_cast<float>(-2.0 * (a[0] - 0.3) + 0.25 * a[1] + c * a[1]),
          static_cast<float>(0.5 + 0.25 * a[0] + c * a[0])};
}

// E[f]: a sum over the actions, or over the cells of a grid and the atoms at its edge.
double expected_objective(const Distribution& d, const Floats& p) {
  if (!is_box(d)) {
    const Floats actions = d.enumerate();
    double total = 0.0;
    for (std::size_t k = 0; k < actions.size(); k += d.action_size()) {
      const Floats action(actions.begin() + k, actions.begin() + k + d.action_size());
      total += std::exp(static_cast<double>(log_prob(d, p, action))) * objective(d, action);
    }
    return total;
  }
  constexpr int kCells = 400;
  Floats at = {-1.0f};
  std::vector<Doubles> mass(2);
  for (int i = 0; i < 2; ++i) mass[i].push_back(cdf(d, p, -1.0, i));
  for (int k = 0; k < kCells; ++k) {
    const double low = -1.0 + 2.0 * k / kCells;
    // The top cell ends below the atom at 1.
    const double high = std::nextafter(-1.0 + 2.0 * (k + 1) / kCells, -2.0);
    at.push_back(static_cast<float>(0.5 * (low + high)));
    for (int i = 0; i < 2; ++i) mass[i].push_back(cdf(d, p, high, i) - cdf(d, p, low, i));
  }
  at.push_back(1.0f);
  for (int i = 0; i < 2; ++i) {
    mass[i].push_back(1.0 - cdf(d, p, std::nextafter(1.0, -2.0), i));
  }
  double total = 0.0;
  for (std::size_t k = 0; k < at.size(); ++k) {
    for (std::size_t j = 0; j < at.size(); ++j) {
      const float a[] = {at[k], at[j]};
      total += mass[0][k] * mass[1][j] * objective(d, a);
    }
  }
  return total;
}

// One gradient a sample, [n, P].
Floats estimate(const Distribution& d, Estimator estimator, const Floats& p, const Floats& raw,
                float log_prob_weight) {
  const int n = static_cast<int>(raw.size()) / d.action_size();
  const Floats parameters = repeated(p, n);
  const Floats actions = executed(d, raw);
  const auto row = [&](int k) {
    return std::span(actions).subspan(k * d.action_size(), d.action_size());
  };
  Floats gradient(parameters.size());
  if (estimator == Estimator::kScore) {
    Floats weights(n);
    for (int k = 0; k < n; ++k) weights[k] = static_cast<float>(objective(d, row(k)));
    d.log_prob_gradient(parameters, raw, weights, gradient);
  } else if (estimator == Estimator::kPathwise) {
    Floats slopes;
    for (int k = 0; k < n; ++k) {
      for (const float s : objective_slope(row(k))) slopes.push_back(s);
    }
    d.pathwise_gradient(parameters, raw, slopes, {}, Floats(n, log_prob_weight), gradient);
  } else if (estimator == Estimator::kLocal) {
    Floats values;
    for (int k = 0; k < n; ++k) {
      for (int i = 0; i < d.dimensions(); ++i) {
        for (int v = 0; v < d.values_per_dimension(); ++v) {
          Floats a(row(k).begin(), row(k).end());
          a[i] = d.bins().empty() ? static_cast<float>(v) : d.bins()[v];
          values.push_back(static_cast<float>(objective(d, a)));
        }
      }
    }
    d.expectation_gradient(parameters, values, gradient);
  }
  return gradient;
}

TEST_CASE("every family: unbiased estimators agree with the exact gradient") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    const Doubles exact = slope(x.p, [&](const Floats& p) { return expected_objective(d, p); });
    const Floats raw = samples(d, x.p, kSamples, 9);
    for (const Estimator estimator : {Estimator::kPathwise, Estimator::kLocal, Estimator::kScore}) {
      if (!d.has(estimator)) continue;
      // Along the path, E[f + w·log π] is one objective; E[log π] = −H.
      const float w = estimator == Estimator::kPathwise ? 0.3f : 0.0f;
      Floats of_entropy(x.p.size());
      d.entropy_gradient(x.p, Floats{w}, of_entropy);
      const Floats gradient = estimate(d, estimator, x.p, raw, w);
      for (std::size_t i = 0; i < x.p.size(); ++i) {
        double sum = 0.0;
        double squares = 0.0;
        for (std::size_t k = i; k < gradient.size(); k += x.p.size()) {
          sum += gradient[k];
          squares += static_cast<double>(gradient[k]) * gradient[k];
        }
        const double mean = sum / kSamples;
        const double error = std::sqrt((squares / kSamples - mean * mean) / kSamples);
        INFO(d.name() << ", " << estimator_name(estimator) << ", parameter " << i);
        // 5 standard errors: once in 1.7 million times; 5e-4 for the differences and the grid.
        CHECK(std::abs(mean - (exact[i] - of_entropy[i])) < 5.0 * error + 5e-4);
      }
    }
    if (d.has(Estimator::kEnum)) {
      const Floats actions = d.enumerate();
      Floats gradient(x.p.size());
      for (std::size_t k = 0; k < actions.size(); k += d.action_size()) {
        const Floats action(actions.begin() + k, actions.begin() + k + d.action_size());
        const Floats weight = {std::exp(log_prob(d, x.p, action)) *
                               static_cast<float>(objective(d, action))};
        d.log_prob_gradient(x.p, action, weight, gradient);
      }
      for (std::size_t i = 0; i < x.p.size(); ++i) {
        INFO(d.name() << ", enum, parameter " << i);
        CHECK(gradient[i] == Approx(exact[i]).margin(2e-4));
      }
    }
  }
}

// The executed action at which the cdf of one dimension is `level`.
double quantile(const Distribution& d, const Floats& p, double level, int dimension) {
  double low = -1.0;
  double high = 1.0;
  for (int k = 0; k < 60; ++k) {
    const double middle = 0.5 * (low + high);
    (cdf(d, p, middle, dimension) < level ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

TEST_CASE("every family: the path of a sample keeps its quantile") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    if (!d.has(Estimator::kPathwise)) continue;
    for (const Floats& action : {Floats{0.2f, -0.5f}, Floats{-0.8f, 0.7f}}) {
      const Floats slopes = {1.3f, -0.6f};
      const float weight = 0.7f;
      const Floats raw_slopes = {-0.4f, 0.9f};
      // What an executed action, the raw one and its log π become as the parameters change.
      const auto along_path = [&](const Floats& p) {
        Floats moved(2);
        double total = 0.0;
        for (int i = 0; i < 2; ++i) {
          const double a = quantile(d, p, cdf(d, x.p, action[i], i), i);
          total += slopes[i] * a;
          moved[i] = static_cast<float>(a);
        }
        d.to_raw(moved);
        for (int i = 0; i < 2; ++i) total += static_cast<double>(raw_slopes[i]) * moved[i];
        return total + static_cast<double>(weight) * log_prob(d, p, moved);
      };
      const Doubles numeric = slope(x.p, along_path);
      Floats raw = action;
      d.to_raw(raw);
      Floats gradient(x.p.size());
      d.pathwise_gradient(x.p, raw, slopes, raw_slopes, Floats{weight}, gradient);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        INFO(d.name() << ", parameter " << i);
        CHECK(gradient[i] == Approx(numeric[i]).margin(2e-3).epsilon(2e-3));
      }
    }
  }
}

TEST_CASE("every family: the mean is that of executed actions, and straight-through its slope") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    INFO(d.name());
    Floats mean(d.action_size());
    d.mean(x.p, mean);
    if (d.support() == Distribution::Support::kFinite) {
      Floats mode(1);
      d.mode(x.p, mode);
      CHECK(mean == mode);
      continue;
    }
    const auto exact = [&](const Floats& p, int i) {
      // E[a] = 1 − ∫F over the box, by the midpoint rule.
      constexpr int kCells = 20000;
      double sum = 0.0;
      for (int k = 0; k < kCells; ++k) sum += cdf(d, p, -1.0 + (2.0 * k + 1.0) / kCells, i);
      return 1.0 - 2.0 * sum / kCells;
    };
    for (int i = 0; i < d.dimensions(); ++i) CHECK(mean[i] == Approx(exact(x.p, i)).margin(1e-4));
    if (!d.has(Estimator::kStraightThrough)) continue;
    const Floats c = {0.7f, -1.2f};
    const Doubles numeric =
        slope(x.p, [&](const Floats& p) { return c[0] * exact(p, 0) + c[1] * exact(p, 1); });
    Floats gradient(x.p.size(), 1.0f);
    d.mean_gradient(x.p, c, gradient);
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      CHECK(gradient[k] - 1.0f == Approx(numeric[k]).margin(1e-3));
    }
  }
}

TEST_CASE("every family: the relaxation given the sample is that of the sampler") {
  // The same expectation twice: noise drawn freely, from which the sample follows; and the sample
  // drawn first, then the noise given it. The slope depends on the sample, so that a relaxation
  // that does not belong to it is found out.
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    if (!d.has(Estimator::kGumbel)) continue;
    const int dimensions = d.dimensions();
    const int values = d.values_per_dimension();
    const auto slope_at = [](float a) { return 1.0f + 2.0f * a; };
    for (const double temperature : {1.0, 0.5}) {
      const Floats actions = samples(d, x.p, kSamples, 10);
      Floats slopes;
      for (const float a : actions) slopes.push_back(slope_at(a));
      Floats ours(kSamples * x.p.size());
      RandomStream random(11);
      d.gumbel_gradient(repeated(x.p, kSamples), actions, slopes, temperature, random, ours);

      // log P of each value is a logit; of two values, one logit's slope is that of their
      // difference.
      Floats logits(dimensions * values);
      for (int v = 0; v < values; ++v) {
        Floats log_p(dimensions);
        d.log_prob(x.p, Floats(dimensions, d.bins()[v]), log_p);
        for (int i = 0; i < dimensions; ++i) logits[i * values + v] = log_p[i];
      }
      Doubles sum(logits.size()), squares(logits.size());
      for (int k = 0; k < kSamples; ++k) {
        for (int i = 0; i < dimensions; ++i) {
          Doubles y(values);
          for (int v = 0; v < values; ++v) {
            y[v] = logits[i * values + v] - std::log(-std::log(random.uniform(1e-12, 1.0)));
          }
          const auto top = std::ranges::max_element(y) - y.begin();
          const double highest = y[top];
          double total = 0.0;
          double relaxed = 0.0;
          for (int v = 0; v < values; ++v) {
            y[v] = std::exp((y[v] - highest) / temperature);
            total += y[v];
            relaxed += y[v] * d.bins()[v];
          }
          relaxed /= total;
          for (int v = 0; v < values; ++v) {
            const double g =
                slope_at(d.bins()[top]) * y[v] / total * (d.bins()[v] - relaxed) / temperature;
            sum[i * values + v] += g;
            squares[i * values + v] += g * g;
          }
        }
      }
      for (std::size_t j = 0; j < x.p.size(); ++j) {
        const std::size_t at = x.p.size() == logits.size() ? j : j * values + 1;
        double s = 0.0;
        double s2 = 0.0;
        for (std::size_t k = j; k < ours.size(); k += x.p.size()) {
          s += ours[k];
          s2 += static_cast<double>(ours[k]) * ours[k];
        }
        const auto variance = [](double a, double a2) {
          return (a2 / kSamples - a / kSamples * a / kSamples) / kSamples;
        };
        INFO(d.name() << ", temperature " << temperature << ", parameter " << j);
        CHECK(std::abs(s - sum[at]) / kSamples <
              5.0 * std::sqrt(variance(s, s2) + variance(sum[at], squares[at])));
      }
    }
  }
}

TEST_CASE("every family: far parameters give finite numbers") {
  for (const Instance& x : instances()) {
    const Distribution& d = *x.family;
    Floats p = x.p;
    Floats q = x.q;
    for (std::size_t k = 0; k < p.size(); ++k) {
      // Logits and means far out, but standard deviations within e^±5.
      const float far = is_box(d) && k >= p.size() - d.shareable_parameters() ? 5.0f : 200.0f;
      p[k] = k % 2 == 0 ? far : -far;
      q[k] = -p[k];
    }
    const auto check = [&](const Floats& values) {
      for (const float v : values) {
        INFO(d.name());
        CHECK(std::isfinite(v));
      }
    };
    for (const Floats& row : {p, q}) {
      const Floats action = samples(d, row, 1, 12);
      check(action);
      const Floats weight = {1.0f};
      const Floats slopes(d.action_size(), 1.0f);
      Floats out(d.dimensions());
      d.log_prob(p, action, out);
      check(out);
      d.entropy(row, out);
      check(out);
      d.kl(p, q, out);
      check(out);
      Floats mean(d.action_size());
      d.mean(row, mean);
      check(mean);
      Floats g(p.size()), gq(p.size());
      d.log_prob_gradient(p, action, weight, g);
      d.entropy_gradient(row, weight, g);
      d.kl_gradient(p, q, weight, g, gq);
      if (d.has(Estimator::kPathwise)) d.pathwise_gradient(row, action, slopes, {}, weight, g);
      if (d.has(Estimator::kStraightThrough)) d.mean_gradient(row, slopes, g);
      if (d.has(Estimator::kLocal)) {
        d.expectation_gradient(row, Floats(d.dimensions() * d.values_per_dimension(), 1.0f), g);
      }
      if (d.has(Estimator::kGumbel)) {
        RandomStream random(13);
        // Also given the action that is next to impossible.
        d.gumbel_gradient(p, action, slopes, 1.0, random, g);
      }
      check(g);
      check(gq);
    }
  }
}

// ---- what single families add

TEST_CASE("a gaussian's clipped samples do not move, but raw ones and their log π do") {
  Floats g(2);
  make_gaussian(1)->pathwise_gradient(Floats{0.5f, 0.1f}, Floats{1.5f}, Floats{3.0f}, {},
                                      Floats{2.0f}, g);
  CHECK(g == Floats{0.0f, -2.0f});
  // What depends on the raw sample μ + σξ = 1.5 still moves with it.
  make_gaussian(1)->pathwise_gradient(Floats{0.5f, 0.1f}, Floats{1.5f}, Floats{3.0f}, Floats{4.0f},
                                      Floats{0.0f}, g);
  CHECK(g == Floats{4.0f, -2.0f + 4.0f});
}

TEST_CASE("a squashed gaussian bounds its deviation and reaches the edge") {
  const auto d = make_squashed_gaussian(1);
  const Floats one_weight = {1.0f};
  for (const float beyond : {-25.0f, 3.0f}) {
    const float bound = beyond < 0.0f ? -20.0f : 2.0f;
    const Floats outside = {0.25f, beyond};
    const Floats inside = {0.25f, bound};
    CHECK(entropy(*d, outside) == entropy(*d, inside));
    CHECK(log_prob(*d, outside, {0.25f}) == log_prob(*d, inside, {0.25f}));
    CHECK(kl(*d, outside, inside) == 0.0f);
    Floats g(2), gq(2);
    d->log_prob_gradient(outside, Floats{0.3f}, one_weight, g);
    d->entropy_gradient(outside, one_weight, g);
    d->kl_gradient(outside, {inside}, one_weight, g, {});
    d->kl_gradient({inside}, outside, one_weight, {}, g);
    d->pathwise_gradient(outside, Floats{0.3f}, Floats{1.0f}, {}, one_weight, g);
    CHECK(g[1] == 0.0f);
    CHECK(g[0] != 0.0f);
  }
  Floats edge = {1.0f};
  d->to_raw(edge);
  CHECK(std::isfinite(edge[0]));
  d->execute(edge);
  CHECK(edge[0] == 1.0f);
}

TEST_CASE("a squashed gaussian's entropy is as exact as it says") {
  const auto d = make_squashed_gaussian(1);
  for (const auto& [log_std, tolerance] : {std::pair(-3.0f, 1e-5), std::pair(0.0f, 1e-5),
                                           std::pair(1.0f, 1e-5), std::pair(2.0f, 1e-2)}) {
    for (const float mean : {0.0f, 0.7f, -2.0f, 5.0f}) {
      const double std = std::exp(static_cast<double>(log_std));
      double exact = log_std + 0.5 + 0.5 * std::log(2.0 * std::numbers::pi);
      const double dz = 1e-3;
      for (double z = -10.0; z < 10.0; z += dz) {
        const double u = std::abs(mean + std * z);
        // log(1/cosh²u) without overflow.
        exact += std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi) * dz * 2.0 *
                 (std::log(2.0) - u - std::log1p(std::exp(-2.0 * u)));
      }
      INFO(mean << ", " << log_std);
      CHECK(entropy(*d, {mean, log_std}) == Approx(exact).margin(tolerance));
    }
  }
}

TEST_CASE("a mixture of one is a gaussian") {
  const auto mixture = make_mixture(1, 1);
  const auto gaussian = make_gaussian(1);
  const Floats p = {0.4f, 0.3f, -0.6f};
  const Floats q = {-2.0f, -0.2f, 0.1f};
  const Floats gaussian_p = {0.3f, -0.6f};
  const Floats gaussian_q = {-0.2f, 0.1f};
  CHECK(entropy(*mixture, p) == Approx(entropy(*gaussian, gaussian_p)).margin(1e-5));
  CHECK(kl(*mixture, p, q) == Approx(kl(*gaussian, gaussian_p, gaussian_q)).margin(1e-5));
  // Inside the box, and outside of it, where the sample is clipped but its log π still moves.
  for (const float action : {0.7f, 1.5f, -4.0f}) {
    CHECK(log_prob(*mixture, p, {action}) ==
          Approx(log_prob(*gaussian, gaussian_p, {action})).margin(1e-5));
    const Floats slope_at = {1.3f};
    const Floats weight = {0.7f};
    Floats g(3), expected(2);
    mixture->pathwise_gradient(p, Floats{action}, slope_at, {}, weight, g);
    gaussian->pathwise_gradient(gaussian_p, Floats{action}, slope_at, {}, weight, expected);
    CHECK(g[0] == Approx(0.0).margin(1e-5));
    CHECK(g[1] == Approx(expected[0]).margin(1e-5));
    CHECK(g[2] == Approx(expected[1]).margin(1e-5));
  }
}

TEST_CASE("a mixture's entropy and KL are as exact as they say, at any scale of its components") {
  const auto d = make_mixture(1, 2);
  const Floats spike = {0.0f, 0.0f, 0.0f, 0.3f, 0.0f, -4.0f};     // a narrow one on a wide one
  const Floats apart = {1.0f, -0.5f, -1.5f, 1.5f, -2.0f, -1.0f};  // with a gap between
  const Floats close = {0.2f, -0.3f, -0.1f, 0.1f, -1.0f, -1.2f};  // which overlap
  const auto density = [](const Floats& row, double x) {
    const double w = 1.0 / (1.0 + std::exp(static_cast<double>(row[1]) - row[0]));
    const auto part = [&](int c) {
      const double std = std::exp(static_cast<double>(row[4 + c]));
      const double z = (x - row[2 + c]) / std;
      return std::exp(-0.5 * z * z) / (std * std::sqrt(2.0 * std::numbers::pi));
    };
    // The smallest double stands for what underflows.
    return std::max(w * part(0) + (1.0 - w) * part(1), std::numeric_limits<double>::min());
  };
  for (const Floats& p : {spike, apart, close}) {
    const double dx = 2e-4;
    double h = 0.0;
    for (double x = -9.0; x < 9.0; x += dx) h -= density(p, x) * std::log(density(p, x)) * dx;
    CHECK(entropy(*d, p) == Approx(h).margin(1e-4));
    for (const Floats& q : {spike, apart, close}) {
      // Narrow tails of q underflow in the reference where p still has mass.
      if (p[4] > q[4]) continue;
      double divergence = 0.0;
      for (double x = -9.0; x < 9.0; x += dx) {
        divergence += density(p, x) * std::log(density(p, x) / density(q, x)) * dx;
      }
      CHECK(kl(*d, p, q) == Approx(divergence).margin(1e-4).epsilon(1e-4));
    }
  }
  Floats a(1);
  d->mode(apart, a);
  CHECK(a[0] == -1.5f);
}

TEST_CASE("two bins are a bernoulli") {
  const auto bins = make_bins(2, 2);
  const auto bernoulli = make_bernoulli(2);
  const Floats two = {0.3f, 0.8f, -0.2f, -1.2f};
  const Floats one_logit = {0.5f, -1.0f};
  CHECK(entropy(*bins, two) == Approx(entropy(*bernoulli, one_logit)).margin(1e-6));
  for (const Floats& a : {Floats{-1.0f, 1.0f}, Floats{1.0f, 1.0f}}) {
    CHECK(log_prob(*bins, two, a) == Approx(log_prob(*bernoulli, one_logit, a)).margin(1e-6));
  }
}

TEST_CASE("bins lie evenly between the edges, and all of them are enumerated in order") {
  const auto d = make_bins(1, 4);
  CHECK(d->bins()[0] == -1.0f);
  CHECK(d->bins()[1] == Approx(-1.0 / 3.0));
  CHECK(d->bins()[3] == 1.0f);
  CHECK(make_bernoulli(2)->enumerate() ==
        Floats{-1.0f, -1.0f, -1.0f, 1.0f, 1.0f, -1.0f, 1.0f, 1.0f});
  CHECK(make_categorical(3)->enumerate() == Floats{0.0f, 1.0f, 2.0f});
  CHECK(make_bernoulli(12)->enumerate().size() == 4096u * 12);
  CHECK(make_bernoulli(13)->enumerate().empty());
  CHECK(!make_bernoulli(13)->has(Estimator::kEnum));
  Floats a = {1.0f, -0.5f};
  Distribution::flip(a, 1);
  CHECK(a == Floats{1.0f, 0.5f});
}

TEST_CASE("estimators have names") {
  CHECK(estimator_name(Estimator::kStraightThrough) == "straight-through");
  CHECK(estimator_names()[static_cast<int>(Estimator::kScore)] == "score");
}

// The card's D = 2 case: l = (0.5, −1), Q = a₁ + 0.5·a₂ + 0.25·a₁a₂. Expectations are taken over
// the four actions, so they are exact.
TEST_CASE("on a multilinear objective every estimator of a bernoulli is unbiased") {
  const auto d = make_bernoulli(2);
  const Floats l = {0.5f, -1.0f};
  const auto q = [](float a, float b) { return a + 0.5f * b + 0.25f * a * b; };
  Floats straight(2), local(2), score(2);
  const Floats actions = d->enumerate();
  for (int k = 0; k < 4; ++k) {
    const float a = actions[2 * k];
    const float b = actions[2 * k + 1];
    const Floats action = {a, b};
    const float p = std::exp(log_prob(*d, l, action));
    d->mean_gradient(l, Floats{p * (1.0f + 0.25f * b), p * (0.5f + 0.25f * a)}, straight);
    d->expectation_gradient(
        l, Floats{p * q(-1.0f, b), p * q(1.0f, b), p * q(a, -1.0f), p * q(a, 1.0f)}, local);
    d->log_prob_gradient(l, action, Floats{p * q(a, b)}, score);
  }
  for (const Floats& g : {straight, local, score}) {
    CHECK(g[0] == Approx(0.415708).margin(1e-6));
    CHECK(g[1] == Approx(0.220689).margin(1e-6));
  }
  Floats mean(2);
  d->mean(l, mean);
  CHECK(mean[0] == Approx(0.244919).margin(1e-6));
  CHECK(1.0f - mean[0] * mean[0] == Approx(0.940015).margin(1e-6));
}

// On a curved one straight-through is not: Q = −(a − 0.3)² is larger at +1 than at −1, so that
// the exact gradient pushes to +1 for ever, but the straight-through one stops at a mean of 0.3.
// That is what it is, and no error.
TEST_CASE("straight-through is biased on a curved objective") {
  const auto d = make_bernoulli(1);
  const auto expected = [&](const Floats& l) {
    Floats straight(1), local(1), exact(1);
    for (const float a : {-1.0f, 1.0f}) {
      const float p = std::exp(log_prob(*d, l, {a}));
      d->mean_gradient(l, Floats{p * -2.0f * (a - 0.3f)}, straight);
      d->expectation_gradient(l, Floats{p * -1.69f, p * -0.49f}, local);
      d->log_prob_gradient(l, Floats{a}, Floats{p * -(a - 0.3f) * (a - 0.3f)}, exact);
    }
    return Floats{straight[0], local[0], exact[0]};
  };
  const Floats at_half = expected({0.5f});
  CHECK(at_half[0] == Approx(0.051777).margin(1e-6));
  CHECK(at_half[1] == Approx(0.282004).margin(1e-6));
  CHECK(at_half[2] == Approx(0.282004).margin(1e-6));
  const Floats at_mean = expected({2.0f * std::atanh(0.3f)});
  CHECK(at_mean[0] == Approx(0.0).margin(1e-6));
  CHECK(at_mean[1] > 0.2f);
}

TEST_CASE("boundary mass has its closed forms") {
  Doubles mass(1);
  const Floats standard = {0.0f, 0.0f};
  make_gaussian(1)->boundary_mass(standard, 0.0, mass);
  CHECK(mass[0] == Approx(0.317311).margin(1e-6));  // 2·(1 − Φ(1))
  make_gaussian(1)->boundary_mass(standard, 0.5, mass);
  CHECK(mass[0] == Approx(0.617075).margin(1e-6));  // 2·(1 − Φ(½))
  // Figures of the bang-bang paper's card.
  make_squashed_gaussian(1)->boundary_mass(standard, 0.05, mass);
  CHECK(mass[0] == Approx(0.066984).margin(1e-6));
  make_squashed_gaussian(1)->boundary_mass(standard, 0.01, mass);
  CHECK(mass[0] == Approx(0.008129).margin(1e-6));
  const Floats far = {3.0f, 0.0f};
  make_squashed_gaussian(1)->boundary_mass(far, 0.05, mass);
  CHECK(mass[0] == Approx(0.878641).margin(1e-6));
  make_squashed_gaussian(1)->boundary_mass(far, 0.01, mass);
  CHECK(mass[0] == Approx(0.638086).margin(1e-6));
  const Floats logit = {0.3f};
  make_bernoulli(1)->boundary_mass(logit, 0.01, mass);
  CHECK(mass[0] == Approx(1.0).margin(1e-12));
  const Floats logits = {0.3f, 0.1f};
  make_categorical(2)->boundary_mass(logits, 0.01, mass);
  CHECK(std::isnan(mass[0]));
}

TEST_CASE("modes") {
  Floats a(2);
  make_gaussian(2)->mode(Floats{0.5f, -3.0f, 0.0f, 0.0f}, a);
  CHECK(a == Floats{0.5f, -3.0f});
  make_bernoulli(2)->mode(Floats{0.0f, -0.1f}, a);
  CHECK(a == Floats{1.0f, -1.0f});
  Floats k(1);
  make_categorical(3)->mode(Floats{0.0f, 2.0f, 1.0f}, k);
  CHECK(k == Floats{1.0f});
}

TEST_CASE("every family of the table is made under its own name") {
  for (const std::string& name : distribution_names()) {
    if (name == "auto") continue;
    const Space space = name == "categorical" ? Space::discrete(3) : Space::box(2, -1.0, 1.0);
    CHECK(make_distribution(name, space)->name() == name);
  }
}

TEST_CASE("the numbers of bins and components have their ranges") {
  DistributionOptions chosen;
  Options options;
  chosen.describe(options);
  options.set("distribution.bins", "101", "test");
  CHECK(chosen.bins == 101);
  CHECK_THROWS_WITH(options.set("distribution.bins", "1", "test"),
                    Catch::Contains("distribution.bins"));
  CHECK_THROWS_AS(options.set("distribution.bins", "102", "test"), UsageError);
  CHECK_THROWS_AS(options.set("distribution.components", "0", "test"), UsageError);
}

TEST_CASE("a family must fit the action space") {
  const Space box = Space::box(2, -2.0, 2.0);
  const Space unbounded = Space::box(2, -INFINITY, INFINITY);
  CHECK(make_distribution("auto", box)->name() == "gaussian");
  CHECK(make_distribution("auto", Space::discrete(3))->name() == "categorical");
  CHECK(make_distribution("bernoulli", box)->name() == "bernoulli");
  CHECK_THROWS_AS(make_distribution("bernoulli", unbounded), UsageError);
  CHECK_THROWS_AS(make_distribution("squashed", unbounded), UsageError);
  CHECK_THROWS_AS(make_distribution("bins", Space::discrete(2)), UsageError);
  CHECK_THROWS_WITH(make_distribution("ternary", unbounded),
                    Catch::Contains("needs a bounded box of actions"));
  CHECK_THROWS_WITH(make_distribution("nonsense", box),
                    Catch::Contains("expected one of auto, gaussian, squashed, bernoulli"));
  CHECK(make_distribution("bins", box)->bins().size() == 5);
  CHECK(make_distribution("bins", box, {.bins = 7})->parameter_size() == 14);
  CHECK_THROWS_AS(make_distribution("bernoulli", Space::discrete(2)), UsageError);
  CHECK_THROWS_AS(make_distribution("categorical", box), UsageError);
  CHECK_THROWS_WITH(make_distribution("bernouli", box), Catch::Contains("did you mean bernoulli"));
}

}  // namespace
}  // namespace costate
