#include "backends/dense/matmul.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cblas.h>
#include <libxsmm.h>

#include "backends/dense/aligned.h"

namespace costate::matmul {
namespace {

// Beyond this many weights a product no longer fits the second-level cache, and blocking, which a
// generated kernel does not do, pays.
constexpr int kMaxWeights = 256 * 256;
// The most rows of one kernel.
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
class Product {
 public:
  Product() = default;
  Product(int m, int n, int k, bool transpose_b, float beta)
      : m_(m), n_(n), k_(k), transpose_b_(transpose_b), beta_(beta) {
    const float alpha = 1.0f;
    const int ld = ldb();
    const int flags = transpose_b ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    generated_ = libxsmm_smmdispatch(m, n, k, &m, &ld, &m, &alpha, &beta, &flags, nullptr);
  }
  void operator()(const float* a, const float* b, float* c) const {
    if (generated_ != nullptr) {
      generated_(a, b, c);
    } else {
      cblas_sgemm(CblasColMajor, CblasNoTrans, transpose_b_ ? CblasTrans : CblasNoTrans, m_, n_, k_,
                  1.0f, a, m_, b, ldb(), beta_, c, m_);
    }
  }

 private:
  int ldb() const { return transpose_b_ ? n_ : k_; }

  int m_ = 0;
  int n_ = 0;
  int k_ = 0;
  bool transpose_b_ = false;
  float beta_ = 0.0f;
  libxsmm_smmfunction generated_ = nullptr;  // null where libxsmm does not know the machine
};

// to [columns, rows] = from [rows, columns]ᵀ, in tiles that stay in the first-level cache.
class Transposition {
 public:
  Transposition(int rows, int columns) : rows_(rows), columns_(columns) {
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        const int height = i == 0 ? std::min(kTile, rows) : rows % kTile;
        const int width = j == 0 ? std::min(kTile, columns) : columns % kTile;
        if (height == 0 || width == 0) continue;
        libxsmm_descriptor_blob blob;
        tiles_[i][j] = libxsmm_dispatch_trans(libxsmm_trans_descriptor_init(
            &blob, sizeof(float), static_cast<unsigned>(width), static_cast<unsigned>(height),
            static_cast<unsigned>(rows)));
      }
    }
  }
  void operator()(const float* from, float* to) const {
    const auto ldi = static_cast<unsigned>(columns_);
    const auto ldo = static_cast<unsigned>(rows_);
    for (int i = 0; i < rows_; i += kTile) {
      for (int j = 0; j < columns_; j += kTile) {
        const int height = std::min(kTile, rows_ - i);
        const int width = std::min(kTile, columns_ - j);
        const float* const in = from + i * columns_ + j;
        float* const out = to + j * rows_ + i;
        const auto tile = tiles_[i > 0 && height < kTile][j > 0 && width < kTile];
        if (tile != nullptr) {
          tile(in, &ldi, out, &ldo);
        } else {
          libxsmm_otrans(out, in, sizeof(float), width, height, columns_, rows_);
        }
      }
    }
  }

 private:
  static constexpr int kTile = 32;

  int rows_;
  int columns_;
  // By whether the tile is what is left at the lower and at the right edge. Null as above.
  std::array<std::array<libxsmm_xtransfunction, 2>, 2> tiles_{};
};

// The products of some number of rows.
struct Block {
  Product forward;
  Product weights;
  Product inputs;

  Block() = default;
  Block(int rows, int in, int out, bool gradients) : forward(out, rows, in, false, 0.0f) {
    if (!gradients) return;
    weights = Product(out, in, rows, true, 1.0f);
    inputs = Product(in, rows, out, false, 0.0f);
  }
};

}  // namespace

struct Layer::Kernels {
  Kernels(int in, int out, int max_rows, bool gradients) : transposition(in, out) {
    if (!small(in, out)) return;
    const int most = std::min(max_rows, kMaxBlock);
    for (int i = 0; 1 << i <= most; ++i) powers[i] = Block(1 << i, in, out, gradients);
    whole_rows = most;
    whole = Block(most, in, out, gradients);
    if (gradients) transposed.resize(static_cast<std::size_t>(in) * out);
  }

  // Calls f(kernels, first row) for blocks that cover the rows.
  template <class F>
  void for_blocks(int rows, const F& f) const {
    int first = 0;
    for (; rows - first >= whole_rows; first += whole_rows) f(whole, first);
    while (first < rows) {
      const int power = std::bit_width(static_cast<unsigned>(rows - first)) - 1;
      f(powers[power], first);
      first += 1 << power;
    }
  }

  int whole_rows = 0;
  Block whole;
  std::array<Block, std::bit_width(static_cast<unsigned>(kMaxBlock))> powers;  // 1, 2, 4, … rows
  Transposition transposition;
  AlignedFloats transposed;  // the weights
};

Layer::Layer(int in, int out, int max_rows, bool gradients)
    : in_(in), out_(out), kernels_(std::make_unique<Kernels>(in, out, max_rows, gradients)) {}

Layer::~Layer() = default;
Layer::Layer(Layer&&) noexcept = default;

void Layer::product(const float* x, const float* w, int rows, float* y) {
  if (out_ == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, rows, in_, 1.0f, x, in_, w, 1, 0.0f, y, 1);
  } else if (stream(rows, in_, out_)) {
    cblas_sgemv(CblasRowMajor, CblasTrans, in_, out_, 1.0f, w, out_, x, 1, 0.0f, y, 1);
  } else if (!small(in_, out_)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, out_, in_, 1.0f, x, in_, w, out_,
                0.0f, y, out_);
  } else {
    kernels_->for_blocks(rows, [&](const Block& block, int first) {
      block.forward(w, x + first * in_, y + first * out_);
    });
  }
}

void Layer::add_weight_gradient(const float* x, const float* dy, int rows, float* dw) {
  if (out_ == 1) {
    cblas_sgemv(CblasRowMajor, CblasTrans, rows, in_, 1.0f, x, in_, dy, 1, 1.0f, dw, 1);
  } else if (!small(in_, out_)) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, in_, out_, rows, 1.0f, x, in_, dy, out_,
                1.0f, dw, out_);
  } else {
    kernels_->for_blocks(rows, [&](const Block& block, int first) {
      block.weights(dy + first * out_, x + first * in_, dw);
    });
  }
}

void Layer::input_gradient(const float* dy, const float* w, int rows, float* dx) {
  if (!small(in_, out_)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, in_, out_, 1.0f, dy, out_, w, out_,
                0.0f, dx, in_);
    return;
  }
  float* const transposed = kernels_->transposed.data();
  kernels_->transposition(w, transposed);
  kernels_->for_blocks(rows, [&](const Block& block, int first) {
    block.inputs(transposed, dy + first * out_, dx + first * in_);
  });
}

}  // namespace costate::matmul
