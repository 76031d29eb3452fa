// softmax_f32 over the last axis. A unit is one row, walked three times while it is in the cache:
// the top, the exponentials and their sum, the quotients.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/elementary.h"
#include "kernels/cpu/lanes.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

// Exponentials are kept times 2^24, and so is their sum: quotients are the same, and the remainders
// of the division stay clear of the subnormal numbers.
constexpr uint32_t kShift = 24;

// NaNs are passed over: each makes its own exponential a NaN, and through the sum the whole row.
BT_INLINE float top_number(const float* a, size_t n) {
  float lane[kLanes];
  for (float& top : lane) top = from_bits(0xff800000u);
  fold_lanes(
      lane, 0, n, [a](size_t j) { return a[j]; },
      [](float top, float x) { return x > top ? x : top; });
  return fold_tree(lane, Higher{});
}

// 1 / sum as two numbers: the nearest, and what is missing.
struct Inverse {
  float nearest;
  float rest;
};

BT_INLINE Inverse inverse_of(float sum) {
  const float nearest = 1.0f / sum;
  return {nearest, fused(-nearest, sum, 1.0f) * nearest};
}

// x / sum, correctly rounded: with both parts of the inverse the first quotient is within one unit,
// and then one step with the nearest inverse rounds rightly (Markstein). Its remainder is exact.
BT_INLINE float quotient(float x, float sum, Inverse inverse) {
  const float first = fused(x, inverse.nearest, x * inverse.rest);
  return fused(fused(-first, sum, x), inverse.nearest, first);
}

BT_INLINE void softmax_row_body(const float* __restrict a, float* __restrict y, size_t n) {
  // Flushing keeps the order, so that it may follow the maximum. An element below 2^-103 needs
  // none: it moves the difference only where exp gives 1 on both sides.
  const float top = numeric::load(top_number(a, n));
#pragma GCC unroll 2
  for (size_t j = 0; j < n; j++) y[j] = exp_negative<kShift>(a[j] - top);
  const float sum = lane_sum(n, [y](size_t j) { return y[j]; });
  if (sum != sum) {
    for (size_t j = 0; j < n; j++) y[j] = numeric::nan();
    return;
  }
  const Inverse inverse = inverse_of(sum);
#pragma GCC unroll 4
  for (size_t j = 0; j < n; j++) {
    const float share = quotient(y[j], sum, inverse);
    y[j] = share < from_bits(0x0c000000u) ? 0.0f : share;
  }
}
BT_CLONES(void, softmax_row, (const float* a, float* y, size_t n), (a, y, n))

void softmax_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  for (size_t row = first; row < last; row++) {
    softmax_row(c.args[0].f32() + row * n, c.out.f32() + row * n, n);
  }
}

constexpr Kernel kKernels[] = {
    {50, 1, "softmax_f32", rule::softmax_f32, rows, row_slab, softmax_f32},
};

}  // namespace

std::span<const Kernel> softmax() { return kKernels; }

}  // namespace kernels::cpu
