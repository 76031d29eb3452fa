// The CPU behind fabric.h: one device, a thread pool, runs one after another.

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include "plugin/fabric.h"
#include "plugin/self-test.h"
#include "runtime/executor.h"
#include "tensor/isa.h"

#ifndef BT_KERNEL_DIGEST
#define BT_KERNEL_DIGEST ""
#endif

namespace {

thread_local std::string last_error_text;

fabric_code fail(fabric_code code, const char* reason) {
  last_error_text = reason;
  return code;
}

constexpr uint64_t kAlignment = 64;
// Counters of the runs whose buffers are alive; older ones are forgotten.
constexpr size_t kLedgersMax = 64;

struct AllocationLedger {
  uint64_t run_id = 0;
  uint64_t alloc_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t alloc_count = 0;
  uint64_t free_count = 0;
};

}  // namespace

struct fabric_device {
  std::unique_ptr<runtime::Pool> pool;
  std::mutex running;
};

struct fabric_buffer {
  uint8_t* data;
  uint64_t bytes;
  bool owned;
  uint64_t run_id;
  std::string label;
};

struct fabric_program {
  fabric_device* device;
  runtime::Table table;
  blake3::Digest digest;
};

struct fabric_run {
  fabric_program* program;
  uint64_t run_id;
  std::vector<void*> values;
  std::atomic<bool> cancel{false};
  std::thread thread;
  std::mutex mutex;
  std::condition_variable ended;
  bool over = false;
  fabric_code result = FABRIC_TIMEOUT;
  runtime::Trace trace;
  uint64_t started_ns = 0;
  uint64_t ended_ns = 0;
};

