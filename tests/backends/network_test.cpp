// DenseNet and TorchNet against each other, against finite differences, and through training.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "backends/dense/adam.h"
#include "backends/dense/kernels.h"
#include "backends/mlp.h"
#include "envs/error.h"

namespace costate {
namespace {

using Floats = std::vector<float>;

Floats normals(std::size_t n, std::uint64_t seed, float scale = 1.0f) {
  RandomStream random(seed);
  Floats out(n);
  for (float& x : out) x = scale * static_cast<float>(random.normal());
  return out;
}

struct Pass {
  Floats y;
  Floats gradients;
  Floats dx;
};

Pass run(const Network& net, const Floats& parameters, const Floats& x, const Floats& dy,
         int rows) {
  const auto tape = net.make_tape(rows, true);
  Pass pass{Floats(rows * net.outputs()), Floats(net.parameter_count()), Floats(x.size())};
  net.forward(parameters, x.data(), rows, pass.y.data(), *tape);
  net.backward(parameters, x.data(), dy.data(), rows, pass.gradients, pass.dx.data(), *tape);
  return pass;
}

void check_near(const Floats& a, const Floats& b, float tolerance) {
  REQUIRE(a.size() == b.size());
  float worst = 0.0f;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]) / (1.0f + std::abs(b[i])));
  }
  CHECK(worst < tolerance);
}

TEST_CASE("dense and torch networks give the same values and gradients") {
  for (const Activation activation : {Activation::kTanh, Activation::kRelu}) {
    for (const int rows : {1, 7, 64}) {
      const MlpShape shape{17, {64, 32}, 6, activation};
      const Floats parameters = normals(shape.parameter_count(), 1, 0.2f);
      const Floats x = normals(rows * 17, 2);
      const Floats dy = normals(rows * 6, 3);
      const Pass dense = run(*make_mlp(shape, "dense"), parameters, x, dy, rows);
      const Pass torch = run(*make_mlp(shape, "torch"), parameters, x, dy, rows);
      INFO("rows " << rows);
      check_near(dense.y, torch.y, 1e-5f);
      check_near(dense.gradients, torch.gradients, 2e-5f);
      check_near(dense.dx, torch.dx, 1e-5f);
    }
  }
}

TEST_CASE("gradients agree with finite differences") {
  const MlpShape shape{3, {5}, 2, Activation::kTanh};
  const Floats parameters = normals(shape.parameter_count(), 1, 0.5f);
  const Floats x = normals(4 * 3, 2);
  const Floats dy = normals(4 * 2, 3);
  const auto loss = [&](const Network& net, const Floats& p, const Floats& input) {
    const auto tape = net.make_tape(4, false);
    Floats y(8);
    net.forward(p, input.data(), 4, y.data(), *tape);
    double sum = 0.0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * dy[i];
    return sum;
  };
  for (const char* kind : {"dense", "torch"}) {
    const auto net = make_mlp(shape, kind);
    const Pass pass = run(*net, parameters, x, dy, 4);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Floats up = parameters;
      Floats down = parameters;
      up[i] += 1e-2f;
      down[i] -= 1e-2f;
      INFO(kind << ", parameter " << i);
      CHECK(pass.gradients[i] ==
            Approx((loss(*net, up, x) - loss(*net, down, x)) / 2e-2).margin(2e-3));
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      Floats up = x;
      Floats down = x;
      up[i] += 1e-2f;
      down[i] -= 1e-2f;
      INFO(kind << ", input " << i);
      CHECK(
          pass.dx[i] ==
          Approx((loss(*net, parameters, up) - loss(*net, parameters, down)) / 2e-2).margin(2e-3));
    }
  }
}

TEST_CASE("gradients are added to what is there") {
  const MlpShape shape{3, {5}, 2, Activation::kRelu};
  const auto net = make_mlp(shape, "dense");
  const Floats parameters = normals(shape.parameter_count(), 1);
  const Floats x = normals(6, 2);
  const Floats dy = normals(4, 3);
  Pass pass = run(*net, parameters, x, dy, 2);
  const Floats once = pass.gradients;
  const auto tape = net->make_tape(2, true);
  net->forward(parameters, x.data(), 2, pass.y.data(), *tape);
  net->backward(parameters, x.data(), dy.data(), 2, pass.gradients, nullptr, *tape);
  for (std::size_t i = 0; i < once.size(); ++i) {
    CHECK(pass.gradients[i] == Approx(2.0f * once[i]).margin(1e-6));
  }
}

