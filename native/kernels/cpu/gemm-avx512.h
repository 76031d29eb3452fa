// Tiles of 14 rows by 32 columns in 28 registers of 512 bits; see gemm-micro.h.
//
// A header of templates, because the bench makes a variant of its own from them.

#pragma once

#include <utility>

#include "kernels/cpu/gemm-micro.h"
#include "kernels/numeric.h"
#include "tensor/isa.h"

#if BT_X86
#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 takes the deliberately undefined operands inside its own intrinsics for ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define BT_INLINE_AVX512 \
  static inline          \
      __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")))

namespace kernels::gemm::avx512 {

constexpr size_t kRows = 14;
constexpr size_t kVectors = 2;
constexpr size_t kLanes = 16;
constexpr size_t kColumns = kVectors * kLanes;
// How far ahead of their use the panels are asked for, in steps of k.
constexpr size_t kAheadA = 16;
constexpr size_t kAheadB = 8;

BT_INLINE_AVX512 __mmask16 first_lanes(size_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xffffu : (1u << count) - 1u);
}

// --- arithmetic ----------------------------------------------------------------------------------

// f32: chains of fused multiply-adds over floored operands.
struct Reals {
  static constexpr bool kBegins = false;
  static constexpr size_t kPerWord = 1;
  using Vector = __m512;

  BT_INLINE_AVX512 Vector begin(const uint32_t*) { return _mm512_setzero_ps(); }
  BT_INLINE_AVX512 Vector column(const uint32_t* b) { return _mm512_load_ps(b); }
  BT_INLINE_AVX512 Vector row(const uint32_t* a) {
    return _mm512_set1_ps(*reinterpret_cast<const float*>(a));
  }
  BT_INLINE_AVX512 void step(Vector& acc, Vector a, Vector b) { acc = _mm512_fmadd_ps(a, b, acc); }
  BT_INLINE_AVX512 Vector add(Vector y, Vector acc) { return _mm512_add_ps(y, acc); }
  BT_INLINE_AVX512 Vector settle(Vector y) {
    const __m512i bits = _mm512_castps_si512(y);
    const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
    const __mmask16 kept = _mm512_cmpge_epu32_mask(magnitude, _mm512_set1_epi32(0x0c000000));
    const __mmask16 nan = _mm512_cmpgt_epu32_mask(magnitude, _mm512_set1_epi32(0x7f800000));
    const __m512i settled = _mm512_maskz_mov_epi32(kept, bits);
    return _mm512_castsi512_ps(_mm512_mask_mov_epi32(settled, nan, _mm512_set1_epi32(0x7fc00000)));
  }
  BT_INLINE_AVX512 Vector read(__mmask16 lanes, const void* y) {
    return _mm512_maskz_loadu_ps(lanes, y);
  }
  BT_INLINE_AVX512 void write(void* y, __mmask16 lanes, Vector value) {
    _mm512_mask_storeu_ps(y, lanes, value);
  }

  // Sixteen words of a row from word `word` on; absent elements are zero. A NaN stays one: the
  // chain carries it to the store, which makes it the one NaN.
  BT_INLINE_AVX512 __m512i take(const void* row, size_t word, size_t depth) {
    const float* from = static_cast<const float*>(row) + word;
    const __m512i bits =
        _mm512_castps_si512(_mm512_maskz_loadu_ps(first_lanes(depth - word), from));
    const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
    return _mm512_maskz_mov_epi32(_mm512_cmpge_epu32_mask(magnitude, _mm512_set1_epi32(0x2b800000)),
                                  bits);
  }
  BT_INLINE_AVX512 __m512i take_a(const void* row, size_t word, size_t depth) {
    return take(row, word, depth);
  }
  BT_INLINE_AVX512 __m512i take_b(const void* row, size_t word, size_t depth) {
    return take(row, word, depth);
  }
};

struct Integers {
  using Vector = __m512i;

