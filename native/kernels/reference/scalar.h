// The rules and functions of BT-Num v1 on one number at a time, as the page writes them.
//
// Nothing here is shared with the tuned kernels (kernels/numeric.h): where both are right, they are
// right for two reasons.
//
// Source: docs/reference/numerics.md, sections 2 to 4.

#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#if defined(__FAST_MATH__)
#error "bit-exact kernels cannot be built with fast-math"
#endif

namespace scalar {

inline constexpr size_t kLanes = 64;
inline constexpr size_t kBlock = 65536;
inline constexpr size_t kChunk = 512;
inline constexpr size_t kTileKeys = 64;

inline uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
inline float from_bits(uint32_t u) { return std::bit_cast<float>(u); }
inline float fma(float a, float b, float c) { return std::fmaf(a, b, c); }

inline float nan() { return from_bits(0x7fc00000u); }
inline float infinity() { return std::numeric_limits<float>::infinity(); }
inline float absolute(float x) { return from_bits(bits(x) & 0x7fffffffu); }
inline float with_sign_of(float y, float x) {
  return from_bits((bits(y) & 0x7fffffffu) | (bits(x) & 0x80000000u));
}

inline float load(float x) {
  if (x != x) return nan();
  return absolute(x) < from_bits(0x0c000000u) ? 0.0f : x;
}

inline float store(float y) { return load(y); }

inline float floor(float x) {
  if (x != x) return nan();
  return absolute(x) < from_bits(0x2b800000u) ? 0.0f : x;
}

inline float hi(float a, float b) {
  if (a != a || b != b) return nan();
  return a >= b ? a : b;
}

inline float lo(float a, float b) {
  if (a != a || b != b) return nan();
  return a <= b ? a : b;
}

// Whether x comes before y for argmax: a NaN is largest, and the first of equals stays.
inline bool beats(float x, float y) {
  if (load(y) != load(y)) return false;
  if (load(x) != load(x)) return true;
  return load(x) > load(y);
}

// The sum over lanes; `step(i, lane)` gives the lane after element i.
template <typename Step>
float lanes(size_t count, const Step& step) {
  float total = 0.0f;
  for (size_t block = 0; block < count; block += kBlock) {
    const size_t end = count - block < kBlock ? count : block + kBlock;
    float lane[kLanes] = {};
    for (size_t i = block; i < end; i++) {
      lane[(i - block) % kLanes] = step(i, lane[(i - block) % kLanes]);
    }
    for (const size_t s : {32, 16, 8, 4, 2, 1}) {
      for (size_t l = 0; l < s; l++) lane[l] = lane[l] + lane[l + s];
    }
    total = total + lane[0];
  }
  return total;
}

template <typename At>
float lanesum(size_t count, const At& at) {
  return lanes(count, [&](size_t i, float lane) { return lane + at(i); });
}

// `at` gives loaded elements of the one vector that is multiplied with itself.
template <typename At>
float lanedot(size_t count, const At& at) {
  return lanes(count, [&](size_t i, float lane) { return fma(floor(at(i)), floor(at(i)), lane); });
}

// The highest power first.
template <size_t n>
float poly(float x, const uint32_t (&coefficients)[n]) {
  float p = from_bits(coefficients[0]);
  for (size_t i = 1; i < n; i++) p = fma(p, x, from_bits(coefficients[i]));
  return p;
}

inline float power_of_two(int32_t exponent) {
  return from_bits(static_cast<uint32_t>(exponent + 127) << 23);
}

inline float exp(float x) {
  if (x != x) return nan();
  if (x > from_bits(0x42b17218u)) return infinity();
  if (x < from_bits(0xc2aeac4fu)) return 0.0f;
  const float t = fma(x, from_bits(0x3fb8aa3bu), from_bits(0x4b400000u));
  const float n = t - from_bits(0x4b400000u);
  float r = fma(n, from_bits(0xbf317218u), x);
  r = fma(n, from_bits(0x3102e308u), r);
  const float p = poly(r, {0x3ab6aa0eu, 0x3c09083du, 0x3d2aaa72u, 0x3e2aaa6cu, 0x3f000000u,
                           0x3f800000u, 0x3f800000u});
  const int32_t k = static_cast<int32_t>(bits(t)) - 0x4b400000;
  const int32_t k1 = k >> 1;
  const int32_t k2 = k - k1;
  return (p * power_of_two(k1)) * power_of_two(k2);
}

inline float log(float x) {
  if (x != x || x < 0.0f) return nan();
  if (x == 0.0f) return -infinity();
  if (x == infinity()) return x;
  const uint32_t u = bits(x) + 0x004afb0du;
  const float n = static_cast<float>(static_cast<int32_t>(u >> 23) - 127);
  const float f = from_bits((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float s = f * f;
  const float p = poly(f, {0xbda2ab0fu, 0x3e016bd2u, 0xbe050cb3u, 0x3e118984u, 0xbe2a68a0u,
                           0x3e4ccfa1u, 0xbe800066u, 0x3eaaaaaau});
  float t = (p * f) * s;
  t = fma(-0.5f, s, t);
  t = fma(n, from_bits(0xb102e308u), t);
  return fma(n, from_bits(0x3f317218u), f + t);
}

// std::sqrt of a float is correctly rounded by IEEE 754; the sign of its NaN is not fixed.
inline float sqrt(float x) { return x < 0.0f ? nan() : std::sqrt(x); }
inline float rsqrt(float x) { return 1.0f / sqrt(x); }
inline float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }
inline float silu(float x) { return x < from_bits(0xc2aeac4fu) ? 0.0f : x / (1.0f + exp(-x)); }

inline float tanh(float x) {
  const float a = absolute(x);
  if (a < 0.625f) {
    const float s = a * a;
    const float q = poly(s, {0xbbc7f6fau, 0x3cac09a2u, 0xbd5c9336u, 0x3e08870bu, 0xbeaaaaa9u});
    return with_sign_of(fma(q * s, a, a), x);
  }
  return with_sign_of(1.0f - 2.0f / (exp(a + a) + 1.0f), x);
}

// erf on [0, 0.921875).
inline float erf_near(float a) {
  const float s = a * a;
  const float r = poly(s, {0x38aeae4cu, 0xba55274bu, 0x3baa62d3u, 0xbcdc06d9u, 0x3de716f9u,
                           0xbec093a1u, 0x3e0375d4u});
  return fma(r, a, a);
}

// 1 - erf on [0.921875, infinity].
inline float erf_far(float a) {
  const float q = poly(a, {0xb4afb703u, 0x36b7f57du, 0xb7b07562u, 0xb9797dc9u, 0x3b696083u,
                           0xbcc33e9eu, 0x3dda0f23u, 0x3f228c19u, 0x3f90797cu});
  return a > 4.0f ? 0.0f : exp(-(q * a));
}

inline float erf(float x) {
  const float a = absolute(x);
  return with_sign_of(a < 0.921875f ? erf_near(a) : 1.0f - erf_far(a), x);
}

inline float gelu(float x) {
  const float h = 0.5f * x;
  const float z = x * from_bits(0x3f3504f3u);
  const float a = absolute(z);
  if (a > 4.0f) return x > 0.0f ? x : 0.0f;
  if (a < 0.921875f) return fma(h, with_sign_of(erf_near(a), x), h);
  const float e = erf_far(a);
  return x > 0.0f ? fma(-h, e, x) : h * e;
}

}  // namespace scalar
