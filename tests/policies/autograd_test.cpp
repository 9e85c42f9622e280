// The analytic gradients of the distributions against LibTorch's autograd.
// clang-format off
#include <torch/torch.h>
// LibTorch brings glog's CHECK, which aborts; the one meant below is Catch2's.
#undef CHECK
#include <catch2/catch.hpp>
// clang-format on
#include <functional>
#include <vector>

#include "policies/distribution.h"

namespace costate {
namespace {

using Floats = std::vector<float>;
using torch::Tensor;

constexpr int kRows = 50;

Tensor leaf(const Floats& values, int columns) {
  return torch::tensor(values).reshape({kRows, columns}).to(torch::kDouble).requires_grad_(true);
}

Floats normals(int n, std::uint64_t seed) {
  RandomStream random(seed);
  Floats out(n);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

// Relative where the numbers are large: float arithmetic carries about seven digits.
double worst_error(const Tensor& ours, const Tensor& exact) {
  return ((ours - exact).abs() / (1.0 + exact.abs())).max().item<double>();
}

void check_gradient(const Floats& analytic, const Tensor& weighted_sum, const Tensor& parameter) {
  const Tensor exact = torch::autograd::grad({weighted_sum}, {parameter}, {}, true)[0];
  const Tensor ours = torch::tensor(analytic).reshape(exact.sizes()).to(torch::kDouble);
  CHECK(worst_error(ours, exact) < 2e-5);
}

// What LibTorch says the joint log-probability, entropy and divergence are.
struct Reference {
  std::function<Tensor(const Tensor& p, const Tensor& action)> log_prob;
  std::function<Tensor(const Tensor& p)> entropy;
  std::function<Tensor(const Tensor& p, const Tensor& q)> kl;
};

// Parameters are normal with the standard deviation `spread`.
void check(const Distribution& d, const Reference& reference, const Floats& actions,
           float spread = 1.0f) {
  const int columns = d.parameter_size();
  Floats p = normals(kRows * columns, 1);
  Floats q = normals(kRows * columns, 2);
  for (float& x : p) x *= spread;
  for (float& x : q) x *= spread;
  const Floats weights = normals(kRows, 3);
  const Tensor tp = leaf(p, columns);
  const Tensor tq = leaf(q, columns);
  const Tensor tw = torch::tensor(weights).to(torch::kDouble);
  const Tensor ta = torch::tensor(actions).reshape({kRows, d.action_size()}).to(torch::kDouble);

  Floats per_dimension(kRows * d.dimensions());
  Floats joint(kRows);
  const auto check_values = [&](const Tensor& expected) {
    d.joint(per_dimension, joint);
    CHECK(worst_error(torch::tensor(joint).to(torch::kDouble), expected) < 2e-5);
  };
  d.log_prob(p, actions, per_dimension);
  check_values(reference.log_prob(tp, ta));
  d.entropy(p, per_dimension);
  check_values(reference.entropy(tp));
  d.kl(p, q, per_dimension);
  check_values(reference.kl(tp, tq));

  Floats g(p.size());
  d.log_prob_gradient(p, actions, weights, g);
  check_gradient(g, (tw * reference.log_prob(tp, ta)).sum(), tp);
  g.assign(p.size(), 0.0f);
  d.entropy_gradient(p, weights, g);
  check_gradient(g, (tw * reference.entropy(tp)).sum(), tp);
  g.assign(p.size(), 0.0f);
  Floats gq(p.size());
  d.kl_gradient(p, q, weights, g, gq);
  check_gradient(g, (tw * reference.kl(tp, tq)).sum(), tp);
  check_gradient(gq, (tw * reference.kl(tp, tq)).sum(), tq);
}

TEST_CASE("gaussian against autograd") {
  const int d = 3;
  const auto split = [d](const Tensor& p) {
    return std::pair(p.slice(1, 0, d), p.slice(1, d, 2 * d).exp());
  };
  const Reference reference{
      [&](const Tensor& p, const Tensor& a) {
        const auto [mean, std] = split(p);
        return (-(a - mean).pow(2) / (2 * std.pow(2)) - std.log() - 0.5 * std::log(2 * M_PI))
            .sum(1);
      },
      [&](const Tensor& p) {
        return (0.5 * (2 * M_PI * M_E * split(p).second.pow(2)).log()).sum(1);
      },
      [&](const Tensor& p, const Tensor& q) {
        const auto [mp, sp] = split(p);
        const auto [mq, sq] = split(q);
        return ((sq / sp).log() + (sp.pow(2) + (mp - mq).pow(2)) / (2 * sq.pow(2)) - 0.5).sum(1);
      }};
  check(*make_gaussian(d), reference, normals(kRows * d, 4));
}

TEST_CASE("squashed gaussian against autograd") {
  const int d = 3;
  const auto split = [d](const Tensor& p) {
    return std::pair(p.slice(1, 0, d), p.slice(1, d, 2 * d).exp());
  };
  const auto log_slope = [](const Tensor& u) { return -2.0 * u.cosh().log(); };
  const Reference reference{
      [&](const Tensor& p, const Tensor& u) {
        const auto [mean, std] = split(p);
        return (-(u - mean).pow(2) / (2 * std.pow(2)) - std.log() - 0.5 * std::log(2 * M_PI) -
                log_slope(u))
            .sum(1);
      },
      [&](const Tensor& p) {
        const auto [mean, std] = split(p);
        const Tensor z = torch::linspace(-9.0, 9.0, 1801, torch::kDouble);
        const Tensor weight = (-0.5 * z.pow(2)).exp() * 0.01 / std::sqrt(2 * M_PI);
        const Tensor u = mean.unsqueeze(2) + std.unsqueeze(2) * z;
        return ((0.5 * (2 * M_PI * M_E * std.pow(2)).log()) + (weight * log_slope(u)).sum(2))
            .sum(1);
      },
      [&](const Tensor& p, const Tensor& q) {
        const auto [mp, sp] = split(p);
        const auto [mq, sq] = split(q);
        return ((sq / sp).log() + (sp.pow(2) + (mp - mq).pow(2)) / (2 * sq.pow(2)) - 0.5).sum(1);
      }};
  // With deviations of up to e, where the quadrature is as exact as floats are.
  check(*make_squashed_gaussian(d), reference, normals(kRows * d, 4), 0.3f);
}

TEST_CASE("bernoulli against autograd") {
  const int d = 4;
  const Reference reference{
      [](const Tensor& p, const Tensor& a) { return torch::log_sigmoid(a * p).sum(1); },
      [](const Tensor& p) {
        const Tensor s = p.sigmoid();
        return -(s * s.log() + (1 - s) * (1 - s).log()).sum(1);
      },
      [](const Tensor& p, const Tensor& q) {
        const Tensor s = p.sigmoid();
        const Tensor r = q.sigmoid();
        return (s * (s / r).log() + (1 - s) * ((1 - s) / (1 - r)).log()).sum(1);
      }};
  Floats actions = normals(kRows * d, 4);
  for (float& a : actions) a = a > 0.0f ? 1.0f : -1.0f;
  check(*make_bernoulli(d), reference, actions);
}

TEST_CASE("bins against autograd") {
  const int d = 2;
  const int k = 5;
  const auto logits = [](const Tensor& p) { return p.reshape({kRows, d, k}).log_softmax(2); };
  const Reference reference{
      [&](const Tensor& p, const Tensor& a) {
        const Tensor index = (2.0 * (a + 1.0)).to(torch::kLong).unsqueeze(2);
        return logits(p).gather(2, index).squeeze(2).sum(1);
      },
      [&](const Tensor& p) { return -(logits(p).exp() * logits(p)).sum(2).sum(1); },
      [&](const Tensor& p, const Tensor& q) {
        return (logits(p).exp() * (logits(p) - logits(q))).sum(2).sum(1);
      }};
  Floats actions(kRows * d);
  RandomStream random(4);
  for (float& a : actions) a = -1.0f + 0.5f * static_cast<float>(random.below(k));
  check(*make_bins(d, k), reference, actions);
}

TEST_CASE("categorical against autograd") {
  const int k = 5;
  const Reference reference{
      [](const Tensor& p, const Tensor& a) {
        return p.log_softmax(1).gather(1, a.to(torch::kLong)).squeeze(1);
      },
      [](const Tensor& p) { return -(p.softmax(1) * p.log_softmax(1)).sum(1); },
      [](const Tensor& p, const Tensor& q) {
        return (p.softmax(1) * (p.log_softmax(1) - q.log_softmax(1))).sum(1);
      }};
  Floats actions(kRows);
  RandomStream random(4);
  for (float& a : actions) a = static_cast<float>(random.below(k));
  check(*make_categorical(k), reference, actions);
}

}  // namespace
}  // namespace costate