  BT_INLINE_AVX512 Vector column(const uint32_t* b) { return _mm512_load_si512(b); }
  BT_INLINE_AVX512 Vector row(const uint32_t* a) {
    return _mm512_set1_epi32(static_cast<int32_t>(*a));
  }
  BT_INLINE_AVX512 Vector add(Vector y, Vector acc) { return _mm512_add_epi32(y, acc); }
  BT_INLINE_AVX512 Vector settle(Vector y) { return y; }
  BT_INLINE_AVX512 Vector read(__mmask16 lanes, const void* y) {
    return _mm512_maskz_loadu_epi32(lanes, y);
  }
  BT_INLINE_AVX512 void write(void* y, __mmask16 lanes, Vector value) {
    _mm512_mask_storeu_epi32(y, lanes, value);
  }
};

// s8 by fours. The instruction multiplies unsigned by signed bytes, so a is raised by 128 and every
// column begins with -128 times the sum of its b.
struct Fours : Integers {
  static constexpr bool kBegins = true;
  static constexpr size_t kPerWord = 4;

  BT_INLINE_AVX512 Vector begin(const uint32_t* begin) { return _mm512_load_si512(begin); }
  // Not the intrinsic: g++ 12 copies the accumulator for each of those, at half the speed.
  BT_INLINE_AVX512 void step(Vector& acc, Vector a, Vector b) {
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  }
  BT_INLINE_AVX512 __m512i take_b(const void* row, size_t word, size_t depth) {
    const size_t left = depth - word * kPerWord;
    const __mmask64 lanes = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    return _mm512_maskz_loadu_epi8(lanes, static_cast<const int8_t*>(row) + word * kPerWord);
  }
  BT_INLINE_AVX512 __m512i take_a(const void* row, size_t word, size_t depth) {
    return _mm512_xor_si512(take_b(row, word, depth), _mm512_set1_epi8(-128));
  }
};

// s8 by pairs, widened to 16 bits.
struct Pairs : Integers {
  static constexpr bool kBegins = false;
  static constexpr size_t kPerWord = 2;

  BT_INLINE_AVX512 Vector begin(const uint32_t*) { return _mm512_setzero_si512(); }
  BT_INLINE_AVX512 void step(Vector& acc, Vector a, Vector b) {
    acc = _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
  }
  BT_INLINE_AVX512 __m512i take_b(const void* row, size_t word, size_t depth) {
    const size_t left = depth - word * kPerWord;
    const __mmask32 lanes = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
    return _mm512_cvtepi8_epi16(
        _mm256_maskz_loadu_epi8(lanes, static_cast<const int8_t*>(row) + word * kPerWord));
  }
  BT_INLINE_AVX512 __m512i take_a(const void* row, size_t word, size_t depth) {
    return take_b(row, word, depth);
  }
};

// --- packing -------------------------------------------------------------------------------------

// Sixteen rows of sixteen words to sixteen columns.
BT_INLINE_AVX512 void turn(__m512i rows[kLanes]) {
  __m512i pairs[kLanes];
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; i++) {
    pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
  }
  // rows[4 i + c] then holds in each quarter q the words 4 q + c of rows 4 i to 4 i + 3.
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; i++) {
    rows[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
    rows[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
    rows[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    rows[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (size_t c = 0; c < 4; c++) {
    const __m512i low_even = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0x88);
    const __m512i low_odd = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0xdd);
    const __m512i high_even = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0x88);
    const __m512i high_odd = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0xdd);
    pairs[c] = _mm512_shuffle_i32x4(low_even, high_even, 0x88);
    pairs[8 + c] = _mm512_shuffle_i32x4(low_even, high_even, 0xdd);
    pairs[4 + c] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
    pairs[12 + c] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kLanes; i++) rows[i] = pairs[i];
}

