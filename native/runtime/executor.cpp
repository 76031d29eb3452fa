#include "runtime/executor.h"

#include <chrono>

namespace runtime {

uint64_t now_ns() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

blake3::Digest output_digest(const Table& table, const std::vector<blake3::Digest>& ops) {
  std::vector<uint8_t> joined;
  for (const uint32_t output : table.outputs) {
    const blake3::Digest& digest = ops[output - table.given()];
    joined.insert(joined.end(), digest.begin(), digest.end());
  }
  return table.outputs.size() == 1 ? ops[table.outputs[0] - table.given()] : blake3::hash(joined);
}

Ending execute(const Table& table, const std::vector<void*>& values, Pool& pool,
               const std::atomic<bool>& cancel, Trace& trace) {
  Workspace workspace;
  for (uint32_t index = 0; index < table.ops.size(); index++) {
    const uint64_t start = now_ns();
    const kernels::Kernel* kernel =
        kernels::find_cpu(table.ops[index].id, table.ops[index].version);
    kernels::Call call = call_of(table, index);
    for (uint32_t i = 0; i < call.arg_count; i++) {
      call.args[i].data = values[table.ops[index].args[i]];
    }
    call.out.data = values[table.given() + index];
    const Ending ending = launch(*kernel, call, pool, cancel, workspace);
    if (ending != Ending::done) return ending;
    const auto* made = static_cast<const uint8_t*>(call.out.data);
    trace.ops.push_back(blake3::hash({made, call.out.shape.bytes()}));
    trace.op_ns.push_back(now_ns() - start);
  }
  trace.output = output_digest(table, trace.ops);
  return Ending::done;
}

}  // namespace runtime
