// DenseNet and TorchNet against each other, against finite differences, and through training.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "backends/dense/kernels.h"
#include "backends/dense/matmul.h"
#include "backends/dense/optimizer.h"
#include "backends/dense/vector_math.h"
#include "backends/mlp.h"
#include "backends/torch_plugin.h"
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

constexpr Activation kDenseActivations[] = {Activation::kTanh, Activation::kRelu, Activation::kSilu,
                                            Activation::kElu};

TEST_CASE("dense and torch networks give the same values and gradients") {
  // The sizes take every way through matmul.h: one row, rows that are no power of two, one output,
  // weights that are too many for a generated kernel, and no hidden layer at all.
  const std::vector<MlpShape> shapes = {
      {17, {64, 32}, 6}, {3, {}, 2}, {5, {7, 9, 11}, 1}, {11, {256, 256}, 1}, {300, {400}, 20}};
  for (MlpShape shape : shapes) {
    for (const Activation activation : kDenseActivations) {
      for (const bool layer_norm : {false, true}) {
        for (const int rows : {1, 7, 64, 300}) {
          shape.activation = activation;
          shape.layer_norm = layer_norm;
          Floats parameters = normals(shape.parameter_count(), 1, 0.15f);
          const Floats x = normals(rows * shape.inputs, 2);
          const Floats dy = normals(rows * shape.outputs, 3);
          const Pass dense = run(*make_mlp(shape, "dense"), parameters, x, dy, rows);
          const Pass torch = run(*make_mlp(shape, "torch"), parameters, x, dy, rows);
          INFO("inputs " << shape.inputs << ", activation " << static_cast<int>(activation)
                         << ", layer norm " << layer_norm << ", rows " << rows);
          check_near(dense.y, torch.y, 2e-5f);
          check_near(dense.gradients, torch.gradients, 1e-4f);
          check_near(dense.dx, torch.dx, 5e-5f);
        }
      }
    }
  }
}

TEST_CASE("gradients agree with finite differences") {
  for (const Activation activation : kDenseActivations) {
    for (const bool layer_norm : {false, true}) {
      const MlpShape shape{3, {5}, 2, activation, layer_norm};
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
        const auto check = [&](const char* what, const Floats& gradient, auto at) {
          for (std::size_t i = 0; i < gradient.size(); ++i) {
            constexpr float kStep = 1e-3f;
            const double slope = (at(i, kStep) - at(i, -kStep)) / (2.0 * kStep);
            INFO(kind << ", activation " << static_cast<int>(activation) << ", layer norm "
                      << layer_norm << ", " << what << " " << i);
            CHECK(gradient[i] == Approx(slope).epsilon(2e-2).margin(1e-2));
          }
        };
        check("parameter", pass.gradients, [&](std::size_t i, float step) {
          Floats p = parameters;
          p[i] += step;
          return loss(*net, p, x);
        });
        check("input", pass.dx, [&](std::size_t i, float step) {
          Floats moved = x;
          moved[i] += step;
          return loss(*net, parameters, moved);
        });
      }
    }
  }
}

TEST_CASE("a network that is not plain takes the general path") {
  const MlpShape plain{3, {5}, 2, Activation::kTanh};
  MlpShape special = plain;
  special.activation = Activation::kGelu;
  CHECK(make_mlp(plain, "auto")->kind() == "dense");
  const auto net = make_mlp(special, "auto");
  CHECK(net->kind() == "torch");
  CHECK_THROWS_AS(make_mlp(special, "dense"), UsageError);

  // One hidden unit of weight 1: gelu(x) = x·Φ(x).
  const MlpShape unit{1, {1}, 1, Activation::kGelu};
  const Floats parameters = {1.0f, 0.0f, 1.0f, 0.0f};
  const float x = 0.7f;
  const auto tape = make_mlp(unit, "auto")->make_tape(1, false);
  float y = 0.0f;
  make_mlp(unit, "auto")->forward(parameters, &x, 1, &y, *tape);
  CHECK(y == Approx(0.7 * 0.5 * std::erfc(-0.7 / std::sqrt(2.0))).epsilon(1e-6));
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

TEST_CASE("rows that no gradient enters have none, and the others are as without them") {
  for (const Activation activation : kDenseActivations) {
    for (const bool layer_norm : {false, true}) {
      const MlpShape shape{5, {24, 16}, 2, activation, layer_norm};
      const Floats parameters = normals(shape.parameter_count(), 1, 0.3f);
      const int rows = 37;
      const Floats x = normals(rows * 5, 2);
      Floats dy = normals(rows * 2, 3);
      for (int i = 0; i < rows; ++i) {
        if (i % 3 != 1) dy[2 * i] = dy[2 * i + 1] = 0.0f;
      }
      dy[2 * 36] = 1.0f;  // one of two outputs is enough
      INFO("activation " << static_cast<int>(activation) << ", layer norm " << layer_norm);
      const auto input_gradient = [&](const char* kind, std::span<float> gradients) {
        const auto net = make_mlp(shape, kind);
        const auto tape = net->make_tape(rows, true);
        Floats y(rows * 2);
        Floats dx(x.size(), 7.0f);
        net->forward(parameters, x.data(), rows, y.data(), *tape);
        net->backward(parameters, x.data(), dy.data(), rows, gradients, dx.data(), *tape);
        return dx;
      };
      const Floats alone = input_gradient("dense", {});
      check_near(alone, input_gradient("torch", {}), 5e-5f);
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < 5; ++j) {
          if (dy[2 * i] == 0.0f && dy[2 * i + 1] == 0.0f) CHECK(alone[5 * i + j] == 0.0f);
        }
      }
      dy.assign(dy.size(), 0.0f);
      CHECK(input_gradient("dense", {}) == Floats(x.size()));
    }
  }
}

