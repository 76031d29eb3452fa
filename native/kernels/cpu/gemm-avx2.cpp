// Tiles of 6 rows by 16 columns in 12 registers of 256 bits; see gemm-micro.h.

#include <cstring>
#include <utility>

#include "kernels/cpu/gemm-micro.h"
#include "kernels/numeric.h"
#include "tensor/isa.h"

#if BT_X86
#include <immintrin.h>

#define BT_INLINE_AVX2 static inline __attribute__((always_inline, target("avx2,fma,bmi2")))

namespace kernels::gemm {
namespace {

constexpr size_t kRows = 6;
constexpr size_t kVectors = 2;
constexpr size_t kLanes = 8;
constexpr size_t kColumns = kVectors * kLanes;
// How far ahead of their use the panels are asked for, in steps of k.
constexpr size_t kAheadA = 24;
constexpr size_t kAheadB = 12;

// All ones in the first `count` lanes.
BT_INLINE_AVX2 __m256i first_lanes(size_t count) {
  const int wanted = count >= kLanes ? static_cast<int>(kLanes) : static_cast<int>(count);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(wanted), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// --- arithmetic ----------------------------------------------------------------------------------

// f32: chains of fused multiply-adds over floored operands.
struct Reals {
  static constexpr size_t kPerWord = 1;
  using Vector = __m256;

  BT_INLINE_AVX2 Vector zero() { return _mm256_setzero_ps(); }
  BT_INLINE_AVX2 Vector column(const uint32_t* b) {
    return _mm256_load_ps(reinterpret_cast<const float*>(b));
  }
  BT_INLINE_AVX2 Vector row(const uint32_t* a) {
    return _mm256_broadcast_ss(reinterpret_cast<const float*>(a));
  }
  BT_INLINE_AVX2 void step(Vector& acc, Vector a, Vector b) { acc = _mm256_fmadd_ps(a, b, acc); }
  BT_INLINE_AVX2 Vector add(Vector y, Vector acc) { return _mm256_add_ps(y, acc); }
  BT_INLINE_AVX2 Vector settle(Vector y) {
    const __m256i bits = _mm256_castps_si256(y);
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x0c000000), magnitude);
    const __m256i nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
    return _mm256_castsi256_ps(
        _mm256_blendv_epi8(_mm256_andnot_si256(tiny, bits), _mm256_set1_epi32(0x7fc00000), nan));
  }
  BT_INLINE_AVX2 Vector read(__m256i lanes, const uint32_t* y) {
    return _mm256_maskload_ps(reinterpret_cast<const float*>(y), lanes);
  }
  BT_INLINE_AVX2 void write(uint32_t* y, __m256i lanes, Vector value) {
    _mm256_maskstore_ps(reinterpret_cast<float*>(y), lanes, value);
  }

  // Eight words of a row. A NaN stays one: the chain carries it to the store, which makes it the
  // one NaN.
  BT_INLINE_AVX2 __m256i take(const uint8_t* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(0x2b800000), magnitude), bits);
  }
  static constexpr size_t kElementBytes = 4;
};

// s8 by pairs, widened to 16 bits.
struct Pairs {
  static constexpr size_t kPerWord = 2;
  static constexpr size_t kElementBytes = 1;
  using Vector = __m256i;

  BT_INLINE_AVX2 Vector zero() { return _mm256_setzero_si256(); }
  BT_INLINE_AVX2 Vector column(const uint32_t* b) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(b));
  }
  BT_INLINE_AVX2 Vector row(const uint32_t* a) {
    return _mm256_set1_epi32(static_cast<int32_t>(*a));
  }
  BT_INLINE_AVX2 void step(Vector& acc, Vector a, Vector b) {
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
  }
  BT_INLINE_AVX2 Vector add(Vector y, Vector acc) { return _mm256_add_epi32(y, acc); }
  BT_INLINE_AVX2 Vector settle(Vector y) { return y; }
  BT_INLINE_AVX2 Vector read(__m256i lanes, const uint32_t* y) {
    return _mm256_maskload_epi32(reinterpret_cast<const int*>(y), lanes);
  }
  BT_INLINE_AVX2 void write(uint32_t* y, __m256i lanes, Vector value) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(y), lanes, value);
  }
  BT_INLINE_AVX2 __m256i take(const uint8_t* from) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
};

// --- packing -------------------------------------------------------------------------------------

// Eight rows of eight words to eight columns.
BT_INLINE_AVX2 void turn(__m256i rows[kLanes]) {
  __m256i pairs[kLanes];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; i++) {
    pairs[2 * i] = _mm256_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
    pairs[2 * i + 1] = _mm256_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
  }
  // rows[4 i + c] then holds in each half h the words 4 h + c of rows 4 i to 4 i + 3.
