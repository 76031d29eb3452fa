// The rules and functions of BT-Num v1 for devices: without branches, on + - *, fused multiply-add,
// comparison and integers.
//
// Source: docs/reference/numerics.md, sections 2 to 4.

#ifndef BT_NUMERIC_H
#define BT_NUMERIC_H

#define BT_NAN FLOAT(0x7fc00000u)
#define BT_INFINITY FLOAT(0x7f800000u)
#define BT_LANES 64u
#define BT_BLOCK 65536u
#define BT_CHUNK 512u

FN u32 bt_quotient(u32 i, BtDivisor d) { return (u32)(((u64)i * d.factor) >> d.shift); }
FN u32 bt_remainder(u32 i, BtDivisor d) { return i - bt_quotient(i, d) * d.by; }

FN u32 bt_magnitude(float x) { return BITS(x) & 0x7fffffffu; }
FN float bt_abs(float x) { return FLOAT(bt_magnitude(x)); }
FN float bt_signed(float y, float x) { return FLOAT(bt_magnitude(y) | (BITS(x) & 0x80000000u)); }

// 2^-103.
#define BT_TINY 0x0c000000u

// One NaN, and +0 for what is below `bound`. Compared as integers: a device that flushes must not
// see the number before it is judged.
FN float bt_settle(float x, u32 bound) {
  const u32 magnitude = bt_magnitude(x);
  const u32 kept = magnitude < bound ? 0u : BITS(x);
  return FLOAT(magnitude > 0x7f800000u ? 0x7fc00000u : kept);
}
FN float bt_load(float x) { return bt_settle(x, BT_TINY); }
FN float bt_store(float y) { return bt_settle(y, BT_TINY); }
// Of a multiplicand: below 2^-40 it is +0. A NaN may stay what it is: it ends as the one NaN.
FN float bt_floor(float x) { return FLOAT(bt_magnitude(x) < 0x2b800000u ? 0u : BITS(x)); }

FN float bt_hi(float a, float b) { return (a != a || b != b) ? BT_NAN : (a >= b ? a : b); }
FN float bt_lo(float a, float b) { return (a != a || b != b) ? BT_NAN : (a <= b ? a : b); }
// Whether x, loaded, comes before y for argmax.
FN bool bt_beats(float x, float y) { return y == y && (x != x || x > y); }

// Division and square root by digits, for devices that do not promise correct rounding. What would
// be subnormal is +0: every use of a quotient or root stores it, or adds it to something large.
FN float bt_soft_divide(float a, float b) {
  const u32 sign = (BITS(a) ^ BITS(b)) & 0x80000000u;
  const u32 ua = bt_magnitude(a);
  const u32 ub = bt_magnitude(b);
  if (ua > 0x7f800000u || ub > 0x7f800000u) return BT_NAN;
  if (ua == ub && (ua == 0u || ua == 0x7f800000u)) return BT_NAN;
  if (ua < 0x00800000u || ub == 0x7f800000u) return FLOAT(ub < 0x00800000u ? 0x7fc00000u : sign);
  if (ub < 0x00800000u || ua == 0x7f800000u) return FLOAT(sign | 0x7f800000u);
  u32 rest = (ua & 0x007fffffu) | 0x00800000u;
  const u32 by = (ub & 0x007fffffu) | 0x00800000u;
  i32 exponent = (i32)(ua >> 23) - (i32)(ub >> 23) + 127;
  if (rest < by) {
    rest <<= 1;
    exponent -= 1;
  }
  // 24 digits of the quotient and one more to round by.
  u32 digits = 0u;
  for (u32 i = 0u; i < 25u; i++) {
    const u32 one = rest >= by ? 1u : 0u;
    digits = (digits << 1) | one;
    rest = (rest - (one ? by : 0u)) << 1;
  }
  const u32 kept = digits >> 1;
  const u32 up = (digits & 1u) & ((rest != 0u ? 1u : 0u) | (kept & 1u));
  if (exponent <= 0) return FLOAT(sign);
  // A carry out of the mantissa is one in the exponent, and out of the exponent infinity.
  const u32 made = ((u32)(exponent - 1) << 23) + kept + up;
  return FLOAT(sign | (exponent >= 255 || made >= 0x7f800000u ? 0x7f800000u : made));
}

