// The scalar rules of BT-Num v1 that every f32 kernel is made of.
//
// Source: docs/reference/numerics.md, sections 2 to 4. Only + - * /, explicit fused multiply-add,
// comparison and integer operations: no libm but for fma, no contraction, no fast-math.

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

// NaN is one NaN; what is smaller than `bound` (bits of a positive f32) is +0.
BT_INLINE float settle(float x, uint32_t bound) {
  const uint32_t magnitude = bits(x) & 0x7fffffffu;
  const uint32_t kept = magnitude < bound ? 0u : bits(x);
  return from_bits(magnitude > 0x7f800000u ? 0x7fc00000u : kept);
}

// |x| < 2^-103 is +0: on load and on store of every f32 element.
BT_INLINE float load(float x) { return settle(x, 0x0c000000u); }
BT_INLINE float store(float x) { return settle(x, 0x0c000000u); }
// |x| < 2^-40 is +0: multiplicands of fused chains.
BT_INLINE float floored(float x) { return settle(x, 0x2b800000u); }

BT_INLINE float nan() { return from_bits(0x7fc00000u); }

// The first on ties; NaN if either is.
BT_INLINE float higher(float a, float b) {
  const float top = a >= b ? a : b;
  return ((a != a) | (b != b)) ? nan() : top;
}

BT_INLINE float power_of_two(int32_t exponent) {
  return from_bits(static_cast<uint32_t>(exponent + 127) << 23);
}

BT_INLINE float exponential(float x) {
  const float t = fused(x, from_bits(0x3fb8aa3bu), from_bits(0x4b400000u));
  const float n = t - from_bits(0x4b400000u);
  float r = fused(n, from_bits(0xbf317218u), x);
  r = fused(n, from_bits(0x3102e308u), r);
  float p = from_bits(0x3ab6aa0eu);
  p = fused(p, r, from_bits(0x3c09083du));
  p = fused(p, r, from_bits(0x3d2aaa72u));
  p = fused(p, r, from_bits(0x3e2aaa6cu));
  p = fused(p, r, 0.5f);
  p = fused(p, r, 1.0f);
  p = fused(p, r, 1.0f);
  const int32_t k = static_cast<int32_t>(bits(t) - 0x4b400000u);
  const int32_t k1 = k >> 1;
  const int32_t k2 = static_cast<int32_t>(static_cast<uint32_t>(k) - static_cast<uint32_t>(k1));
  const float s1 = from_bits((static_cast<uint32_t>(k1) + 127u) << 23);
  const float s2 = from_bits((static_cast<uint32_t>(k2) + 127u) << 23);
  float y = (p * s1) * s2;
  y = x > from_bits(0x42b17218u) ? from_bits(0x7f800000u) : y;
  y = x < from_bits(0xc2aeac4fu) ? 0.0f : y;
  return x != x ? nan() : y;
}

// 64 lanes, then a tree of 32, 16, 8, 4, 2, 1; long vectors in blocks of 65,536, summed in order.
template <typename At>
BT_INLINE float lane_sum(size_t count, const At& at) {
  float total = 0.0f;
  for (size_t first = 0; first < count; first += kBlock) {
    const size_t last = count - first < kBlock ? count : first + kBlock;
    float lane[kLanes] = {};
    size_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      for (size_t l = 0; l < kLanes; l++) lane[l] = lane[l] + at(i + l);
    }
    for (size_t l = 0; i + l < last; l++) lane[l] = lane[l] + at(i + l);
    for (size_t span = kLanes / 2; span > 0; span /= 2) {
      for (size_t l = 0; l < span; l++) lane[l] = lane[l] + lane[l + span];
    }
    total = total + lane[0];
  }
  return total;
}

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
