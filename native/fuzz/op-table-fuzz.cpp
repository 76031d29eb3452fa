// Any bytes as an op table: parsed, checked, and, when small, run by the tuned kernels and by the
// reference, whose bytes must agree.
//
// Input: u16 length of the table, the table, bytes for the tensors.

#include <algorithm>
#include <cstdlib>

#include "fuzz/bounded.h"
#include "kernels/kernel.h"
#include "runtime/executor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
  runtime::Table table;
  if (runtime::parse_table({data + 2, length}, table) != nullptr) return 0;
  if (runtime::first_unsupported(table) != table.ops.size() || !fuzzing::is_small(table)) return 0;

  auto made = fuzzing::buffers_for(table, data + 2 + length, size - 2 - length);
  auto expected = made;
  std::vector<void*> values;
  for (auto& bytes : made) values.push_back(bytes.data());
  static runtime::Pool pool(1);
  const std::atomic<bool> never{false};
  runtime::Trace trace;
  runtime::execute(table, values, pool, never, trace);

  for (uint32_t i = 0; i < table.ops.size(); i++) {
    const auto* reference = kernels::find_reference(table.ops[i].id, table.ops[i].version);
    kernels::Call call = runtime::call_of(table, i);
    for (uint32_t a = 0; a < call.arg_count; a++) {
      call.args[a].data = expected[table.ops[i].args[a]].data();
    }
    call.out.data = expected[table.given() + i].data();
    reference->run(call, 0, reference->units(call));
  }
  if (made != expected) std::abort();
  return 0;
}
