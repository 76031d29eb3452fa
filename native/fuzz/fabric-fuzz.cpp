// Any bytes through the vtable of the CPU fabric: options, tables, buffers of wrong sizes, runs
// that are cancelled at once.
//
// Input: u8 flags, u16 length of the table, the table, bytes for the tensors.

#include <algorithm>
#include <cstdlib>
#include <string>

#include "fuzz/bounded.h"
#include "plugin/fabric.h"

extern "C" const fabric_api* fabric_query(uint32_t host_major, uint32_t host_minor);

namespace {

fabric_device* device(const fabric_api& api) {
  static fabric_device* opened = nullptr;
  if (opened != nullptr) return opened;
  uint32_t count = 0;
  if (api.init(nullptr, "{\"threads\":1}") != FABRIC_OK) std::abort();
  if (api.probe(&opened, 1, &count) != FABRIC_OK || count != 1) std::abort();
  return opened;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const fabric_api& api = *fabric_query(FABRIC_MAJOR, FABRIC_MINOR);
  fabric_device* on = device(api);
  const uint8_t flags = data[0];
  const size_t length = std::min<size_t>(data[1] | data[2] << 8, size - 3);
  const uint8_t* bytes = data + 3;
  if (flags & 4) {
    // A second init is refused, whatever its options say.
    const std::string options(reinterpret_cast<const char*>(bytes), size - 3);
    if (api.init(nullptr, options.c_str()) == FABRIC_OK) std::abort();
  }
  uint32_t first_op = 0;
  fabric_cost cost{};
  cost.struct_size = sizeof cost;
  api.supports(on, bytes, length, &first_op);
  api.cost_hint(on, bytes, length, &cost);
  fabric_program* program = nullptr;
  if (api.compile(on, bytes, length, &program) != FABRIC_OK) return 0;
  runtime::Table table;
  if (runtime::parse_table({bytes, length}, table) != nullptr) std::abort();
  if (!fuzzing::is_small(table)) {
    api.program_free(program);
    return 0;
  }
  const auto filled = fuzzing::buffers_for(table, bytes + length, size - 3 - length);
  std::vector<fabric_buffer*> buffers;
  for (size_t i = 0; i < filled.size(); i++) {
    const uint64_t wanted = filled[i].size() + ((flags & 2) && i == 0 ? 1 : 0);
    fabric_buffer* buffer = nullptr;
    if (api.buffer_alloc(on, wanted, "fuzz", 1, &buffer) != FABRIC_OK) std::abort();
    if (api.buffer_write(buffer, 0, filled[i].data(), filled[i].size()) != FABRIC_OK) std::abort();
    if (api.buffer_write(buffer, wanted, filled[i].data(), 1) == FABRIC_OK) std::abort();
    buffers.push_back(buffer);
  }
  fabric_run* run = nullptr;
  const uint32_t made = static_cast<uint32_t>(table.ops.size());
  if (api.run_start(program, 1, buffers.data(), table.given(), buffers.data() + table.given(), made,
                    &run) == FABRIC_OK) {
    if (flags & 1) api.run_cancel(run);
    while (api.run_wait(run, 1'000'000'000) == FABRIC_TIMEOUT) {
    }
    fabric_receipt receipt{};
    receipt.struct_size = sizeof receipt;
    api.run_receipt(run, &receipt);
    api.run_free(run);
  }
  for (auto* buffer : buffers) api.buffer_free(buffer);
  api.program_free(program);
  return 0;
}