namespace {

struct Fabric {
  std::mutex mutex;
  fabric_host host{};
  bool open = false;
  std::unique_ptr<fabric_device> device;
  uint64_t sequence = 0;
  std::vector<AllocationLedger> ledgers;
};

Fabric fabric;

// Precondition: fabric.mutex is held.
AllocationLedger& ledger_of(uint64_t run_id) {
  for (auto& ledger : fabric.ledgers) {
    if (ledger.run_id == run_id) return ledger;
  }
  if (fabric.ledgers.size() >= kLedgersMax) fabric.ledgers.erase(fabric.ledgers.begin());
  fabric.ledgers.push_back({});
  fabric.ledgers.back().run_id = run_id;
  return fabric.ledgers.back();
}

void note_allocation(const fabric_buffer& buffer, bool is_free) {
  const std::lock_guard lock(fabric.mutex);
  AllocationLedger& ledger = ledger_of(buffer.run_id);
  (is_free ? ledger.free_bytes : ledger.alloc_bytes) += buffer.bytes;
  (is_free ? ledger.free_count : ledger.alloc_count)++;
  if (fabric.host.allocation == nullptr) return;
  const fabric_allocation event{sizeof event, is_free ? 1u : 0u, buffer.label.c_str(),
                                buffer.bytes, buffer.run_id,     ++fabric.sequence};
  fabric.host.allocation(fabric.host.self, &event);
}

// The number after `"threads":`, or 0: one thread for each core.
unsigned threads_of(const char* options) {
  const char* found = options == nullptr ? nullptr : std::strstr(options, "\"threads\":");
  return found == nullptr ? 0 : static_cast<unsigned>(std::strtoul(found + 10, nullptr, 10));
}

fabric_code init(const fabric_host* host, const char* options) {
  const std::lock_guard lock(fabric.mutex);
  if (fabric.open) return fail(FABRIC_INVALID, "init was called twice");
  if (const char* refusal = isa::choice().refusal) return fail(FABRIC_UNSUPPORTED, refusal);
  fabric.host = {};
  if (host != nullptr) {
    std::memcpy(&fabric.host, host, std::min<size_t>(host->struct_size, sizeof fabric.host));
  }
  fabric.device = std::make_unique<fabric_device>();
  fabric.device->pool = std::make_unique<runtime::Pool>(threads_of(options));
  fabric.open = true;
  return FABRIC_OK;
}

void cleanup() {
  const std::lock_guard lock(fabric.mutex);
  fabric.device.reset();
  fabric.host = {};
  fabric.ledgers.clear();
  fabric.open = false;
}

// As the executor does it.
bool compute_op(uint32_t id, const kernels::Call& call) {
  const kernels::Kernel* kernel = kernels::find_cpu(id, 1);
  if (kernel == nullptr || !kernel->accepts(call)) return false;
  return runtime::launch(*kernel, call, *fabric.device->pool) == runtime::Ending::done;
}

fabric_code probe(fabric_device** out, uint32_t capacity, uint32_t* count) {
  if (!fabric.open) return fail(FABRIC_INVALID, "init was not called");
  *count = 0;
  const char* broken = plugin::self_test(compute_op);
  if (broken != nullptr) {
    return fail(FABRIC_DEVICE_LOST, (std::string("self-test failed: ") + broken).c_str());
  }
  *count = 1;
  if (capacity > 0) out[0] = fabric.device.get();
  return FABRIC_OK;
}

void parse_digest(const char* hex, uint8_t out[32]) {
  std::memset(out, 0, 32);
  if (std::strlen(hex) != 64) return;
  for (int i = 0; i < 32; i++) {
    const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    out[i] = static_cast<uint8_t>(std::strtoul(pair, nullptr, 16));
  }
}

fabric_code device_info(fabric_device* device, fabric_device_info* out) {
  fabric_device_info info{};
  info.struct_size = sizeof info;
  info.kind = FABRIC_KIND_CPU;
  info.caps = FABRIC_CAP_HOST_POINTERS | FABRIC_CAP_SUBNORMALS;
  if (isa::level() != isa::Level::scalar)
    info.caps |= FABRIC_CAP_HARDWARE_FMA | FABRIC_CAP_INT8_DOT;
  info.compute_units = device->pool->threads();
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  info.memory_total_bytes = page * static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
#ifdef _SC_AVPHYS_PAGES
  info.memory_free_bytes = page * static_cast<uint64_t>(sysconf(_SC_AVPHYS_PAGES));
#endif
  std::strncpy(info.name, "cpu", sizeof info.name - 1);
  std::strncpy(info.vendor, "blocktorch", sizeof info.vendor - 1);
  std::strncpy(info.isa, isa::name(isa::level()), sizeof info.isa - 1);
  parse_digest(BT_KERNEL_DIGEST, info.kernel_digest);
  const uint32_t size = out->struct_size;
  std::memcpy(out, &info, std::min<size_t>(size, sizeof info));
  out->struct_size = size;
  return FABRIC_OK;
}

fabric_code supports(fabric_device*, const uint8_t* bytes, size_t length, uint32_t* first_op) {
  runtime::Table table;
  *first_op = 0;
  if (const char* reason = runtime::parse_table({bytes, length}, table)) {
    return fail(FABRIC_INVALID, reason);
  }
  *first_op = runtime::first_unsupported(table);
  return *first_op == table.ops.size() ? FABRIC_OK
                                       : fail(FABRIC_UNSUPPORTED, "an op has no kernel");
}

fabric_code compile(fabric_device* device, const uint8_t* bytes, size_t length,
                    fabric_program** out) {
  uint32_t first_op = 0;
  const fabric_code code = supports(device, bytes, length, &first_op);
  if (code != FABRIC_OK) return code;
  auto program = std::make_unique<fabric_program>();
  program->device = device;
  runtime::parse_table({bytes, length}, program->table);
  program->digest = blake3::hash({bytes, length});
  *out = program.release();
  return FABRIC_OK;
}

// Operations of one op, roughly: two for each multiply-accumulate, a few for each element.
uint64_t operations(const kernels::Call& call, bool matmul) {
  const uint64_t elements = call.out.shape.elements();
  return matmul ? 2 * elements * call.args[0].shape.dims[1] : 8 * elements;
}

fabric_code cost_hint(fabric_device* device, const uint8_t* bytes, size_t length,
                      fabric_cost* out) {
  uint32_t first_op = 0;
  const fabric_code code = supports(device, bytes, length, &first_op);
  if (code != FABRIC_OK) return code;
  runtime::Table table;
  runtime::parse_table({bytes, length}, table);
  fabric_cost cost{sizeof cost, 30, 0, 0};
  uint64_t workspace_bytes = 0;
  for (uint32_t i = 0; i < table.ops.size(); i++) {
    const kernels::Call call = runtime::call_of(table, i);
    const kernels::Kernel* kernel = kernels::find_cpu(table.ops[i].id, table.ops[i].version);
    workspace_bytes = std::max<uint64_t>(
        workspace_bytes, runtime::workspace_bytes(*kernel, call, device->pool->threads()));
    const uint64_t work = operations(call, table.ops[i].id <= 2);
    // 20 operations in a nanosecond for each thread: what these kernels reach on AVX2.
    cost.estimate_ns += work / (20 * device->pool->threads()) + 2000;
  }
  cost.memory_peak_bytes = workspace_bytes;
  for (const auto& shape : table.values) cost.memory_peak_bytes += shape.bytes();
  const uint32_t size = out->struct_size;
  std::memcpy(out, &cost, std::min<size_t>(size, sizeof cost));
  out->struct_size = size;
  return FABRIC_OK;
}

void program_free(fabric_program* program) { delete program; }

fabric_code buffer_alloc(fabric_device*, uint64_t bytes, const char* label, uint64_t run_id,
                         fabric_buffer** out) {
  const uint64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  auto* data = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, rounded + kAlignment));
  if (data == nullptr) return fail(FABRIC_EXHAUSTED, "no memory for a buffer");
  *out = new fabric_buffer{data, bytes, true, run_id, label == nullptr ? "" : label};
  note_allocation(**out, false);
  return FABRIC_OK;
}

