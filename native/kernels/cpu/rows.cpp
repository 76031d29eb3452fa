// Ops over the last axis, a unit being one row: softmax, sum_last, argmax; and sum_rows, a unit
// being one column.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::load;
using numeric::store;

BT_INLINE void softmax_row_body(const float* a, float* y, size_t n) {
  float top = load(a[0]);
  for (size_t j = 1; j < n; j++) top = numeric::higher(top, load(a[j]));
  for (size_t j = 0; j < n; j++) y[j] = store(numeric::exponential(load(a[j]) - top));
  const float sum = numeric::lane_sum(n, [y](size_t j) { return y[j]; });
  for (size_t j = 0; j < n; j++) y[j] = store(y[j] / sum);
}
BT_CLONES(void, softmax_row, (const float* a, float* y, size_t n), (a, y, n))

void softmax_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  for (size_t row = first; row < last; row++) {
    softmax_row(c.args[0].f32() + row * n, c.out.f32() + row * n, n);
  }
}

BT_INLINE float sum_row_body(const float* a, size_t n) {
  return store(numeric::lane_sum(n, [a](size_t j) { return load(a[j]); }));
}
BT_CLONES(float, sum_row, (const float* a, size_t n), (a, n))

void sum_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.f32()[row] = sum_row(c.args[0].f32() + row * n, n);
  }
}

BT_INLINE float sum_column_body(const float* a, size_t rows, size_t stride) {
  return store(numeric::lane_sum(rows, [a, stride](size_t j) { return load(a[j * stride]); }));
}
BT_CLONES(float, sum_column, (const float* a, size_t rows, size_t stride), (a, rows, stride))

void sum_rows_f32(const Call& c, size_t first, size_t last) {
  const size_t stride = c.args[0].shape.dims[1];
  for (size_t column = first; column < last; column++) {
    c.out.f32()[column] = sum_column(c.args[0].f32() + column, c.args[0].shape.dims[0], stride);
  }
}

size_t column_slab(const Call& c) {
  const size_t count = (1u << 14) / c.args[0].shape.dims[0];
  return count == 0 ? 1 : count;
}

// The lowest index of the largest; the first NaN is the largest of all.
size_t top_f32(const float* a, size_t n) {
  size_t best = 0;
  float top = load(a[0]);
  for (size_t j = 1; j < n && top == top; j++) {
    const float x = load(a[j]);
    if (x != x || x > top) {
      best = j;
      top = x;
    }
  }
  return best;
}

template <typename T>
size_t top_integer(const T* a, size_t n) {
  size_t best = 0;
  for (size_t j = 1; j < n; j++) {
    if (a[j] > a[best]) best = j;
  }
  return best;
}

void argmax_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.s32()[row] = static_cast<int32_t>(top_f32(c.args[0].f32() + row * n, n));
  }
}
void argmax_s32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.s32()[row] = static_cast<int32_t>(top_integer(c.args[0].s32() + row * n, n));
  }
}
void argmax_s8(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.s32()[row] = static_cast<int32_t>(top_integer(c.args[0].s8() + row * n, n));
  }
}

}  // namespace

extern const Kernel kSoftmaxF32 = {50,   1,        "softmax_f32", rule::softmax_f32,
                                   rows, row_slab, softmax_f32};
extern const Kernel kArgmaxF32 = {51,   1,        "argmax_f32", rule::argmax_f32,
                                  rows, row_slab, argmax_f32};
extern const Kernel kArgmaxS32 = {52,   1,        "argmax_s32", rule::argmax_s32,
                                  rows, row_slab, argmax_s32};
extern const Kernel kArgmaxS8 = {53, 1, "argmax_s8", rule::argmax_s8, rows, row_slab, argmax_s8};
extern const Kernel kSumRowsF32 = {70,       1,           "sum_rows_f32", rule::sum_rows_f32,
                                   elements, column_slab, sum_rows_f32};
extern const Kernel kSumLastF32 = {71,   1,        "sum_last_f32", rule::drop_last_f32,
                                   rows, row_slab, sum_last_f32};

}  // namespace kernels::cpu
