// The gradient step made of slices: how often it asks for its loss, and the line search against
// closed forms.
#include "agents/sliced_optimizer.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

namespace costate {
namespace {

using Floats = std::vector<float>;

// ‖z − y‖² shared out to the slices, which count how often they are asked.
struct Quadratic {
  SlicedOptimizer& optimizer;
  const Floats& z;
  Floats y;
  int gradients = 0;
  int values = 0;

  double operator()(bool gradient) {
    (gradient ? gradients : values) += 1;
    double loss = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const float error = z[i] - y[i];
      loss += static_cast<double>(error) * static_cast<double>(error);
    }
    if (!gradient) return loss;
    const auto share = 1.0f / static_cast<float>(optimizer.slices());
    for (int k = 0; k < optimizer.slices(); ++k) {
      for (std::size_t i = 0; i < z.size(); ++i) {
        optimizer.gradient(k)[i] = share * 2.0f * (z[i] - y[i]);
      }
    }
    return loss;
  }
};

// At z − ηg the loss is (1 − 2η)² times that at z, and the promised decrease 4cη of it, so exactly
// the steps η ≤ 1 − c are accepted.
TEST_CASE("the line search accepts exactly the steps that Armijo's condition allows") {
  ThreadPool pool(2);
  struct Case {
    double decrease;
    double longest;
    double accepted;
  };
  // From 1 downwards by 0.9: 0.9⁶ = 0.531, 0.9⁷ = 0.478.
  for (const Case c :
       {Case{0.5, 0.499, 0.499}, Case{0.5, 0.501, 0.501 * 0.9}, Case{0.1, 0.899, 0.899},
        Case{0.1, 0.901, 0.901 * 0.9}, Case{0.5, 1.0, std::pow(0.9, 7)}}) {
    for (const int slices : {1, 3}) {
      SlicedOptimizer optimizer({.kind = "armijo", .armijo = {.decrease = c.decrease}}, 3, slices);
      Floats z = {1.0f, -2.0f, 0.5f};
      const Floats start = z;
      Quadratic f{optimizer, z, {0.25f, 1.0f, 3.0f}};
      const double norm = optimizer.step(z, c.longest, 0.0, pool, [&](bool g) { return f(g); });
      INFO("c " << c.decrease << ", longest " << c.longest << ", " << slices << " slices");
      CHECK(optimizer.step_size() == Approx(c.accepted).epsilon(1e-12));
      CHECK(norm == Approx(2.0 * std::sqrt(0.75 * 0.75 + 9.0 + 2.5 * 2.5)));
      CHECK(f.gradients == 1);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(z[i] == Approx(start[i] - c.accepted * 2.0 * (start[i] - f.y[i])));
      }
    }
  }
}

TEST_CASE("a step scaled down by the greatest norm has to keep the promise of that step") {
  ThreadPool pool(1);
  SlicedOptimizer optimizer({.kind = "armijo", .armijo = {.decrease = 0.5, .shrink = 0.5}}, 1, 1);
  Floats z = {4.0f};
  Quadratic f{optimizer, z, {0.0f}};
  // g = 8 is scaled to 2: along it the loss is (4 − 2α)², which has to be at most 16 − ½·α·16, that
  // is, α ≤ 2.
  optimizer.step(z, 3.0, 2.0, pool, [&](bool g) { return f(g); });
  CHECK(optimizer.step_size() == 1.5);
  CHECK(z[0] == 1.0f);
}

TEST_CASE("a search begins above the last step, never above the learning rate, also resumed") {
  ThreadPool pool(1);
  const OptimizerConfig config{.kind = "armijo",
                               .armijo = {.decrease = 0.5, .shrink = 0.5, .growth = 1.5}};
  SlicedOptimizer optimizer(config, 1, 1);
  Floats z = {1.0f};
  const auto step = [&](SlicedOptimizer& by, double rate) {
    Quadratic f{by, z, {0.0f}};
    by.step(z, rate, 0.0, pool, [&](bool g) { return f(g); });
    return by.step_size();
  };
  CHECK(step(optimizer, 0.8) == 0.4);
  z[0] = 1.0f;
  CHECK(step(optimizer, 0.45) == 0.45);
  Checkpoint checkpoint;
  optimizer.save(checkpoint, "optimizer");
  SlicedOptimizer restored(config, 1, 1);
  restored.load(checkpoint, "optimizer");
  z[0] = 1.0f;
  CHECK(step(restored, 1.0) == Approx(0.45 * 1.5 * 0.5));
}

TEST_CASE("a search that finds nothing leaves the parameters, and so does an infinite gradient") {
  ThreadPool pool(1);
  SlicedOptimizer optimizer({.kind = "armijo", .armijo = {.trials = 7}}, 2, 1);
  Floats z = {1.0f, 2.0f};
  int values = 0;
  const auto rising = [&](bool gradient) {  // the loss rises along what is said to be its gradient
    if (!gradient) return 1.0 + ++values;
    optimizer.gradient(0)[0] = 1.0f;
    optimizer.gradient(0)[1] = -1.0f;
    return 1.0;
  };
  optimizer.step(z, 1.0, 0.0, pool, rising);
  CHECK(values == 7);
  CHECK(z == Floats{1.0f, 2.0f});
  const auto infinite = [&](bool) {
    optimizer.gradient(0)[0] = std::numeric_limits<float>::infinity();
    return 1.0;
  };
  CHECK(std::isinf(optimizer.step(z, 1.0, 0.0, pool, infinite)));
  CHECK(z == Floats{1.0f, 2.0f});
}

TEST_CASE("the other kinds ask for their loss once and take no notice of its value") {
  ThreadPool pool(1);
  for (const char* kind : {"adam", "adamw", "sgd"}) {
    SlicedOptimizer optimizer({.kind = kind}, 1, 2);
    CHECK_FALSE(optimizer.searches());
    Floats z = {1.0f};
    Quadratic f{optimizer, z, {0.0f}};
    optimizer.step(z, 0.1, 0.0, pool, [&](bool g) {
      f(g);
      return std::numeric_limits<double>::quiet_NaN();
    });
    CHECK(f.gradients == 1);
    CHECK(f.values == 0);
    // Adam's first step is the learning rate, SGD's that times the gradient 2, AdamW's decays too.
    const double expected = std::string(kind) == "sgd"    ? 0.8
                            : kind == std::string("adam") ? 0.9
                                                          : 0.899;
    CHECK(z[0] == Approx(expected).margin(1e-5));
  }
}

}  // namespace
}  // namespace costate
