// Any table and any values through `fold`: it answers, and an honest run is valid.
//
// Input: u16 length of the table, the table, bytes for the tensors.

#include <algorithm>
#include <cstdlib>

#include "fuzz/bounded.h"
#include "proof/fold.h"
#include "runtime/executor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
  runtime::Table table;
  if (runtime::parse_table({data + 2, length}, table) != nullptr) return 0;
  if (runtime::first_unsupported(table) != table.ops.size() || !fuzzing::is_small(table)) return 0;

  auto claimed = fuzzing::buffers_for(table, data + 2 + length, size - 2 - length);
  const uint8_t secret[32] = {1};
  const uint8_t receipt[32] = {2};
  static runtime::Pool pool(1);
  std::vector<std::span<const uint8_t>> values(claimed.begin(), claimed.end());
  fold::verify(table, values, secret, receipt, pool);

  std::vector<void*> places;
  for (auto& bytes : claimed) places.push_back(bytes.data());
  const std::atomic<bool> never{false};
  runtime::Trace trace;
  runtime::execute(table, places, pool, never, trace);
  if (!fold::verify(table, values, secret, receipt, pool).valid) std::abort();
  return 0;
}
