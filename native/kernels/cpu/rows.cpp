// Over the last axis, a unit being one row: sum, mean, max, argmax; and sum_rows over the first, a
// unit being 64 columns.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::load;
using numeric::store;

BT_INLINE float sum_row_body(const float* a, size_t n) {
  return lane_sum(n, [a](size_t j) { return load(a[j]); });
}
BT_CLONES(float, sum_row, (const float* a, size_t n), (a, n))

void sum_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.f32()[row] = store(sum_row(c.args[0].f32() + row * n, n));
  }
}

void mean_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    const float sum = sum_row(c.args[0].f32() + row * n, n);
    c.out.f32()[row] = store(sum / static_cast<float>(n));
  }
}

// Flushing keeps the order, so that the caller may store the result alone.
BT_INLINE float top_row_body(const float* a, size_t n) {
  float lane[kLanes];
  for (float& top : lane) top = numeric::from_bits(0xff800000u);
  fold_lanes(
      lane, 0, n, [a](size_t j) { return a[j]; }, numeric::higher);
  float top = lane[0];
  for (size_t l = 1; l < kLanes; l++) top = numeric::higher(top, lane[l]);
  return top;
}
BT_CLONES(float, top_row, (const float* a, size_t n), (a, n))

void max_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.f32()[row] = store(top_row(c.args[0].f32() + row * n, n));
  }
}

// The first place that holds `wanted`, compared as bits.
BT_INLINE size_t place_of_body(const float* a, size_t n, float wanted) {
  const bool none = wanted != wanted;
  for (size_t first = 0; first < n; first += kLanes) {
    const size_t count = n - first < kLanes ? n - first : kLanes;
    uint32_t found = 0;
    for (size_t l = 0; l < count; l++) {
      const float x = load(a[first + l]);
      found |= none ? x != x : x == wanted;
    }
    if (found == 0) continue;
    for (size_t l = 0; l < count; l++) {
      const float x = load(a[first + l]);
      if (none ? x != x : x == wanted) return first + l;
    }
  }
  return 0;
}
BT_CLONES(size_t, place_of, (const float* a, size_t n, float wanted), (a, n, wanted))

void argmax_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    const float* a = c.args[0].f32() + row * n;
    c.out.s32()[row] = static_cast<int32_t>(place_of(a, n, load(top_row(a, n))));
  }
}

template <typename T>
BT_INLINE size_t top_integer(const T* a, size_t n) {
  T top = a[0];
  for (size_t j = 1; j < n; j++) top = a[j] > top ? a[j] : top;
  size_t best = 0;
  while (a[best] != top) best++;
  return best;
}
BT_INLINE size_t top_s32_body(const int32_t* a, size_t n) { return top_integer(a, n); }
BT_CLONES(size_t, top_s32, (const int32_t* a, size_t n), (a, n))
BT_INLINE size_t top_s8_body(const int8_t* a, size_t n) { return top_integer(a, n); }
BT_CLONES(size_t, top_s8, (const int8_t* a, size_t n), (a, n))

void argmax_s32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.s32()[row] = static_cast<int32_t>(top_s32(c.args[0].s32() + row * n, n));
  }
}
void argmax_s8(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.s32()[row] = static_cast<int32_t>(top_s8(c.args[0].s8() + row * n, n));
  }
}

constexpr size_t kColumns = 64;

// Sums `width` columns of `rows` rows into y; each column has 64 lanes of its own, row i of a block
// going into lane i mod 64.
BT_INLINE void sum_columns_body(const float* a, size_t rows, size_t stride, size_t width,
                                float* y) {
  float lane[kLanes][kColumns];
  float total[kColumns] = {};
  for (size_t block = 0; block < rows; block += kBlock) {
    const size_t end = rows - block < kBlock ? rows : block + kBlock;
    for (auto& row : lane) {
      for (float& x : row) x = 0.0f;
    }
    for (size_t i = block; i < end; i++) {
      float* to = lane[(i - block) % kLanes];
      const float* from = a + i * stride;
      for (size_t j = 0; j < width; j++) to[j] = to[j] + load(from[j]);
    }
    for (size_t span = kLanes / 2; span > 0; span /= 2) {
      for (size_t l = 0; l < span; l++) {
        for (size_t j = 0; j < kColumns; j++) lane[l][j] = lane[l][j] + lane[l + span][j];
      }
    }
    for (size_t j = 0; j < kColumns; j++) total[j] = total[j] + lane[0][j];
  }
  for (size_t j = 0; j < width; j++) y[j] = store(total[j]);
}
BT_CLONES(void, sum_columns, (const float* a, size_t rows, size_t stride, size_t width, float* y),
          (a, rows, stride, width, y))

size_t column_blocks(const Call& c) { return (elements(c) + kColumns - 1) / kColumns; }
size_t column_slab(const Call& c) { return (1u << 10) / c.args[0].shape.dims[0] + 1; }

void sum_rows_f32(const Call& c, size_t first, size_t last) {
  const size_t n = elements(c);
  for (size_t block = first; block < last; block++) {
    const size_t column = block * kColumns;
    const size_t width = n - column < kColumns ? n - column : kColumns;
    sum_columns(c.args[0].f32() + column, c.args[0].shape.dims[0], n, width, c.out.f32() + column);
  }
}

constexpr Kernel kKernels[] = {
    {51, 1, "argmax_f32", rule::argmax_f32, rows, row_slab, argmax_f32},
    {52, 1, "argmax_s32", rule::argmax_s32, rows, row_slab, argmax_s32},
    {53, 1, "argmax_s8", rule::argmax_s8, rows, row_slab, argmax_s8},
    {70, 1, "sum_rows_f32", rule::sum_rows_f32, column_blocks, column_slab, sum_rows_f32},
    {71, 1, "sum_last_f32", rule::drop_last_f32, rows, row_slab, sum_last_f32},
    {73, 1, "mean_last_f32", rule::drop_last_f32, rows, row_slab, mean_last_f32},
    {74, 1, "max_last_f32", rule::drop_last_f32, rows, row_slab, max_last_f32},
};

}  // namespace

std::span<const Kernel> reductions() { return kKernels; }

}  // namespace kernels::cpu
