// Action distributions against closed forms, the figures of the bang-bang paper's card, numerical
// integration, and finite differences.
#include "policies/distribution.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

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
  check_gradients(*make_squashed_gaussian(2), {0.3f, -0.8f, -0.5f, 0.2f},
                  {-0.1f, 0.4f, 0.1f, -0.3f}, {0.9f, -1.7f});
  check_gradients(*make_bernoulli(3), {0.5f, -1.0f, 3.0f}, {-1.0f, 0.2f, 2.0f},
                  {1.0f, 1.0f, -1.0f});
  check_gradients(*make_ternary(2), {0.5f, -1.0f, 3.0f, 0.2f, 0.1f, -0.4f},
                  {-1.0f, 0.2f, 2.0f, 0.0f, 0.3f, 0.4f}, {1.0f, 0.0f});
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

TEST_CASE("the number of bins has its range") {
  DistributionOptions bins;
  Options options;
  bins.describe(options);
  options.set("distribution.bins", "101", "test");
  CHECK(bins.bins == 101);
  CHECK_THROWS_WITH(options.set("distribution.bins", "1", "test"),
                    Catch::Contains("distribution.bins"));
  CHECK_THROWS_AS(options.set("distribution.bins", "102", "test"), UsageError);
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
