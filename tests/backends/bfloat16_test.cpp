// Products in bfloat16: against double precision on operands rounded independently, and networks
// against those in float.
#include "backends/dense/bfloat16.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cfenv>
#include <cmath>
#include <limits>
#include <vector>

#include "backends/dense/kernels.h"
#include "backends/dense/matmul.h"
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

// To 8 bits of precision, to nearest, ties to even: nearbyint's way by default.
double rounded(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

TEST_CASE("rounding to bfloat16") {
  const float inf = std::numeric_limits<float>::infinity();
  // Ties go to the even neighbour; the largest float goes beyond the largest bfloat16.
  const Floats x = {1.0f, 0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, -0x1.fffffep-3f, 0x1.fffffep127f,
                    inf,  -inf,      0.0f,      -0.0f};
  const Floats expected = {1.0f, 1.0f, 0x1.04p0f, 0x1.02p0f, -0.25f, inf, inf, -inf, 0.0f, -0.0f};
  std::vector<std::uint16_t> bits(x.size());
  kernels::round_rows(x.data(), 1, static_cast<int>(x.size()), bits.data());
  const auto value = [](std::uint32_t b) { return std::bit_cast<float>(b << 16); };
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(value(bits[i]) == expected[i]);
    CHECK(std::signbit(value(bits[i])) == std::signbit(expected[i]));
  }
  for (const std::uint32_t nan : {0x7fffffffu, 0xffffffffu, 0x7f800001u}) {
    const float row[] = {std::bit_cast<float>(nan), 0.0f};
    kernels::round_rows(row, 1, 2, bits.data());
    CHECK(std::isnan(value(bits[0])));
  }
  const Floats many = normals(10001, 1);
  std::vector<std::uint16_t> row(10002, 1);
  kernels::round_rows(many.data(), 1, 10001, row.data());
  for (std::size_t i = 0; i < many.size(); ++i) {
    REQUIRE(static_cast<double>(value(row[i])) == rounded(static_cast<double>(many[i])));
  }
  CHECK(row.back() == 0);  // what fills up an odd number

  // Three rows of two as pairs: the rows of a column side by side.
  const Floats matrix = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
  std::vector<std::uint32_t> pairs(4);
  kernels::round_pairs(matrix.data(), 3, 2, pairs.data());
  const Floats lower = {1.0f, 2.0f, 5.0f, 6.0f};
  const Floats upper = {3.0f, 4.0f, 0.0f, 0.0f};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(value(pairs[i] & 0xffffu) == lower[i]);
    CHECK(value(pairs[i] >> 16) == upper[i]);
  }
}

TEST_CASE("products in bfloat16 are those of the rounded operands") {
  if (!matmul::has_bfloat16()) return;
  struct Shape {
    int in;
    int out;
    int max_rows;
  };
  for (const Shape s : {Shape{17, 64, 100}, Shape{64, 12, 100}, Shape{23, 33, 7}, Shape{1, 2, 1},
                        Shape{256, 256, 300}, Shape{300, 400, 64}}) {
    matmul::Layer layer(s.in, s.out, s.max_rows, true, matmul::Precision::kBfloat16);
    for (const int rows : {s.max_rows, 1, s.max_rows / 2 + 1}) {
      INFO(s.in << " → " << s.out << ", " << rows << " rows of " << s.max_rows);
      const auto size = [](int a, int b) { return static_cast<std::size_t>(a * b); };
      const Floats x = normals(size(rows, s.in), 1);
      const Floats w = normals(size(s.in, s.out), 2);
      const Floats dy = normals(size(rows, s.out), 3);
      Floats y(dy.size(), 7.0f);
      Floats dx(x.size(), 7.0f);
      Floats dw = normals(w.size(), 4);
      const Floats before = dw;
      layer.product(x.data(), w.data(), rows, y.data());
      layer.add_weight_gradient(x.data(), dy.data(), rows, dw.data());
      layer.input_gradient(dy.data(), w.data(), rows, dx.data());

      // Σ_k a[i, k]·b[k, j] of rounded numbers, whose products float holds exactly: what is left
      // is the rounding of n sums in float.
      const auto check = [](const Floats& result, int height, int width, int inner, auto a, auto b,
                            auto start) {
        double worst = 0.0;
        for (int i = 0; i < height; ++i) {
          for (int j = 0; j < width; ++j) {
            double sum = start(i, j);
            double size_of_all = std::abs(sum);
            for (int k = 0; k < inner; ++k) {
              const double product = rounded(a(i, k)) * rounded(b(k, j));
              sum += product;
              size_of_all += std::abs(product);
            }
            const double error = std::abs(result[static_cast<std::size_t>(i * width + j)] - sum);
            worst = std::max(worst, error / (size_of_all * (inner + 1) * 0x1p-24 + 1e-30));
          }
        }
        CHECK(worst < 1.0);
      };
      const auto at = [](const Floats& m, int width) {
        return [&m, width](int i, int j) -> double {
          return m[static_cast<std::size_t>(i * width + j)];
        };
      };
      const auto transposed = [&at](const Floats& m, int width) {
        return [f = at(m, width)](int i, int j) { return f(j, i); };
      };
      const auto zero = [](int, int) { return 0.0; };
      check(y, rows, s.out, s.in, at(x, s.in), at(w, s.out), zero);
      check(dx, rows, s.in, s.out, at(dy, s.out), transposed(w, s.out), zero);
      check(dw, s.in, s.out, rows, transposed(x, s.in), at(dy, s.out), at(before, s.out));
    }
  }
}

