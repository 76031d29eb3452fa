// Runs a checked op table in program order, each op over the pool, hashing what it makes.
//
// Cancellation is looked at before every slab, so that a run ends within some milliseconds.

#pragma once

#include <atomic>
#include <vector>

#include "proof/blake3.h"
#include "runtime/launch.h"
#include "runtime/op-table.h"
#include "runtime/pool.h"

namespace runtime {

struct Trace {
  // Plain BLAKE3 of each op's output bytes, in program order.
  std::vector<blake3::Digest> ops;
  std::vector<uint64_t> op_ns;
  blake3::Digest output;
};

// `values` holds a pointer for each value: inputs and weights to read, op outputs to write.
// Precondition: `first_unsupported(table) == table.ops.size()` and every pointer is aligned.
Ending execute(const Table& table, const std::vector<void*>& values, Pool& pool,
               const std::atomic<bool>& cancel, Trace& trace);

// The digest of a single output, or of the concatenated digests of several.
blake3::Digest output_digest(const Table& table, const std::vector<blake3::Digest>& ops);

uint64_t now_ns();

}  // namespace runtime
