#include "backends/dense/bfloat16.h"

#include <cstdint>
#include <libxsmm.h>
#include <string>
#include <vector>

#include "backends/dense/aligned.h"
#include "backends/dense/kernels.h"
#include "backends/dense/row_blocks.h"
#include "backends/dense/transposition.h"
#include "envs/error.h"

namespace costate::matmul {
namespace {

template <class T>
using Aligned = std::vector<T, CacheAligned<T>>;

int even(int n) {
  return n + n % 2;
}

// C [n, m] = B [n, k]·A [k, m] + beta·C, all row-major, with A as pairs and k even.
libxsmm_bsmmfunction product(int m, int n, int k, float beta) {
  const float alpha = 1.0f;
  const int flags = LIBXSMM_GEMM_FLAG_VNNI_A;
  const auto kernel = libxsmm_bsmmdispatch(m, n, k, &m, &k, &m, &alpha, &beta, &flags, nullptr);
  if (kernel == nullptr) {
    throw Error("libxsmm has no bfloat16 product of sizes " + std::to_string(m) + ", " +
                std::to_string(n) + ", " + std::to_string(k));
  }
  return kernel;
}

// The products of some number of rows.
struct Block {
  libxsmm_bsmmfunction forward = nullptr;
  libxsmm_bsmmfunction weights = nullptr;
  libxsmm_bsmmfunction inputs = nullptr;
  Transposition x;  // pairs of its rows → xᵀ
};

}  // namespace

bool has_bfloat16() {
  return libxsmm_get_target_archid() >= LIBXSMM_X86_AVX512_CPX &&
         libxsmm_get_target_archid() <= LIBXSMM_X86_ALLFEAT;
}

struct Bfloat16Layer::Kernels {
  int in;
  int out;
  RowBlocks<Block> blocks;
  Transposition w;                    // pairs of its columns → pairs of the rows of wᵀ
  Aligned<std::uint16_t> rows;        // of x, dy or w
  Aligned<std::uint32_t> pairs;       // of the rows of x or w
  Aligned<std::uint32_t> dy_pairs;    // of the rows of dy
  Aligned<std::uint32_t> transposed;  // xᵀ, or pairs of the rows of wᵀ
};

Bfloat16Layer::Bfloat16Layer(int in, int out, int max_rows)
    : kernels_(std::make_unique<Kernels>()) {
  Kernels& k = *kernels_;
  k.in = in;
  k.out = out;
  k.blocks = RowBlocks<Block>(max_rows, [=](int rows) {
    return Block{.forward = matmul::product(out, rows, even(in), 0.0f),
                 .weights = matmul::product(out, in, even(rows), 1.0f),
                 .inputs = matmul::product(in, rows, even(out), 0.0f),
                 .x = Transposition(even(rows) / 2, in)};
  });
  k.w = Transposition(in, even(out) / 2);
  const auto size = [](int height, int width) {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  };
  const int most = even(k.blocks.most());
  k.rows.resize(std::max({size(most, even(in)), size(most, even(out)), size(in, even(out))}));
  k.pairs.resize(std::max(size(most, in), size(even(in), out)) / 2);
  k.dy_pairs.resize(size(most, out) / 2);
  k.transposed.resize(std::max(size(most, in), size(even(out), in)) / 2);
}

Bfloat16Layer::~Bfloat16Layer() = default;

void Bfloat16Layer::product(const float* x, const float* w, int rows, float* y) {
  Kernels& k = *kernels_;
  kernels::round_pairs(w, k.in, k.out, k.pairs.data());
  k.blocks.for_rows(rows, [&](const Block& block, int first, int n) {
    kernels::round_rows(x + first * k.in, n, k.in, k.rows.data());
    block.forward(reinterpret_cast<const libxsmm_bfloat16*>(k.pairs.data()), k.rows.data(),
                  y + first * k.out);
  });
}

void Bfloat16Layer::add_weight_gradient(const float* x, const float* dy, int rows, float* dw) {
  Kernels& k = *kernels_;
  k.blocks.for_rows(rows, [&](const Block& block, int first, int n) {
    kernels::round_pairs(x + first * k.in, n, k.in, k.pairs.data());
    block.x(k.pairs.data(), k.transposed.data());
    kernels::round_pairs(dy + first * k.out, n, k.out, k.dy_pairs.data());
    block.weights(reinterpret_cast<const libxsmm_bfloat16*>(k.dy_pairs.data()),
                  reinterpret_cast<const libxsmm_bfloat16*>(k.transposed.data()), dw);
  });
}

void Bfloat16Layer::input_gradient(const float* dy, const float* w, int rows, float* dx) {
  Kernels& k = *kernels_;
  kernels::round_rows(w, k.in, k.out, k.rows.data());
  k.w(k.rows.data(), k.transposed.data());
  k.blocks.for_rows(rows, [&](const Block& block, int first, int n) {
    kernels::round_rows(dy + first * k.out, n, k.out, k.rows.data());
    block.inputs(reinterpret_cast<const libxsmm_bfloat16*>(k.transposed.data()), k.rows.data(),
                 dx + first * k.in);
  });
}

}  // namespace costate::matmul