fabric_code buffer_from_host(fabric_device*, const void* data, uint64_t bytes,
                             fabric_buffer** out) {
  if (reinterpret_cast<uintptr_t>(data) % 4 != 0) {
    return fail(FABRIC_UNSUPPORTED, "host memory is not aligned to 4 bytes");
  }
  // Given buffers are read only: run_start hands no host memory to a kernel's output.
  auto* place = static_cast<uint8_t*>(const_cast<void*>(data));
  *out = new fabric_buffer{place, bytes, false, 0, ""};
  return FABRIC_OK;
}

bool inside(const fabric_buffer* buffer, uint64_t offset, uint64_t bytes) {
  return offset <= buffer->bytes && bytes <= buffer->bytes - offset;
}

fabric_code buffer_write(fabric_buffer* buffer, uint64_t offset, const void* from, uint64_t bytes) {
  if (!buffer->owned || !inside(buffer, offset, bytes)) {
    return fail(FABRIC_INVALID, "a write outside the buffer");
  }
  if (bytes > 0) std::memcpy(buffer->data + offset, from, bytes);
  return FABRIC_OK;
}

fabric_code buffer_read(fabric_buffer* buffer, uint64_t offset, void* to, uint64_t bytes) {
  if (!inside(buffer, offset, bytes)) return fail(FABRIC_INVALID, "a read outside the buffer");
  if (bytes > 0) std::memcpy(to, buffer->data + offset, bytes);
  return FABRIC_OK;
}

void buffer_free(fabric_buffer* buffer) {
  if (buffer == nullptr) return;
  if (buffer->owned) {
    note_allocation(*buffer, true);
    std::free(buffer->data);
  }
  delete buffer;
}

fabric_code code_of(runtime::Ending ending) {
  switch (ending) {
    case runtime::Ending::done:
      return FABRIC_OK;
    case runtime::Ending::cancelled:
      return FABRIC_CANCELLED;
    default:
      return FABRIC_EXHAUSTED;
  }
}

void run_thread(fabric_run* run) {
  runtime::Ending ending;
  {
    fabric_device* device = run->program->device;
    const std::lock_guard turn(device->running);
    run->started_ns = runtime::now_ns();
    ending =
        runtime::execute(run->program->table, run->values, *device->pool, run->cancel, run->trace);
    run->ended_ns = runtime::now_ns();
  }
  const std::lock_guard lock(run->mutex);
  run->result = code_of(ending);
  run->over = true;
  run->ended.notify_all();
}

