// Private-coin Freivalds check of an integer matrix product over the Goldilocks field.
//
//   C = A B^T   is tested as   C r == A (B^T r),   r uniform in F^N, unknown to the prover
//
// Shapes: A s8[M,K], B s8[N,K], C s32[M,N]. Cost: MK + NK + MN multiplications. All entries are
// small against p, so a product that is wrong over the integers is wrong modulo p, and it passes
// with probability at most 2^-63 (1/p, and the coins are uniform). K <= 65,536.
//
// Source: R. Freivalds, "Probabilistic machines can use less running time" (1977).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proof/blake3.h"
#include "runtime/pool.h"

namespace freivalds {

struct Claim {
  size_t m;
  size_t n;
  size_t k;
  const int8_t* a;
  const int8_t* b;
  const int32_t* c;
};

// `count` coins of one operation of one receipt, canonical field elements.
//
//   seed  = BLAKE3 keyed by the validator's secret over "bt/fold/1" || receiptId || u32 index
//   block = BLAKE3 keyed by seed over u32 b, b = 0, 1, 2, ...: four little-endian words each
// A word that is not below p is skipped. Source: docs/reference/numerics.md, section 8.
std::vector<uint64_t> draw_coins(blake3::Key secret, std::span<const uint8_t, 32> receipt_id,
                                 uint32_t op_index, size_t count);

// The row-major index of a wrong element of C, or nothing when the product holds.
std::optional<size_t> find_fault(const Claim& claim, std::span<const uint64_t> coins,
                                 runtime::Pool& pool);

}  // namespace freivalds
