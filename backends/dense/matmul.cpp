#include "backends/dense/matmul.h"

#include <algorithm>
#include <cblas.h>
#include <libxsmm.h>
#include <vector>

namespace costate::matmul {
namespace {

// Beyond this many weights a product no longer fits the second-level cache, and blocking, which a
// generated kernel does not do, pays.
constexpr int kMaxWeights = 256 * 256;
// Rows are taken in blocks of powers of two, so that few kernels serve any number of rows.
constexpr int kMaxBlock = 256;

bool small(int in, int out) {
  return in * out <= kMaxWeights;
}
// A single row reads each weight once. OpenBLAS streams a large matrix better, and libxsmm has only
// one chain of additions to work on when there are few outputs.
bool stream(int rows, int in, int out) {
  return rows == 1 && (out < 16 || in * out >= kMaxWeights / 4);
}

// A product as libxsmm, for which matrices are column-major, sees it: C [n, m] = B·A + beta·C, all
// row-major, with A [k, m] and B [n, k], or [k, n] where it is transposed.
struct Product {
  int m;
  int n;
  int k;
  bool transpose_b;
  float beta;

  int ldb() const { return transpose_b ? n : k; }
  // Null where libxsmm does not know the machine.
  libxsmm_smmfunction kernel() const {
    const float alpha = 1.0f;
    const int ld = ldb();
    const int flags = transpose_b ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    return libxsmm_smmdispatch(m, n, k, &m, &ld, &m, &alpha, &beta, &flags, nullptr);
  }
  void operator()(const float* a, const float* b, float* c) const {
    if (const auto generated = kernel()) {
      generated(a, b, c);
    } else {
      cblas_sgemm(CblasColMajor, CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n, k,
                  1.0f, a, m, b, ldb(), beta, c, m);
    }
  }
};
Product forward_product(int rows, int in, int out) {
  return {.m = out, .n = rows, .k = in, .transpose_b = false, .beta = 1.0f};
}
Product weight_product(int rows, int in, int out) {
  return {.m = out, .n = in, .k = rows, .transpose_b = true, .beta = 1.0f};
}
Product input_product(int rows, int in, int out) {
  return {.m = in, .n = rows, .k = out, .transpose_b = false, .beta = 0.0f};
}

// Calls f(first, count) for blocks that cover the rows.
template <class F>
void for_blocks(int rows, F f) {
  int block = kMaxBlock;
  for (int first = 0; first < rows; first += block) {
    while (block > rows - first) block /= 2;
    f(first, block);
  }
}

// to [columns, rows] = from [rows, columns]ᵀ, in tiles that stay in the first-level cache.
void transpose(const float* from, int rows, int columns, float* to) {
  constexpr int kTile = 32;
  for (int i = 0; i < rows; i += kTile) {
    for (int j = 0; j < columns; j += kTile) {
      libxsmm_otrans(to + j * rows + i, from + i * columns + j, sizeof(float),
                     std::min(kTile, columns - j), std::min(kTile, rows - i), columns, rows);
    }
  }
}

}  // namespace

void add_product(const float* x, const float* w, int rows, int in, int out, float* y) {
  if (out == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, rows, in, 1.0f, x, in, w, 1, 1.0f, y, 1);
  } else if (stream(rows, in, out)) {
    cblas_sgemv(CblasRowMajor, CblasTrans, in, out, 1.0f, w, out, x, 1, 1.0f, y, 1);
  } else if (!small(in, out)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, out, in, 1.0f, x, in, w, out, 1.0f,
                y, out);
  } else {
    for_blocks(rows, [&](int first, int count) {
      forward_product(count, in, out)(w, x + first * in, y + first * out);
    });
  }
}

void add_weight_gradient(const float* x, const float* dy, int rows, int in, int out, float* dw) {
  if (out == 1) {
    cblas_sgemv(CblasRowMajor, CblasTrans, rows, in, 1.0f, x, in, dy, 1, 1.0f, dw, 1);
  } else if (!small(in, out)) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, in, out, rows, 1.0f, x, in, dy, out, 1.0f,
                dw, out);
  } else {
    for_blocks(rows, [&](int first, int count) {
      weight_product(count, in, out)(dy + first * out, x + first * in, dw);
    });
  }
}

void input_gradient(const float* dy, const float* w, int rows, int in, int out, float* dx,
                    float* scratch) {
  if (!small(in, out)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, in, out, 1.0f, dy, out, w, out, 0.0f,
                dx, in);
    return;
  }
  transpose(w, in, out, scratch);
  for_blocks(rows, [&](int first, int count) {
    input_product(count, in, out)(scratch, dy + first * out, dx + first * in);
  });
}

void prepare(int max_rows, int in, int out, bool gradients) {
  if (!small(in, out)) return;
  for (int rows = 1; rows <= std::min(max_rows, kMaxBlock); rows *= 2) {
    forward_product(rows, in, out).kernel();
    if (!gradients) continue;
    weight_product(rows, in, out).kernel();
    input_product(rows, in, out).kernel();
  }
  if (gradients) {
    const std::vector<float> w(static_cast<std::size_t>(in) * out);
    std::vector<float> transposed(w.size());
    transpose(w.data(), in, out, transposed.data());
  }
}

}  // namespace costate::matmul
