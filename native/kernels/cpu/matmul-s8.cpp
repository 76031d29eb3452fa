// matmul_s8: y[m,n] = sum over k of a[m,k] * b[n,k], exact over the integers.
//
// A unit is a tile of 64 rows by 64 columns, widened to 16 bits. Products of pairs are summed in
// 32 bits by one instruction; any order is right, because |y| <= 2^30 for K <= 65,536.

#include <memory>
#include <vector>

#include "kernels/cpu/cpu.h"
#include "kernels/ops.h"
#include "tensor/isa.h"

#if BT_X86
#include <immintrin.h>
#endif

namespace kernels::cpu {
namespace {

constexpr size_t kTileRows = 64;
constexpr size_t kTileColumns = 64;
constexpr size_t kStep = 4;
// k is padded with zeros to a whole number of the widest vectors.
constexpr size_t kLanes = 32;

// 4 x 4 dot products of `depth` elements, rows `stride` apart, into out[4][4].
typedef void (*Dots)(const int16_t* a, const int16_t* b, size_t depth, int32_t out[16]);

void dots_base(const int16_t* a, const int16_t* b, size_t depth, int32_t out[16]) {
  for (size_t i = 0; i < kStep; i++) {
    for (size_t j = 0; j < kStep; j++) {
      int32_t sum = 0;
      for (size_t k = 0; k < depth; k++) {
        sum += static_cast<int32_t>(a[i * depth + k]) * b[j * depth + k];
      }
      out[i * kStep + j] = sum;
    }
  }
}

#if BT_X86
BT_TARGET_AVX512 int32_t sum_wide(__m512i value) {
  alignas(64) int32_t lanes[16];
  _mm512_store_si512(lanes, value);
  int32_t sum = 0;
  for (const int32_t lane : lanes) sum += lane;
  return sum;
}

BT_TARGET_AVX512 void dots_wide(const int16_t* a, const int16_t* b, size_t depth, int32_t out[16]) {
  __m512i acc[kStep][kStep];
  for (auto& row : acc) {
    for (auto& cell : row) cell = _mm512_setzero_si512();
  }
  for (size_t k = 0; k < depth; k += kLanes) {
    __m512i right[kStep];
#pragma GCC unroll 4
    for (size_t j = 0; j < kStep; j++) right[j] = _mm512_loadu_si512(b + j * depth + k);
#pragma GCC unroll 4
    for (size_t i = 0; i < kStep; i++) {
      const __m512i left = _mm512_loadu_si512(a + i * depth + k);
#pragma GCC unroll 4
      for (size_t j = 0; j < kStep; j++) {
        acc[i][j] = _mm512_add_epi32(acc[i][j], _mm512_madd_epi16(left, right[j]));
      }
    }
  }
  for (size_t i = 0; i < kStep; i++) {
    for (size_t j = 0; j < kStep; j++) out[i * kStep + j] = sum_wide(acc[i][j]);
  }
}

BT_TARGET_AVX2 int32_t sum_lanes(__m256i value) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
  return _mm_cvtsi128_si32(sum);
}

BT_TARGET_AVX2 void dots_mid(const int16_t* a, const int16_t* b, size_t depth, int32_t out[16]) {
  for (size_t i = 0; i < kStep; i += 2) {
    __m256i acc[2][kStep];
    for (auto& row : acc) {
      for (auto& cell : row) cell = _mm256_setzero_si256();
    }
    for (size_t k = 0; k < depth; k += 16) {
#pragma GCC unroll 4
      for (size_t j = 0; j < kStep; j++) {
        const __m256i right =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + j * depth + k));
#pragma GCC unroll 2
        for (size_t row = 0; row < 2; row++) {
          const __m256i left =
              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + (i + row) * depth + k));
          acc[row][j] = _mm256_add_epi32(acc[row][j], _mm256_madd_epi16(left, right));
        }
      }
    }
    for (size_t row = 0; row < 2; row++) {
      for (size_t j = 0; j < kStep; j++) out[(i + row) * kStep + j] = sum_lanes(acc[row][j]);
    }
  }
}
#endif

Dots dots() {
#if BT_X86
  if (isa::level() == isa::Level::avx512) return dots_wide;
  if (isa::level() == isa::Level::avx2) return dots_mid;
#endif
  return dots_base;
}

BT_INLINE void widen_body(const int8_t* from, int16_t* to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = from[i];
}
BT_CLONES(void, widen, (const int8_t* from, int16_t* to, size_t count), (from, to, count))

size_t column_tiles(const Call& c) {
  return (c.out.shape.dims[1] + kTileColumns - 1) / kTileColumns;
}

size_t units(const Call& c) {
  return (c.out.shape.dims[0] + kTileRows - 1) / kTileRows * column_tiles(c);
}

size_t slab(const Call&) { return 1; }

size_t at_most(size_t value, size_t limit) { return value < limit ? value : limit; }

void pack(const int8_t* rows, size_t count, size_t depth, size_t padded,
          std::vector<int16_t>& packed) {
  packed.assign((count + kStep - 1) / kStep * kStep * padded, 0);
  for (size_t i = 0; i < count; i++) widen(rows + i * depth, packed.data() + i * padded, depth);
}

void run(const Call& c, size_t first, size_t last) {
  const size_t depth = c.args[0].shape.dims[1];
  const size_t padded = (depth + kLanes - 1) / kLanes * kLanes;
  const size_t n = c.out.shape.dims[1];
  const Dots run_dots = dots();
  std::vector<int16_t> a;
  std::vector<int16_t> b;
  for (size_t unit = first; unit < last; unit++) {
    const size_t row = unit / column_tiles(c) * kTileRows;
    const size_t column = unit % column_tiles(c) * kTileColumns;
    const size_t row_count = at_most(c.out.shape.dims[0] - row, kTileRows);
    const size_t columns = at_most(n - column, kTileColumns);
    pack(c.args[0].s8() + row * depth, row_count, depth, padded, a);
    pack(c.args[1].s8() + column * depth, columns, depth, padded, b);
    for (size_t i = 0; i < row_count; i += kStep) {
      for (size_t j = 0; j < columns; j += kStep) {
        int32_t out[kStep * kStep];
        run_dots(a.data() + i * padded, b.data() + j * padded, padded, out);
        for (size_t di = 0; di < at_most(row_count - i, kStep); di++) {
          int32_t* to = c.out.s32() + (row + i + di) * n + column + j;
          for (size_t dj = 0; dj < at_most(columns - j, kStep); dj++) to[dj] = out[di * kStep + dj];
        }
      }
    }
  }
}

}  // namespace

extern const Kernel kMatmulS8 = {2, 1, "matmul_s8", rule::matmul_s8, units, slab, run};

}  // namespace kernels::cpu
