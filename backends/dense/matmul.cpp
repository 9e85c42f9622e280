#include "backends/dense/matmul.h"

#include <cblas.h>
#include <libxsmm.h>

#include "backends/dense/aligned.h"
#include "backends/dense/bfloat16.h"
#include "backends/dense/row_blocks.h"
#include "backends/dense/transposition.h"

namespace costate::matmul {
namespace {

// Beyond this many weights a product no longer fits the second-level cache, and blocking, which a
// generated kernel does not do, pays.
constexpr int kMaxWeights = 256 * 256;

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
  RowBlocks<Block> blocks;
  Transposition transposition;
  AlignedFloats transposed;                 // the weights
  std::unique_ptr<Bfloat16Layer> bfloat16;  // which does it all, where it is not null
};

Layer::Layer(int in, int out, int max_rows, bool gradients, Precision precision)
    : in_(in), out_(out), kernels_(std::make_unique<Kernels>()) {
  // A single output makes a product of a matrix and a vector, which no kernel speeds up.
  if (precision == Precision::kBfloat16 && out > 1) {
    kernels_->bfloat16 = std::make_unique<Bfloat16Layer>(in, out, max_rows);
  } else if (small(in, out)) {
    kernels_->blocks =
        RowBlocks<Block>(max_rows, [&](int rows) { return Block(rows, in, out, gradients); });
    kernels_->transposition = Transposition(in, out);
    if (gradients) kernels_->transposed.resize(static_cast<std::size_t>(in) * out);
  }
}

Layer::~Layer() = default;
Layer::Layer(Layer&&) noexcept = default;

void Layer::product(const float* x, const float* w, int rows, float* y) {
  if (kernels_->bfloat16 != nullptr) {
    kernels_->bfloat16->product(x, w, rows, y);
  } else if (out_ == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, rows, in_, 1.0f, x, in_, w, 1, 0.0f, y, 1);
  } else if (stream(rows, in_, out_)) {
    cblas_sgemv(CblasRowMajor, CblasTrans, in_, out_, 1.0f, w, out_, x, 1, 0.0f, y, 1);
  } else if (!small(in_, out_)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, out_, in_, 1.0f, x, in_, w, out_,
                0.0f, y, out_);
  } else {
    kernels_->blocks.for_rows(rows, [&](const Block& block, int first, int /*rows*/) {
      block.forward(w, x + first * in_, y + first * out_);
    });
  }
}

void Layer::add_weight_gradient(const float* x, const float* dy, int rows, float* dw) {
  if (kernels_->bfloat16 != nullptr) {
    kernels_->bfloat16->add_weight_gradient(x, dy, rows, dw);
  } else if (out_ == 1) {
    cblas_sgemv(CblasRowMajor, CblasTrans, rows, in_, 1.0f, x, in_, dy, 1, 1.0f, dw, 1);
  } else if (!small(in_, out_)) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, in_, out_, rows, 1.0f, x, in_, dy, out_,
                1.0f, dw, out_);
  } else {
    kernels_->blocks.for_rows(rows, [&](const Block& block, int first, int /*rows*/) {
      block.weights(dy + first * out_, x + first * in_, dw);
    });
  }
}

void Layer::input_gradient(const float* dy, const float* w, int rows, float* dx) {
  if (kernels_->bfloat16 != nullptr) {
    kernels_->bfloat16->input_gradient(dy, w, rows, dx);
    return;
  }
  if (!small(in_, out_)) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, in_, out_, 1.0f, dy, out_, w, out_,
                0.0f, dx, in_);
    return;
  }
  float* const transposed = kernels_->transposed.data();
  kernels_->transposition(w, transposed);
  kernels_->blocks.for_rows(rows, [&](const Block& block, int first, int /*rows*/) {
    block.inputs(transposed, dy + first * out_, dx + first * in_);
  });
}

}  // namespace costate::matmul