FN float bt_soft_sqrt(float x) {
  const u32 u = BITS(x);
  if (bt_magnitude(x) > 0x7f800000u) return BT_NAN;
  if (bt_magnitude(x) < 0x00800000u) return FLOAT(u & 0x80000000u);
  if (u >= 0x80000000u) return BT_NAN;
  if (u == 0x7f800000u) return x;
  i32 exponent = (i32)(u >> 23) - 127;
  u32 rest = (u & 0x007fffffu) | 0x00800000u;
  if ((exponent & 1) != 0) rest <<= 1;
  exponent >>= 1;
  // Root bit by bit: `root` holds twice what is found, `rest` what is left of the square.
  rest <<= 1;
  u32 root = 0u;
  u32 twice = 0u;
  for (u32 bit = 0x01000000u; bit != 0u; bit >>= 1) {
    const u32 tried = twice + bit;
    const u32 fits = tried <= rest ? 1u : 0u;
    twice += fits ? bit + bit : 0u;
    rest -= fits ? tried : 0u;
    root += fits ? bit : 0u;
    rest <<= 1;
  }
  // A root is never half-way between two numbers.
  const u32 rounded = (root >> 1) + (root & 1u);
  return FLOAT(((u32)(exponent + 126) << 23) + rounded);
}

#if defined(BT_SOFT_DIVISION)
#define DIVIDE(a, b) bt_soft_divide((a), (b))
#define SQRT(a) bt_soft_sqrt(a)
#else
#define DIVIDE(a, b) HARD_DIVIDE(a, b)
#define SQRT(a) HARD_SQRT(a)
#endif

FN float bt_power_of_two(i32 exponent) { return FLOAT((u32)(exponent + 127) << 23); }

FN float bt_exp(float x) {
  const float t = FUSED(x, FLOAT(0x3fb8aa3bu), FLOAT(0x4b400000u));
  const float n = t - FLOAT(0x4b400000u);
  float r = FUSED(n, FLOAT(0xbf317218u), x);
  r = FUSED(n, FLOAT(0x3102e308u), r);
  float q = FLOAT(0x3ab6aa0eu);
  q = FUSED(q, r, FLOAT(0x3c09083du));
  q = FUSED(q, r, FLOAT(0x3d2aaa72u));
  q = FUSED(q, r, FLOAT(0x3e2aaa6cu));
  q = FUSED(q, r, 0.5f);
  q = FUSED(q, r, 1.0f);
  q = FUSED(q, r, 1.0f);
  // Beyond the bounds k is anything, and so are the shifted bits: what they make is not taken.
  const u32 k = BITS(t) - 0x4b400000u;
  const u32 k1 = (u32)((i32)k >> 1);
  const u32 k2 = k - k1;
  float y = (q * FLOAT((k1 + 127u) << 23)) * FLOAT((k2 + 127u) << 23);
  y = x > FLOAT(0x42b17218u) ? BT_INFINITY : y;
  y = x < FLOAT(0xc2aeac4fu) ? 0.0f : y;
  return x != x ? BT_NAN : y;
}