template <typename Math, bool is_b>
BT_TARGET_AVX512 void pack(const Rows& rows, uint32_t* to, size_t stride, uint32_t* begin) {
  const size_t words = (rows.depth + Math::kPerWord - 1) / Math::kPerWord;
  const __mmask16 lanes = first_lanes(rows.width);
  __m512i sum = _mm512_setzero_si512();
  for (size_t word = 0; word < words; word += kLanes) {
    __m512i block[kLanes];
#pragma GCC unroll 16
    for (size_t i = 0; i < kLanes; i++) {
      block[i] = _mm512_setzero_si512();
      if (i < rows.count) {
        block[i] = is_b ? Math::take_b(rows.at[i], word, rows.depth)
                        : Math::take_a(rows.at[i], word, rows.depth);
      }
    }
    turn(block);
    const size_t left = words - word;
#pragma GCC unroll 16
    for (size_t i = 0; i < kLanes; i++) {
      if (i < left) _mm512_mask_storeu_epi32(to + (word + i) * stride, lanes, block[i]);
    }
    if constexpr (is_b && Math::kBegins) {
      const __m512i raise = _mm512_set1_epi8(-128);
#pragma GCC unroll 16
      for (size_t i = 0; i < kLanes; i++) Math::step(sum, raise, block[i]);
    }
  }
  if constexpr (is_b && Math::kBegins) {
    _mm512_storeu_si512(begin, _mm512_sub_epi32(_mm512_setzero_si512(), sum));
  }
}

template <typename Math>
void pack_a(const Rows& rows, uint32_t* to, size_t stride) {
  pack<Math, false>(rows, to, stride, nullptr);
}

template <typename Math>
void pack_b(const Rows& rows, uint32_t* to, size_t stride, uint32_t* begin) {
  pack<Math, true>(rows, to, stride, begin);
}

// --- tiles ---------------------------------------------------------------------------------------

template <typename Math, size_t rows, size_t vectors>
BT_TARGET_AVX512 void tile_of(const Tile& t) {
  using Vector = typename Math::Vector;
  const __mmask16 last_lanes = first_lanes(t.columns - (vectors - 1) * kLanes);
  const uint32_t* a = t.a;
  const uint32_t* b = t.b;
  auto* y = static_cast<uint32_t*>(t.y);
  Vector acc[rows][vectors];
#pragma GCC unroll 14
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (size_t j = 0; j < vectors; j++) {
      acc[i][j] = Math::begin(t.begin + j * kLanes);
      __builtin_prefetch(y + i * t.y_row + j * kLanes, 1, 3);
    }
  }
  for (size_t k = 0; k < t.depth; k++) {
    __builtin_prefetch(a + kAheadA * t.height, 0, 3);
    Vector right[vectors];
#pragma GCC unroll 2
    for (size_t j = 0; j < vectors; j++) {
      __builtin_prefetch(b + kAheadB * kColumns + j * kLanes, 0, 3);
      right[j] = Math::column(b + j * kLanes);
    }
#pragma GCC unroll 14
    for (size_t i = 0; i < rows; i++) {
      const Vector left = Math::row(a + i);
#pragma GCC unroll 2
      for (size_t j = 0; j < vectors; j++) Math::step(acc[i][j], left, right[j]);
    }
    a += t.height;
    b += kColumns;
  }
#pragma GCC unroll 14
  for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (size_t j = 0; j < vectors; j++) {
      const __mmask16 lanes = j + 1 == vectors ? last_lanes : static_cast<__mmask16>(0xffff);
      uint32_t* to = y + i * t.y_row + j * kLanes;
      Vector value = acc[i][j];
      if (!t.is_first) value = Math::add(Math::read(lanes, to), value);
      if (t.is_last) value = Math::settle(value);
      Math::write(to, lanes, value);
    }
  }
}

template <typename Math, size_t... rows>
void tile_by_rows(const Tile& t, std::index_sequence<rows...>) {
  static constexpr void (*wide[])(const Tile&) = {tile_of<Math, rows + 1, 2>...};
  static constexpr void (*narrow[])(const Tile&) = {tile_of<Math, rows + 1, 1>...};
  (t.columns > kLanes ? wide : narrow)[t.rows - 1](t);
}

template <typename Math>
void tile(const Tile& t) {
  tile_by_rows<Math>(t, std::make_index_sequence<kRows>());
}

template <typename Math>
constexpr Micro micro(size_t element_bytes) {
  return {kRows,      kColumns,     kLanes,       Math::kPerWord, element_bytes, size_t{1} << 23,
          12 * kRows, pack_a<Math>, pack_b<Math>, Math::kBegins,  tile<Math>};
}

}  // namespace kernels::gemm::avx512
#endif
