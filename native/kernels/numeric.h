// The rules of BT-Num v1 in the form that vectorises: selects in place of branches, and only the
// work that can change a stored byte. Every tuned f32 kernel is made of these.
//
// `store` gives the canonical element. `load` and `floored` flush what is tiny and leave a NaN as
// it is: whatever NaN a step meets, it makes one, and `store` writes the one NaN there is.
//
// Only + - * / sqrt, explicit fused multiply-add, comparison and integer operations: no libm but
// for fma, no contraction, no fast-math. `kernels/reference/scalar.h` has the same rules as the
// page writes them.
//
// Source: docs/reference/numerics.md, sections 2 to 4.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "tensor/isa.h"

#if defined(__FAST_MATH__)
#error "bit-exact kernels cannot be built with fast-math"
#endif

namespace numeric {

inline constexpr size_t kLanes = 64;
inline constexpr size_t kBlock = 65536;
inline constexpr size_t kChunk = 512;

BT_INLINE uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
BT_INLINE float from_bits(uint32_t u) { return std::bit_cast<float>(u); }
BT_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// What is smaller than `bound` (bits of a positive f32) is +0.
BT_INLINE float flushed(float x, uint32_t bound) {
  return from_bits((bits(x) & 0x7fffffffu) < bound ? 0u : bits(x));
}

// |x| < 2^-103 is +0: every f32 element that is read.
BT_INLINE float load(float x) { return flushed(x, 0x0c000000u); }
// |x| < 2^-40 is +0: multiplicands of fused chains.
BT_INLINE float floored(float x) { return flushed(x, 0x2b800000u); }
// The same as load, and one NaN: every f32 element that is written.
BT_INLINE float store(float y) {
  const uint32_t magnitude = bits(y) & 0x7fffffffu;
  const uint32_t kept = magnitude < 0x0c000000u ? 0u : bits(y);
  return from_bits(magnitude > 0x7f800000u ? 0x7fc00000u : kept);
}

BT_INLINE float nan() { return from_bits(0x7fc00000u); }

BT_INLINE float absolute(float x) { return from_bits(bits(x) & 0x7fffffffu); }
BT_INLINE float with_sign_of(float y, float x) {
  return from_bits((bits(y) & 0x7fffffffu) | (bits(x) & 0x80000000u));
}

// The higher and the lower of loaded values; a NaN if either is. One instruction and a select: a
// comparison with a NaN is false, so that `b` passes by itself.
BT_INLINE float higher(float a, float b) {
  const float top = a > b ? a : b;
  return a != a ? a : top;
}
BT_INLINE float lower(float a, float b) {
  const float bottom = a < b ? a : b;
  return a != a ? a : bottom;
}

// x, but at least or at most a constant; a NaN stays.
BT_INLINE float at_least(float low, float x) { return low > x ? low : x; }
BT_INLINE float at_most(float high, float x) { return high < x ? high : x; }

// To the nearest integer, ties to even; |q| <= 512.
BT_INLINE int32_t round_half_even(float q) {
  // Adding 1.5 * 2^23 leaves the integer in the low bits, rounded by the addition itself.
  const float shifted = q + from_bits(0x4b400000u);
  return static_cast<int32_t>(bits(shifted) - 0x4b400000u);
}

BT_INLINE int32_t clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}

BT_INLINE int32_t clamp_s8(int64_t x) {
  return static_cast<int32_t>(x < -128 ? -128 : x > 127 ? 127 : x);
}

}  // namespace numeric