// Both networks follow the same regression with Adam; rounding differs, so the paths may drift
// apart slowly, and 1e-3 after 1000 steps is what they are held to.
TEST_CASE("dense and torch networks train alike") {
  MlpShape shape{4, {16, 16}, 1, Activation::kTanh};
  SECTION("tanh") {}
  SECTION("silu, normalised") {
    shape.activation = Activation::kSilu;
    shape.layer_norm = true;
  }
  const auto train = [&](const char* kind) {
    const auto net = make_mlp(shape, kind);
    Floats parameters(shape.parameter_count());
    RandomStream random(5);
    const float gain = 1.0f;
    initialise_orthogonal(shape, {&gain, 1}, random, parameters);
    Optimizer adam({}, parameters.size());
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
  Optimizer adam({.epsilon = 1e-8}, 1);
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

TEST_CASE("adamw takes a share of the parameter off, sgd follows its velocity") {
  Floats decayed = {1.0f};
  Floats plain = {1.0f};
  Optimizer adamw({.kind = "adamw", .weight_decay = 0.1}, 1);
  Optimizer adam({}, 1);
  const Floats gradient = {0.5f};
  adamw.step(decayed, gradient, 0.01);
  adam.step(plain, gradient, 0.01);
  CHECK(decayed[0] == Approx(plain[0] - 0.01 * 0.1 * 1.0).epsilon(1e-7));

  Floats x = {1.0f};
  Optimizer sgd({.kind = "sgd", .momentum = 0.9}, 1);
  sgd.step(x, gradient, 0.1);  // u = 0.5
  CHECK(x[0] == Approx(0.95));
  sgd.step(x, gradient, 0.1, 2.0f);  // u = 0.9·0.5 + 2·0.5
  CHECK(x[0] == Approx(0.95 - 0.1 * 1.45));
}

TEST_CASE("a step taken in parts is the same step") {
  for (const char* kind : {"adam", "adamw", "sgd"}) {
    const Floats gradients = normals(100, 1);
    Floats whole = normals(100, 2);
    Floats parts = whole;
    Optimizer a({.kind = kind, .momentum = 0.5}, 100);
    Optimizer b({.kind = kind, .momentum = 0.5}, 100);
    for (int step = 0; step < 3; ++step) {
      a.step(whole, gradients, 1e-2, 0.5f);
      b.begin_step();
      b.step_part(parts, gradients, 37, 63, 1e-2, 0.5f);
      b.step_part(parts, gradients, 0, 37, 1e-2, 0.5f);
    }
    CHECK(whole == parts);
  }
}

TEST_CASE("orthogonal initialisation") {
  const MlpShape shape{8, {32}, 3, Activation::kTanh, true};
  Floats p(shape.parameter_count());
  RandomStream random(3);
  const Floats gains = {0.01f, 0.01f, 1.0f};
  initialise_orthogonal(shape, gains, random, p);
  const auto dot = [](const float* a, const float* b, int count, int stride) {
    double sum = 0.0;
    for (int i = 0; i < count; ++i) sum += static_cast<double>(a[i * stride]) * b[i * stride];
    return sum;
  };
  // The rows of the first matrix [8, 32] are orthogonal with norm √2.
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b <= a; ++b) {
      CHECK(dot(&p[32 * a], &p[32 * b], 32, 1) == Approx(a == b ? 2.0 : 0.0).margin(1e-5));
    }
  }
  const float* bias = p.data() + 8 * 32;
  for (int i = 0; i < 32; ++i) {
    CHECK(bias[i] == 0.0f);
    CHECK(bias[32 + i] == 1.0f);  // gain
    CHECK(bias[64 + i] == 0.0f);  // shift
  }
  // The columns of the output matrix [32, 3]: two orthogonal ones of norm 0.01, one of norm 1.
  const float* out = bias + 3 * 32;
  CHECK(dot(out, out, 32, 3) == Approx(1e-4).epsilon(1e-4));
  CHECK(dot(out, out + 1, 32, 3) == Approx(0.0).margin(1e-9));
  CHECK(dot(out + 2, out + 2, 32, 3) == Approx(1.0).epsilon(1e-4));
}