TEST_CASE("a network in bfloat16 has the gradients of the one in float, to its precision") {
  // Of a ReLU the gradient jumps where rounding changes a sign, which some 0.3 % of the units do.
  const auto [activation, tolerance] = GENERATE(table<Activation, double>(
      {{Activation::kTanh, 0.02}, {Activation::kElu, 0.02}, {Activation::kRelu, 0.1}}));
  const MlpShape shape{17, {64, 48}, 6, activation};
  const auto half = make_mlp(shape, "dense", "bfloat16");
  if (!matmul::has_bfloat16()) {
    CHECK_THROWS_AS(half->make_tape(1, true), UsageError);
    return;
  }
  const auto full = make_mlp(shape, "dense");
  const int rows = 100;
  Floats parameters(shape.parameter_count());
  RandomStream random(3);
  initialise_orthogonal(shape, Floats(6, 1.0f), random, parameters);
  const Floats x = normals(rows * 17, 1);
  const Floats dy = normals(rows * 6, 2);
  struct Pass {
    Floats y = Floats(rows * 6);
    Floats gradients;
    Floats dx = Floats(rows * 17);
  };
  const auto run = [&](const Network& net, bool with_gradients) {
    Pass pass;
    pass.gradients.resize(parameters.size());
    const auto tape = net.make_tape(rows, with_gradients);
    net.forward(parameters, x.data(), rows, pass.y.data(), *tape);
    if (!with_gradients) return pass;
    net.backward(parameters, x.data(), dy.data(), rows, pass.gradients, pass.dx.data(), *tape);
    return pass;
  };
  // ‖a − b‖/‖b‖. Each of three layers rounds both operands by 2⁻⁹ at most, at random.
  const auto distance = [](const Floats& a, const Floats& b) {
    double difference = 0.0;
    double size = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
      size += std::pow(static_cast<double>(b[i]), 2);
    }
    return std::sqrt(difference / size);
  };
  const Pass expected = run(*full, true);
  const Pass pass = run(*half, true);
  for (const double d : {distance(pass.y, expected.y), distance(pass.dx, expected.dx),
                         distance(pass.gradients, expected.gradients)}) {
    CHECK(d < tolerance);
    CHECK(d > 1e-4);  // it is another precision
  }
  // Acting is not.
  CHECK(run(*half, false).y == run(*full, false).y);
}

TEST_CASE("precisions that there are not are errors") {
  const MlpShape shape{1, {2}, 1, Activation::kRelu};
  CHECK_THROWS_AS(make_mlp(shape, "dense", "float16"), UsageError);
  CHECK_THROWS_AS(make_mlp(shape, "torch", "bfloat16"), UsageError);
}

}  // namespace
}  // namespace costate