// Both networks follow the same regression with Adam; rounding differs, so the paths may drift
// apart slowly, and 1e-3 after 1000 steps is what they are held to.
TEST_CASE("dense and torch networks train alike") {
  const MlpShape shape{4, {16, 16}, 1, Activation::kTanh};
  const auto train = [&](const char* kind) {
    const auto net = make_mlp(shape, kind);
    Floats parameters(shape.parameter_count());
    RandomStream random(5);
    const float gain = 1.0f;
    initialise_orthogonal(shape, {&gain, 1}, random, parameters);
    Adam adam(parameters.size());
    const auto tape = net->make_tape(32, true);
    Floats y(32);
    Floats gradients(parameters.size());
    double loss = 0.0;
    for (int step = 0; step < 1000; ++step) {
      const Floats x = normals(32 * 4, 100 + step);
      net->forward(parameters, x.data(), 32, y.data(), *tape);
      Floats dy(32);
      loss = 0.0;
      for (int i = 0; i < 32; ++i) {
        const float error = y[i] - std::sin(x[4 * i]) * x[4 * i + 1];
        loss += error * error / 32.0;
        dy[i] = 2.0f * error / 32.0f;
      }
      std::fill(gradients.begin(), gradients.end(), 0.0f);
      net->backward(parameters, x.data(), dy.data(), 32, gradients, nullptr, *tape);
      adam.step(parameters, gradients, 3e-3);
    }
    CHECK(loss < 0.05);  // against 0.43 for the constant prediction
    return parameters;
  };
  check_near(train("dense"), train("torch"), 1e-3f);
}

TEST_CASE("adam follows the update of the paper") {
  // Algorithm 1 in double precision, written out for one parameter.
  Floats parameter = {1.0f};
  Adam adam(1, 0.9f, 0.999f, 1e-8f);
  double x = 1.0;
  double m = 0.0;
  double v = 0.0;
  for (int t = 1; t <= 20; ++t) {
    const double g = std::cos(static_cast<double>(t)) + 0.3;
    const Floats gradient = {static_cast<float>(g)};
    adam.step(parameter, gradient, 0.01);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    x -= 0.01 * (m / (1.0 - std::pow(0.9, t))) / (std::sqrt(v / (1.0 - std::pow(0.999, t))) + 1e-8);
    CHECK(parameter[0] == Approx(x).epsilon(1e-5));
  }
}

TEST_CASE("orthogonal initialisation") {
  const MlpShape shape{8, {32}, 3, Activation::kTanh};
  Floats p(shape.parameter_count());
  RandomStream random(3);
  const Floats gains = {0.01f, 0.01f, 1.0f};
  initialise_orthogonal(shape, gains, random, p);
  // Columns of the first matrix [32, 8] are orthogonal with norm √2.
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b <= a; ++b) {
      double dot = 0.0;
      for (int i = 0; i < 32; ++i) dot += static_cast<double>(p[8 * i + a]) * p[8 * i + b];
      CHECK(dot == Approx(a == b ? 2.0 : 0.0).margin(1e-5));
    }
  }
  for (int i = 0; i < 32; ++i) CHECK(p[32 * 8 + i] == 0.0f);
  // The output rows [3, 32]: two orthogonal ones of norm 0.01, one of norm 1.
  const float* out = p.data() + 32 * 8 + 32;
  const auto dot = [&](int a, int b) {
    double sum = 0.0;
    for (int i = 0; i < 32; ++i) sum += static_cast<double>(out[32 * a + i]) * out[32 * b + i];
    return sum;
  };
  CHECK(dot(0, 0) == Approx(1e-4).epsilon(1e-4));
  CHECK(dot(0, 1) == Approx(0.0).margin(1e-9));
  CHECK(dot(2, 2) == Approx(1.0).epsilon(1e-4));
}

TEST_CASE("the fast tanh stays within a few units in the last place") {
  double worst = 0.0;
  for (float x = -12.0f; x < 12.0f; x += 1e-4f) {
    float y = x;
    kernels::tanh({&y, 1});
    const double exact = std::tanh(static_cast<double>(x));
    worst = std::max(worst, std::abs(y - exact) / (std::abs(exact) * 0x1p-23 + 1e-30));
    REQUIRE(std::abs(y) <= 1.0f);
  }
  CHECK(worst < 8.0);
}

TEST_CASE("a wrong name is an error that says what is known") {
  CHECK_THROWS_AS(make_mlp({1, {}, 1, Activation::kTanh}, "fast"), UsageError);
  CHECK_THROWS_AS(activation_from("gelu"), UsageError);
}

}  // namespace
}  // namespace costate