TEST_CASE("the fast functions stay within a few units in the last place") {
  namespace vm = vector_math;
  struct Case {
    const char* name;
    float (*fast)(float);
    double (*exact)(double);
    float low;
    float high;
  };
  const Case cases[] = {
      {"tanh", vm::tanh, std::tanh, -12.0f, 12.0f},
      {"exp", vm::exp, std::exp, -86.0f, 88.0f},
      {"expm1", vm::expm1, std::expm1, -20.0f, 20.0f},
      {"log", vm::log, std::log, 1e-3f, 50.0f},
      {"log1p", vm::log1p_unit, std::log1p, 0.0f, 1.0f},
      {"softplus", vm::softplus, [](double x) { return std::log1p(std::exp(x)); }, -40.0f, 40.0f},
      {"sigmoid", vm::sigmoid, [](double x) { return 1.0 / (1.0 + std::exp(-x)); }, -80.0f, 80.0f},
  };
  for (const Case& c : cases) {
    double worst = 0.0;
    for (int i = 0; i <= 200000; ++i) {
      const float x = c.low + (c.high - c.low) * static_cast<float>(i) / 200000.0f;
      const double exact = c.exact(x);
      worst = std::max(worst, std::abs(c.fast(x) - exact) / (std::abs(exact) * 0x1p-23 + 1e-30));
    }
    INFO(c.name);
    CHECK(worst < 8.0);
    CHECK(std::isnan(c.fast(std::nanf(""))));
  }
  CHECK(vm::tanh(100.0f) <= 1.0f);
  CHECK(vm::exp(-1000.0f) == 0.0f);
  CHECK(vm::exp(1000.0f) > 1e38f);
}

TEST_CASE("normals drawn together are those drawn one after the other") {
  // Blocks that end before, at and after the kernel's own; 4·10⁵ numbers reach 4.5 deviations.
  RandomStream one_by_one(11, 5);
  RandomStream together(11, 5);
  float worst = 0.0f;
  float largest = 0.0f;
  for (int repeat = 0; repeat < 500; ++repeat) {
    for (const std::size_t n : {1u, 7u, 128u, 129u, 600u}) {
      Floats x(n);
      kernels::normals(together, x);
      for (const float v : x) {
        worst = std::max(worst, std::abs(v - static_cast<float>(one_by_one.normal())));
        largest = std::max(largest, std::abs(v));
      }
    }
  }
  CHECK(together.counter() == one_by_one.counter());
  CHECK(worst < 1e-6f);
  CHECK(largest > 4.0f);
}

// The fixed order of summation is an error bound too: every term is rounded in double.
TEST_CASE("the sum of squares adds every entry") {
  for (const std::size_t n : {0u, 1u, 15u, 16u, 17u, 1000u}) {
    const Floats x = normals(n, 7);
    double sum = 0.0;
    for (const float v : x) sum += static_cast<double>(v) * v;
    CHECK(kernels::sum_of_squares(x) == Approx(sum).epsilon(1e-12));
  }
}

TEST_CASE("a wrong name is an error that says what is known") {
  CHECK_THROWS_AS(make_mlp({1, {}, 1, Activation::kTanh}, "fast"), UsageError);
  CHECK_THROWS_AS(activation_from("sin"), UsageError);
}

TEST_CASE("what is thrown inside the plugin is caught outside") {
  MlpShape impossible;
  impossible.inputs = -1;
  impossible.outputs = 1;
  CHECK_THROWS_AS(torch_plugin().make_mlp(impossible), std::exception);
}

}  // namespace
}  // namespace costate
