// The Goldilocks field: integers modulo p = 2^64 - 2^32 + 1.
//
// 2^64 = 2^32 - 1 and 2^96 = -1 (mod p), which makes the reduction of a 128-bit product a few
// additions. Every function takes and gives canonical values, below p.

#pragma once

#include <cstdint>

namespace goldilocks {

__extension__ typedef unsigned __int128 Wide;

inline constexpr uint64_t kModulus = 0xFFFFFFFF00000001ULL;
inline constexpr uint64_t kEpsilon = 0xFFFFFFFFULL;  // 2^64 mod p

inline uint64_t canonical(uint64_t value) { return value >= kModulus ? value - kModulus : value; }

inline uint64_t add(uint64_t left, uint64_t right) {
  const Wide sum = static_cast<Wide>(left) + right;
  return static_cast<uint64_t>(sum >= kModulus ? sum - kModulus : sum);
}

inline uint64_t subtract(uint64_t left, uint64_t right) {
  return left >= right ? left - right : left + (kModulus - right);
}

// x = low + 2^64 (a + 2^32 b) = low - b + (2^32 - 1) a (mod p).
inline uint64_t reduce(Wide value) {
  const uint64_t low = static_cast<uint64_t>(value);
  const uint64_t high = static_cast<uint64_t>(value >> 64);
  const uint64_t b = high >> 32;
  const uint64_t a = high & kEpsilon;
  uint64_t difference = low - b;
  if (low < b) difference -= kEpsilon;
  const uint64_t product = (a << 32) - a;
  uint64_t sum = difference + product;
  if (sum < product) sum += kEpsilon;
  return canonical(sum);
}

inline uint64_t multiply(uint64_t left, uint64_t right) {
  return reduce(static_cast<Wide>(left) * right);
}

// A signed machine integer as a field element.
inline uint64_t from_signed(int64_t value) {
  return value >= 0 ? canonical(static_cast<uint64_t>(value))
                    : kModulus - canonical(static_cast<uint64_t>(-(value + 1)) + 1);
}

}  // namespace goldilocks