#pragma GCC unroll 2
  for (size_t i = 0; i < 2; i++) {
    rows[4 * i] = _mm256_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
    rows[4 * i + 1] = _mm256_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
    rows[4 * i + 2] = _mm256_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    rows[4 * i + 3] = _mm256_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (size_t c = 0; c < 4; c++) {
    pairs[c] = _mm256_permute2x128_si256(rows[c], rows[4 + c], 0x20);
    pairs[4 + c] = _mm256_permute2x128_si256(rows[c], rows[4 + c], 0x31);
  }
#pragma GCC unroll 8
  for (size_t i = 0; i < kLanes; i++) rows[i] = pairs[i];
}

template <typename Math>
BT_TARGET_AVX2 void pack(const Rows& rows, uint32_t* to, size_t stride) {
  constexpr size_t kBlockBytes = kLanes * Math::kPerWord * Math::kElementBytes;
  const size_t bytes = rows.depth * Math::kElementBytes;
  const size_t words = (rows.depth + Math::kPerWord - 1) / Math::kPerWord;
  const __m256i lanes = first_lanes(rows.width);
  for (size_t word = 0; word < words; word += kLanes) {
    const size_t at = word * Math::kPerWord * Math::kElementBytes;
    __m256i block[kLanes];
#pragma GCC unroll 8
    for (size_t i = 0; i < kLanes; i++) {
      block[i] = _mm256_setzero_si256();
      if (i >= rows.count) continue;
      const auto* from = static_cast<const uint8_t*>(rows.at[i]) + at;
      if (at + kBlockBytes <= bytes) {
        block[i] = Math::take(from);
      } else {
        uint8_t tail[kBlockBytes] = {};
        std::memcpy(tail, from, bytes - at);
        block[i] = Math::take(tail);
      }
    }
    turn(block);
    const size_t left = words - word;
#pragma GCC unroll 8
    for (size_t i = 0; i < kLanes; i++) {
      if (i < left) {
        _mm256_maskstore_epi32(reinterpret_cast<int*>(to + (word + i) * stride), lanes, block[i]);
      }
    }
  }
}

template <typename Math>
void pack_b(const Rows& rows, uint32_t* to, size_t stride, uint32_t*) {
  pack<Math>(rows, to, stride);
}

// --- tiles ---------------------------------------------------------------------------------------

template <typename Math, size_t rows>
BT_TARGET_AVX2 void tile_of(const Tile& t) {
  using Vector = typename Math::Vector;
  const uint32_t* a = t.a;
  const uint32_t* b = t.b;
  auto* y = static_cast<uint32_t*>(t.y);
  Vector acc[rows][kVectors];
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) {
    __builtin_prefetch(y + i * t.y_row, 1, 3);
#pragma GCC unroll 2
    for (size_t j = 0; j < kVectors; j++) acc[i][j] = Math::zero();
  }
  for (size_t k = 0; k < t.depth; k++) {
    __builtin_prefetch(a + kAheadA * t.height, 0, 3);
    __builtin_prefetch(b + kAheadB * kColumns, 0, 3);
    Vector right[kVectors];
#pragma GCC unroll 2
    for (size_t j = 0; j < kVectors; j++) right[j] = Math::column(b + j * kLanes);
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
      const Vector left = Math::row(a + i);
#pragma GCC unroll 2
      for (size_t j = 0; j < kVectors; j++) Math::step(acc[i][j], left, right[j]);
    }
    a += t.height;
    b += kColumns;
  }
  const __m256i lanes[kVectors] = {first_lanes(t.columns),
                                   first_lanes(t.columns > kLanes ? t.columns - kLanes : 0)};
#pragma GCC unroll 6
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (size_t j = 0; j < kVectors; j++) {
      uint32_t* to = y + i * t.y_row + j * kLanes;
      Vector value = acc[i][j];
      if (!t.is_first) value = Math::add(Math::read(lanes[j], to), value);
      if (t.is_last) value = Math::settle(value);
      Math::write(to, lanes[j], value);
    }
  }
}

template <typename Math>
void tile(const Tile& t) {
  static constexpr void (*by_rows[kRows])(const Tile&) = {tile_of<Math, 1>, tile_of<Math, 2>,
                                                          tile_of<Math, 3>, tile_of<Math, 4>,
                                                          tile_of<Math, 5>, tile_of<Math, 6>};
  by_rows[t.rows - 1](t);
}

template <typename Math>
constexpr Micro micro() {
  return {kRows,           kColumns,   kLanes,     Math::kPerWord, Math::kElementBytes,
          size_t{1} << 22, 28 * kRows, pack<Math>, pack_b<Math>,   false,
          tile<Math>};
}

}  // namespace

const Micro kAvx2F32 = micro<Reals>();
const Micro kAvx2S8 = micro<Pairs>();

}  // namespace kernels::gemm
#endif
