// matmul_f32: y[m,n] = sum over chunks of 512 of FMA chains over k, chunk sums added in order.
//
// A unit is a tile of 128 rows by 32 columns. Both operands are packed with the floor rule applied:
// the columns of B side by side, k outermost, so that one vector holds one k of many columns. Each
// column keeps its own chain, and lanes never mix: the bits are those of the scalar loop.

#include <memory>

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

#if BT_X86
#include <immintrin.h>
#endif

namespace kernels::cpu {
namespace {

constexpr size_t kTileRows = 128;
constexpr size_t kTileColumns = 32;
constexpr size_t kStepRows = 8;

// Chains of 8 rows by 32 columns over `depth` k, added to sums.
// a: [8][stride], floored; b: [depth][32], floored; sums: [8][32].
typedef void (*Step)(const float* a, size_t stride, const float* b, size_t depth, float* sums);

void step_base(const float* a, size_t stride, const float* b, size_t depth, float* sums) {
  for (size_t row = 0; row < kStepRows; row++) {
    float acc[kTileColumns] = {};
    for (size_t k = 0; k < depth; k++) {
      for (size_t j = 0; j < kTileColumns; j++) {
        acc[j] = numeric::fused(a[row * stride + k], b[k * kTileColumns + j], acc[j]);
      }
    }
    for (size_t j = 0; j < kTileColumns; j++) sums[row * kTileColumns + j] += acc[j];
  }
}

#if BT_X86
BT_TARGET_AVX512 void step_wide(const float* a, size_t stride, const float* b, size_t depth,
                              float* sums) {
  __m512 acc[kStepRows][2];
  for (auto& row : acc) row[0] = row[1] = _mm512_setzero_ps();
  for (size_t k = 0; k < depth; k++) {
    const __m512 left = _mm512_loadu_ps(b + k * kTileColumns);
    const __m512 right = _mm512_loadu_ps(b + k * kTileColumns + 16);
#pragma GCC unroll 8
    for (size_t row = 0; row < kStepRows; row++) {
      const __m512 value = _mm512_set1_ps(a[row * stride + k]);
      acc[row][0] = _mm512_fmadd_ps(value, left, acc[row][0]);
      acc[row][1] = _mm512_fmadd_ps(value, right, acc[row][1]);
    }
  }
  for (size_t row = 0; row < kStepRows; row++) {
    float* sum = sums + row * kTileColumns;
    _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), acc[row][0]));
    _mm512_storeu_ps(sum + 16, _mm512_add_ps(_mm512_loadu_ps(sum + 16), acc[row][1]));
  }
}

// 4 rows by 16 columns at a time fit the 16 registers.
BT_TARGET_AVX2 void step_mid(const float* a, size_t stride, const float* b, size_t depth,
                            float* sums) {
  for (size_t part = 0; part < 4; part++) {
    const float* rows = a + part / 2 * 4 * stride;
    const float* columns = b + part % 2 * 16;
    float* out = sums + part / 2 * 4 * kTileColumns + part % 2 * 16;
    __m256 acc[4][2];
    for (auto& row : acc) row[0] = row[1] = _mm256_setzero_ps();
    for (size_t k = 0; k < depth; k++) {
      const __m256 left = _mm256_loadu_ps(columns + k * kTileColumns);
      const __m256 right = _mm256_loadu_ps(columns + k * kTileColumns + 8);
#pragma GCC unroll 4
      for (size_t row = 0; row < 4; row++) {
        const __m256 value = _mm256_set1_ps(rows[row * stride + k]);
        acc[row][0] = _mm256_fmadd_ps(value, left, acc[row][0]);
        acc[row][1] = _mm256_fmadd_ps(value, right, acc[row][1]);
      }
    }
    for (size_t row = 0; row < 4; row++) {
      float* sum = out + row * kTileColumns;
      _mm256_storeu_ps(sum, _mm256_add_ps(_mm256_loadu_ps(sum), acc[row][0]));
      _mm256_storeu_ps(sum + 8, _mm256_add_ps(_mm256_loadu_ps(sum + 8), acc[row][1]));
    }
  }
}
#endif

