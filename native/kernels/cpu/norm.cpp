// layernorm_f32 and rmsnorm_f32 over the last axis. A unit is one row, walked while it is in the
// cache: its sum, the centred values and their squares, the result.
//
// Where weights and row are finite, no NaN can arise, and weights prepared once serve all rows of a
// slab. All other rows take the loops that ask nothing.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::floored;
using numeric::load;
using numeric::store;

// Weights of rows up to this length are prepared; longer ones are their own slab.
constexpr size_t kPrepared = 4096;

// store(y) for a y that is no NaN.
BT_INLINE float store_number(float y) { return load(y); }

BT_INLINE bool finite(float x) { return numeric::absolute(x) < numeric::from_bits(0x7f800000u); }

// g floored and b loaded for the lean loops; b is null for rmsnorm.
struct Weights {
  float g[kPrepared];
  float b[kPrepared];
  bool lean = false;
};

BT_INLINE void prepare_body(const float* g, const float* b, size_t n, Weights& weights) {
  uint32_t wild = 0;
  for (size_t j = 0; j < n; j++) {
    weights.g[j] = floored(g[j]);
    wild |= finite(g[j]) ? 0u : 1u;
  }
  for (size_t j = 0; b != nullptr && j < n; j++) {
    weights.b[j] = load(b[j]);
    wild |= finite(b[j]) ? 0u : 1u;
  }
  weights.lean = wild == 0;
}
BT_CLONES(void, prepare, (const float* g, const float* b, size_t n, Weights& weights),
          (g, b, n, weights))

// The factor that scales a row to variance one; eps: loaded. Floored, as every use of it is.
BT_INLINE float normaliser(float squares, size_t n, float eps) {
  const float v = store(squares / static_cast<float>(n));
  return floored(store(1.0f / __builtin_sqrtf(store(v + eps))));
}

// The centred values wait in y, floored: storing them first would change nothing. An element below
// 2^-103 is not flushed before: it moves the difference only where that is floored to +0.
// Returns the sum of their squares.
BT_INLINE float centre(const float* __restrict x, float* __restrict y, size_t n) {
  const float sum = lane_sum(n, [x](size_t j) { return load(x[j]); });
  const float mean = store(sum / static_cast<float>(n));
  return lane_square(n, [x, y, mean](size_t j) {
    const float centred = floored(x[j] - mean);
    y[j] = centred;
    return centred;
  });
}

BT_INLINE void layernorm_row_body(const float* __restrict x, const float* __restrict g,
                                  const float* __restrict b, const Weights& weights,
                                  float* __restrict y, size_t n, float eps) {
  const float squares = centre(x, y, n);
  const float s = normaliser(squares, n, eps);
  if (weights.lean && finite(squares) && finite(s)) {
#pragma GCC unroll 2
    for (size_t j = 0; j < n; j++) {
      y[j] = store_number(numeric::fused(floored(y[j] * s), weights.g[j], weights.b[j]));
    }
  } else {
    for (size_t j = 0; j < n; j++) {
      y[j] = store(numeric::fused(floored(y[j] * s), floored(g[j]), load(b[j])));
    }
  }
}
BT_CLONES(void, layernorm_row,
          (const float* x, const float* g, const float* b, const Weights& weights, float* y,
           size_t n, float eps),
          (x, g, b, weights, y, n, eps))

BT_INLINE void rmsnorm_row_body(const float* __restrict x, const float* __restrict g,
                                const Weights& weights, float* __restrict y, size_t n, float eps) {
  const float squares = lane_square(n, [x](size_t j) { return floored(x[j]); });
  const float s = normaliser(squares, n, eps);
  if (weights.lean && finite(squares) && finite(s)) {
#pragma GCC unroll 2
    for (size_t j = 0; j < n; j++) {
      y[j] = store_number(floored(floored(x[j]) * s) * weights.g[j]);
    }
  } else {
    for (size_t j = 0; j < n; j++) {
      y[j] = store(floored(floored(x[j]) * s) * floored(g[j]));
    }
  }
}
BT_CLONES(void, rmsnorm_row,
          (const float* x, const float* g, const Weights& weights, float* y, size_t n, float eps),
          (x, g, weights, y, n, eps))

void layernorm_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  const float* g = c.args[1].f32();
  const float* b = c.args[2].f32();
  Weights weights;
  if (n <= kPrepared) prepare(g, b, n, weights);
  for (size_t row = first; row < last; row++) {
    layernorm_row(c.args[0].f32() + row * n, g, b, weights, c.out.f32() + row * n, n,
                  load(c.real(0)));
  }
}

void rmsnorm_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  const float* g = c.args[1].f32();
  Weights weights;
  if (n <= kPrepared) prepare(g, nullptr, n, weights);
  for (size_t row = first; row < last; row++) {
    rmsnorm_row(c.args[0].f32() + row * n, g, weights, c.out.f32() + row * n, n, load(c.real(0)));
  }
}

constexpr Kernel kKernels[] = {
    {75, 1, "layernorm_f32", rule::layernorm_f32, rows, row_slab, layernorm_f32},
    {76, 1, "rmsnorm_f32", rule::rmsnorm_f32, rows, row_slab, rmsnorm_f32},
};

}  // namespace

std::span<const Kernel> norms() { return kKernels; }

}  // namespace kernels::cpu
