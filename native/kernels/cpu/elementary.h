// The elementary functions in the form that vectorises: one chain of fused multiply-adds without
// branches, coefficients selected where two formulas meet.
//
// Each gives, after `store`, the bytes of `scalar.h`; native/test/exhaustive.cpp compares them over
// all 2^32 inputs. Where a value is clamped before use, the stored result is the same on both sides
// of the clamp; where an input is not flushed first, a tiny one gives the result of +0 or one that
// is stored as +0.
//
// Source: docs/reference/numerics.md, section 4.

#pragma once

#include "kernels/numeric.h"

namespace kernels::cpu {

using numeric::at_least;
using numeric::at_most;
using numeric::bits;
using numeric::from_bits;
using numeric::fused;

struct Exponential {
  // exp(x) = fraction * 2^k, fraction in [0.7, 1.5); k in the low bits of `shifted`.
  float fraction;
  float shifted;
};

BT_INLINE Exponential reduce_exp(float x) {
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
  return {p, t};
}

// For x in [-80, 88] or a NaN: 2^k is a normal number, and one multiplication by it exact.
BT_INLINE float exp_between(float x) {
  const Exponential e = reduce_exp(x);
  return e.fraction * from_bits((bits(e.shifted) << 23) + 0x3f800000u);
}

// Below this x, -71.39, exp is stored as +0.
constexpr uint32_t kExpFloor = 0xc28ec9cfu;
// Above this x, 88.72, exp is infinite.
constexpr uint32_t kExpTop = 0x42b17217u;

// store(exp(x)) * 2^shift for x <= 0 or a NaN.
template <uint32_t shift>
BT_INLINE float exp_negative(float x) {
  const Exponential e = reduce_exp(x);
  const float y = e.fraction * from_bits((bits(e.shifted) << 23) + 0x3f800000u + (shift << 23));
  return x < from_bits(kExpFloor) ? 0.0f : y;
}

// store(exp(x)) for any x. The exponent is added in place: 2^128 is no f32 to multiply by.
BT_INLINE float exp_any(float x) {
  const Exponential e = reduce_exp(x);
  float y = from_bits(bits(e.fraction) + (bits(e.shifted) << 23));
  y = x < from_bits(kExpFloor) ? 0.0f : y;
  y = x > from_bits(kExpTop) ? from_bits(0x7f800000u) : y;
  return x != x ? numeric::nan() : y;
}

// x: loaded.
BT_INLINE float log_any(float x) {
  const uint32_t u = bits(x) + 0x004afb0du;
  const float n = static_cast<float>(static_cast<int32_t>(u >> 23) - 127);
  const float f = from_bits((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float s = f * f;
  float p = from_bits(0xbda2ab0fu);
  p = fused(p, f, from_bits(0x3e016bd2u));
  p = fused(p, f, from_bits(0xbe050cb3u));
  p = fused(p, f, from_bits(0x3e118984u));
  p = fused(p, f, from_bits(0xbe2a68a0u));
  p = fused(p, f, from_bits(0x3e4ccfa1u));
  p = fused(p, f, from_bits(0xbe800066u));
  p = fused(p, f, from_bits(0x3eaaaaaau));
  float t = (p * f) * s;
  t = fused(-0.5f, s, t);
  t = fused(n, from_bits(0xb102e308u), t);
  const float y = fused(n, from_bits(0x3f317218u), f + t);
  const float edge = x == 0.0f ? from_bits(0xff800000u) : numeric::nan();
  // Infinity and NaN stay what they are.
  const float finite = x < from_bits(0x7f800000u) ? y : x;
  return x <= 0.0f ? edge : finite;
}

// Beyond |x| = 80 numerator and denominator are clamped together: the quotient is stored as +0.
BT_INLINE float sigmoid_any(float x) {
  return 1.0f / (1.0f + exp_between(-at_least(-80.0f, at_most(80.0f, x))));
}

BT_INLINE float silu_any(float x) {
  const float kept = at_least(-80.0f, x);
  return kept / (1.0f + exp_between(-at_most(80.0f, kept)));
}

BT_INLINE float tanh_any(float x) {
  const float a = numeric::absolute(x);
  const float s = a * a;
  float q = from_bits(0xbbc7f6fau);
  q = fused(q, s, from_bits(0x3cac09a2u));
  q = fused(q, s, from_bits(0xbd5c9336u));
  q = fused(q, s, from_bits(0x3e08870bu));
  q = fused(q, s, from_bits(0xbeaaaaa9u));
  const float near = fused(q * s, a, a);
  const float far = 1.0f - 2.0f / (exp_between(at_most(80.0f, a + a)) + 1.0f);
  return numeric::with_sign_of(a < 0.625f ? near : far, x);
}

// erf(a) for a in [0, 0.921875).
BT_INLINE float erf_near(float a) {
  const float s = a * a;
  float r = from_bits(0x38aeae4cu);
  r = fused(r, s, from_bits(0xba55274bu));
  r = fused(r, s, from_bits(0x3baa62d3u));
  r = fused(r, s, from_bits(0xbcdc06d9u));
  r = fused(r, s, from_bits(0x3de716f9u));
  r = fused(r, s, from_bits(0xbec093a1u));
  r = fused(r, s, from_bits(0x3e0375d4u));
  return fused(r, a, a);
}

// 1 - erf(a) for a in [0.921875, 4]. The exponent is added in place: what is no number comes out as
// any number.
BT_INLINE float erf_far(float a) {
  float q = from_bits(0xb4afb703u);
  q = fused(q, a, from_bits(0x36b7f57du));
  q = fused(q, a, from_bits(0xb7b07562u));
  q = fused(q, a, from_bits(0xb9797dc9u));
  q = fused(q, a, from_bits(0x3b696083u));
  q = fused(q, a, from_bits(0xbcc33e9eu));
  q = fused(q, a, from_bits(0x3dda0f23u));
  q = fused(q, a, from_bits(0x3f228c19u));
  q = fused(q, a, from_bits(0x3f90797cu));
  const Exponential e = reduce_exp(-(q * a));
  return from_bits(bits(e.fraction) + (bits(e.shifted) << 23));
}

// store(erf(x)) for a loaded x. Beyond 4 the complement is below half a unit of 1.
BT_INLINE float erf_any(float x) {
  const float a = numeric::absolute(x);
  const float far = a > 4.0f ? 1.0f : 1.0f - erf_far(a);
  const float y = numeric::with_sign_of(a < 0.921875f ? erf_near(a) : far, x);
  const float kept = a < from_bits(0x0c000000u) ? 0.0f : y;
  return x != x ? numeric::nan() : kept;
}

// store(gelu(x)) for any x. With z = |x| / sqrt 2 and H = |x| / 2: near zero x/2 + H erf(z), else
// max(x, 0) - H (1 - erf(z)), whose second term vanishes beyond z = 4. Only |x| < 2^-102 is stored
// as +0.
BT_INLINE float gelu_any(float x) {
  const float a = numeric::absolute(x);
  const float z = a * from_bits(0x3f3504f3u);
  const float half = 0.5f * a;
  // max(x, 0): as integers, negative numbers are negative.
  const int32_t word = static_cast<int32_t>(bits(x));
  const float top = from_bits(static_cast<uint32_t>(word > 0 ? word : 0));
  const float near = fused(half, erf_near(z), 0.5f * x);
  const float far = fused(-half, erf_far(z), top);
  const float outer = z > 4.0f ? top : far;
  const float y = z < 0.921875f ? near : outer;
  const float kept = a < from_bits(0x0c800000u) ? 0.0f : y;
  return x != x ? numeric::nan() : kept;
}

}  // namespace kernels::cpu