Step step() {
#if BT_X86
  if (isa::level() == isa::Level::avx512) return step_wide;
  if (isa::level() == isa::Level::avx2) return step_mid;
#endif
  return step_base;
}

BT_INLINE void floor_row_body(const float* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = numeric::floored(from[i]);
}
BT_CLONES(void, floor_row, (const float* from, float* to, size_t count), (from, to, count))

BT_INLINE void store_row_body(const float* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = numeric::store(from[i]);
}
BT_CLONES(void, store_row, (const float* from, float* to, size_t count), (from, to, count))

size_t column_tiles(const Call& c) {
  return (c.out.shape.dims[1] + kTileColumns - 1) / kTileColumns;
}

size_t units(const Call& c) {
  return (c.out.shape.dims[0] + kTileRows - 1) / kTileRows * column_tiles(c);
}

size_t slab(const Call&) { return 1; }

// One chunk of the columns, k outermost; absent columns are +0.
void pack_columns(const Call& c, size_t column, size_t columns, size_t chunk, size_t depth,
                  float* packed) {
  const size_t stride = c.args[1].shape.dims[1];
  float row[numeric::kChunk];
  for (size_t j = 0; j < kTileColumns; j++) {
    if (j < columns) {
      floor_row(c.args[1].f32() + (column + j) * stride + chunk, row, depth);
      for (size_t k = 0; k < depth; k++) packed[k * kTileColumns + j] = row[k];
    } else {
      for (size_t k = 0; k < depth; k++) packed[k * kTileColumns + j] = 0.0f;
    }
  }
}

struct Scratch {
  float a[kTileRows * numeric::kChunk];
  float b[numeric::kChunk * kTileColumns];
  float sums[kTileRows * kTileColumns];
};

void tile(const Call& c, size_t unit, Scratch& scratch, Step run_step) {
  const size_t depth = c.args[0].shape.dims[1];
  const size_t n = c.out.shape.dims[1];
  const size_t row = unit / column_tiles(c) * kTileRows;
  const size_t column = unit % column_tiles(c) * kTileColumns;
  const size_t rows_left = c.out.shape.dims[0] - row;
  const size_t row_count = rows_left < kTileRows ? rows_left : kTileRows;
  const size_t columns = n - column < kTileColumns ? n - column : kTileColumns;
  for (float& sum : scratch.sums) sum = 0.0f;
  for (size_t chunk = 0; chunk < depth; chunk += numeric::kChunk) {
    const size_t length = depth - chunk < numeric::kChunk ? depth - chunk : numeric::kChunk;
    for (size_t i = 0; i < kTileRows; i++) {
      float* to = scratch.a + i * numeric::kChunk;
      if (i < row_count) {
        floor_row(c.args[0].f32() + (row + i) * depth + chunk, to, length);
      } else {
        for (size_t k = 0; k < length; k++) to[k] = 0.0f;
      }
    }
    pack_columns(c, column, columns, chunk, length, scratch.b);
    for (size_t i = 0; i < row_count; i += kStepRows) {
      run_step(scratch.a + i * numeric::kChunk, numeric::kChunk, scratch.b, length,
               scratch.sums + i * kTileColumns);
    }
  }
  for (size_t i = 0; i < row_count; i++) {
    store_row(scratch.sums + i * kTileColumns, c.out.f32() + (row + i) * n + column, columns);
  }
}

void run(const Call& c, size_t first, size_t last) {
  const auto scratch = std::make_unique<Scratch>();
  const Step run_step = step();
  for (size_t unit = first; unit < last; unit++) tile(c, unit, *scratch, run_step);
}

}  // namespace

extern const Kernel kMatmulF32 = {1, 1, "matmul_f32", rule::matmul_f32, units, slab, run};

}  // namespace kernels::cpu
