// `fold`: every op of a committed trace is right, given its committed operands.
//
// Each matmul_s8 is checked by Freivalds with the validator's own coins; every other op is
// recomputed by its kernel and compared bit for bit, in program order. All tensors are hashed, so
// that the caller can compare them with what was committed.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proof/blake3.h"
#include "runtime/op-table.h"
#include "runtime/pool.h"

namespace fold {

struct Verdict {
  bool valid = true;
  // Of the first wrong op: its index and the row-major number of a wrong element.
  uint32_t op_index = 0;
  uint64_t element = 0;
  // Plain BLAKE3 of every value: inputs, weights, op outputs.
  std::vector<blake3::Digest> digests;
};

// Precondition: the table is supported; values[i] has the byte length of value i and is aligned.
Verdict verify(const runtime::Table& table, const std::vector<std::span<const uint8_t>>& values,
               blake3::Key secret, std::span<const uint8_t, 32> receipt_id, runtime::Pool& pool);

}  // namespace fold