FN float bt_log(float x) {
  const u32 u = BITS(x) + 0x004afb0du;
  const float n = (float)((i32)(u >> 23) - 127);
  const float f = FLOAT((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float s = f * f;
  float q = FLOAT(0xbda2ab0fu);
  q = FUSED(q, f, FLOAT(0x3e016bd2u));
  q = FUSED(q, f, FLOAT(0xbe050cb3u));
  q = FUSED(q, f, FLOAT(0x3e118984u));
  q = FUSED(q, f, FLOAT(0xbe2a68a0u));
  q = FUSED(q, f, FLOAT(0x3e4ccfa1u));
  q = FUSED(q, f, FLOAT(0xbe800066u));
  q = FUSED(q, f, FLOAT(0x3eaaaaaau));
  float t = (q * f) * s;
  t = FUSED(-0.5f, s, t);
  t = FUSED(n, FLOAT(0xb102e308u), t);
  float y = FUSED(n, FLOAT(0x3f317218u), f + t);
  y = x == 0.0f ? -BT_INFINITY : y;
  y = x == BT_INFINITY ? x : y;
  return (x != x || x < 0.0f) ? BT_NAN : y;
}

FN float bt_sqrt(float x) { return x < 0.0f ? BT_NAN : SQRT(x); }
FN float bt_rsqrt(float x) { return DIVIDE(1.0f, bt_sqrt(x)); }
FN float bt_sigmoid(float x) { return DIVIDE(1.0f, 1.0f + bt_exp(-x)); }
FN float bt_silu(float x) {
  const float y = DIVIDE(x, 1.0f + bt_exp(-x));
  return x < FLOAT(0xc2aeac4fu) ? 0.0f : y;
}

FN float bt_tanh(float x) {
  const float a = bt_abs(x);
  const float s = a * a;
  float q = FLOAT(0xbbc7f6fau);
  q = FUSED(q, s, FLOAT(0x3cac09a2u));
  q = FUSED(q, s, FLOAT(0xbd5c9336u));
  q = FUSED(q, s, FLOAT(0x3e08870bu));
  q = FUSED(q, s, FLOAT(0xbeaaaaa9u));
  const float small = FUSED(q * s, a, a);
  const float large = 1.0f - DIVIDE(2.0f, bt_exp(a + a) + 1.0f);
  return bt_signed(a < 0.625f ? small : large, x);
}

// erf on [0, 0.921875).
FN float bt_erf_near(float a) {
  const float s = a * a;
  float q = FLOAT(0x38aeae4cu);
  q = FUSED(q, s, FLOAT(0xba55274bu));
  q = FUSED(q, s, FLOAT(0x3baa62d3u));
  q = FUSED(q, s, FLOAT(0xbcdc06d9u));
  q = FUSED(q, s, FLOAT(0x3de716f9u));
  q = FUSED(q, s, FLOAT(0xbec093a1u));
  q = FUSED(q, s, FLOAT(0x3e0375d4u));
  return FUSED(q, a, a);
}

// 1 - erf on [0.921875, infinity].
FN float bt_erf_far(float a) {
  float q = FLOAT(0xb4afb703u);
  q = FUSED(q, a, FLOAT(0x36b7f57du));
  q = FUSED(q, a, FLOAT(0xb7b07562u));
  q = FUSED(q, a, FLOAT(0xb9797dc9u));
  q = FUSED(q, a, FLOAT(0x3b696083u));
  q = FUSED(q, a, FLOAT(0xbcc33e9eu));
  q = FUSED(q, a, FLOAT(0x3dda0f23u));
  q = FUSED(q, a, FLOAT(0x3f228c19u));
  q = FUSED(q, a, FLOAT(0x3f90797cu));
  const float y = bt_exp(-(q * a));
  return a > 4.0f ? 0.0f : y;
}

FN float bt_erf(float x) {
  const float a = bt_abs(x);
  const float far = 1.0f - bt_erf_far(a);
  return bt_signed(a < 0.921875f ? bt_erf_near(a) : far, x);
}

FN float bt_gelu(float x) {
  const float h = 0.5f * x;
  const float a = bt_abs(x * FLOAT(0x3f3504f3u));
  const float e = bt_erf_far(a);
  const float near = FUSED(h, bt_signed(bt_erf_near(a), x), h);
  const float far = x > 0.0f ? FUSED(-h, e, x) : h * e;
  const float y = a < 0.921875f ? near : far;
  return a > 4.0f ? (x > 0.0f ? x : 0.0f) : y;
}

// To the nearest integer, ties to even; |q| <= 512.
FN i32 bt_round(float q) { return (i32)(BITS(q + FLOAT(0x4b400000u)) - 0x4b400000u); }

FN i32 bt_clamp(i32 x, i32 low, i32 high) { return x < low ? low : (x > high ? high : x); }

#endif