fabric_code run_start(fabric_program* program, uint64_t run_id, fabric_buffer* const* given,
                      uint32_t given_count, fabric_buffer* const* made, uint32_t made_count,
                      fabric_run** out) {
  const runtime::Table& table = program->table;
  if (given_count != table.given() || made_count != table.ops.size()) {
    return fail(FABRIC_INVALID, "the number of buffers is not that of the table");
  }
  auto run = std::make_unique<fabric_run>();
  for (uint32_t i = 0; i < given_count + made_count; i++) {
    const fabric_buffer* buffer = i < given_count ? given[i] : made[i - given_count];
    if (buffer->bytes != table.values[i].bytes() || (i >= given_count && !buffer->owned)) {
      return fail(FABRIC_INVALID, "a buffer does not have the size of its value");
    }
    run->values.push_back(buffer->data);
  }
  run->program = program;
  run->run_id = run_id;
  *out = run.release();
  (*out)->thread = std::thread(run_thread, *out);
  return FABRIC_OK;
}

fabric_code run_wait(fabric_run* run, uint64_t timeout_ns) {
  std::unique_lock lock(run->mutex);
  const auto span = std::chrono::nanoseconds(std::min<uint64_t>(timeout_ns, 1ULL << 60));
  run->ended.wait_for(lock, span, [run] { return run->over; });
  return run->result;
}

void run_cancel(fabric_run* run) { run->cancel = true; }

fabric_code run_receipt(fabric_run* run, fabric_receipt* out) {
  {
    const std::lock_guard lock(run->mutex);
    if (!run->over || run->result != FABRIC_OK) {
      return fail(FABRIC_INVALID, "the run has not ended well");
    }
  }
  fabric_receipt receipt{};
  receipt.struct_size = sizeof receipt;
  receipt.op_count = static_cast<uint32_t>(run->trace.ops.size());
  std::memcpy(receipt.table_digest, run->program->digest.data(), 32);
  std::memcpy(receipt.output_digest, run->trace.output.data(), 32);
  receipt.op_digests = run->trace.ops.empty() ? nullptr : run->trace.ops[0].data();
  receipt.op_ns = run->trace.op_ns.data();
  receipt.started_ns = run->started_ns;
  receipt.ended_ns = run->ended_ns;
  {
    const std::lock_guard lock(fabric.mutex);
    const AllocationLedger& ledger = ledger_of(run->run_id);
    receipt.alloc_bytes = ledger.alloc_bytes;
    receipt.free_bytes = ledger.free_bytes;
    receipt.alloc_count = ledger.alloc_count;
    receipt.free_count = ledger.free_count;
  }
  const uint32_t size = out->struct_size;
  std::memcpy(out, &receipt, std::min<size_t>(size, sizeof receipt));
  out->struct_size = size;
  return FABRIC_OK;
}

void run_free(fabric_run* run) {
  if (run == nullptr) return;
  run->cancel = true;
  if (run->thread.joinable()) run->thread.join();
  {
    const std::lock_guard lock(fabric.mutex);
    std::erase_if(fabric.ledgers,
                  [run](const AllocationLedger& ledger) { return ledger.run_id == run->run_id; });
  }
  delete run;
}

const char* last_error() { return last_error_text.c_str(); }

constexpr fabric_api kApi = {sizeof(fabric_api),
                             FABRIC_MAJOR,
                             FABRIC_MINOR,
                             0,
                             "cpu",
                             "1.0.0",
                             init,
                             cleanup,
                             probe,
                             device_info,
                             supports,
                             cost_hint,
                             compile,
                             program_free,
                             buffer_alloc,
                             buffer_from_host,
                             buffer_write,
                             buffer_read,
                             buffer_free,
                             run_start,
                             run_wait,
                             run_cancel,
                             run_receipt,
                             run_free,
                             last_error};

static_assert(sizeof(blake3::Digest) == 32, "digests lie side by side");

}  // namespace

extern "C" __attribute__((visibility("default"))) const fabric_api* fabric_query(
    uint32_t host_major, uint32_t) {
  return host_major == FABRIC_MAJOR ? &kApi : nullptr;
}
