// The arithmetic of perceptrons, and how fast this machine can do it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/mlp.h"
#include "runners/bench_physics.h"

namespace costate {

/// One matrix product of [rows, inner] and [inner, columns].
struct Product {
  int rows = 0;
  int columns = 0;
  int inner = 0;

  double flops() const { return 2.0 * rows * columns * inner; }
};

/// The products of one forward pass over `rows` rows.
std::vector<Product> forward_products(const MlpShape& shape, int rows);
/// The products of its backward pass: gradients of all weights, and of all inputs but the first.
std::vector<Product> backward_products(const MlpShape& shape, int rows);

double flops(std::span<const Product> products);

/// The highest rate, in floating-point operations a second on one core, at which any matrix library
/// here computes any of the products, or a large square one. Takes about `seconds`.
double matmul_peak(std::span<const Product> products, double seconds);

/// Processor seconds of this thread that one call takes, measured over about `seconds`. Of
/// processor time, so that who else is on the core does not count.
template <class Call>
double seconds_per_call(double seconds, const Call& call) {
  for (std::int64_t calls = 1;; calls *= 2) {
    const double start = thread_cpu_seconds();
    for (std::int64_t i = 0; i < calls; ++i) call();
    const double elapsed = thread_cpu_seconds() - start;
    // The rounds before take as long again.
    if (elapsed >= 0.5 * seconds) return elapsed / static_cast<double>(calls);
  }
}

}  // namespace costate
