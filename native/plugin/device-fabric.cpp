// Any device behind fabric.h, by way of a driver: OpenCL, CUDA, Metal.

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "plugin/allocations.h"
#include "plugin/device-runner.h"
#include "plugin/self-test.h"
#include "proof/blake3.h"

#ifndef BT_KERNEL_DIGEST
#define BT_KERNEL_DIGEST ""
#endif

struct fabric_device {
  explicit fabric_device(std::unique_ptr<device::Driver> driver) : engine(std::move(driver)) {}

  device::Engine engine;
};

struct fabric_buffer {
  fabric_device* device;
  device::Memory memory;
  uint64_t bytes;
  uint64_t run_id;
  std::string label;
};

struct fabric_program {
  fabric_device* device;
  runtime::Table table;
  std::vector<device::Plan> plans;
  blake3::Digest digest;
};

struct fabric_run {
  fabric_program* program;
  uint64_t run_id;
  std::vector<device::Memory> values;
  std::atomic<bool> cancel{false};
  std::thread thread;
  std::mutex mutex;
  std::condition_variable ended;
  bool is_over = false;
  device::Status result;
  runtime::Trace trace;
  uint64_t started_ns = 0;
  uint64_t ended_ns = 0;
};

namespace {

using device::Status;

thread_local std::string last_error_text;

fabric_code fail(fabric_code code, const std::string& reason) {
  last_error_text = reason;
  return code;
}

fabric_code answer(const Status& status) {
  return status.ok() ? FABRIC_OK : fail(status.code, status.reason);
}

struct Fabric {
  std::mutex mutex;
  bool is_open = false;
  bool is_probed = false;
  device::Options options;
  std::vector<std::unique_ptr<fabric_device>> devices;
  // Why there are no devices.
  Status found;
  plugin::Allocations allocations;
};

// Never destroyed: at the end of a process the drivers may be gone before it.
Fabric& fabric = *new Fabric;

const char* environment(const char* name) { return std::getenv(name); }

fabric_code init(const fabric_host* host, const char* options) {
  const std::lock_guard lock(fabric.mutex);
  if (fabric.is_open) return fail(FABRIC_INVALID, "init was called twice");
  fabric.allocations.open(host);
  fabric.options = device::read_options(options, environment);
  fabric.is_open = true;
  return FABRIC_OK;
}

void cleanup() {
  const std::lock_guard lock(fabric.mutex);
  fabric.devices.clear();
  fabric.is_probed = false;
  fabric.found = {};
  fabric.allocations.close();
  fabric.is_open = false;
}

// Memory of one device that goes when this goes.
class Owned {
 public:
  explicit Owned(device::Driver& driver) : driver_(driver) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    for (const device::Memory memory : all) driver_.release(memory);
  }

  Status add(uint64_t bytes) {
    device::Memory memory = 0;
    Status status = driver_.allocate(bytes, memory);
    if (status.ok()) all.push_back(memory);
    return status;
  }

  std::vector<device::Memory> all;

 private:
  device::Driver& driver_;
};

// One op from host memory to host memory, through the run path.
Status compute_op(device::Engine& engine, uint32_t id, const kernels::Call& call) {
  device::Plan plan;
  if (!device::plan_op(engine.driver->facts().traits, id, call, plan)) {
    return {FABRIC_UNSUPPORTED, "an op has no kernel"};
  }
  device::Loan queue;
  Status status = engine.queues.acquire(queue);
  Owned args(*engine.driver);
  Owned out(*engine.driver);
  for (uint32_t i = 0; status.ok() && i < call.arg_count; i++) {
    const auto* data = static_cast<const uint8_t*>(call.args[i].data);
    const size_t bytes = call.args[i].shape.bytes();
    status = args.add(bytes);
    if (status.ok()) status = queue->write(args.all[i], 0, {data, bytes});
  }
  if (status.ok()) status = out.add(call.out.shape.bytes());
  const std::atomic<bool> never{false};
  const device::OnScratch nobody = [](uint64_t, bool) {};
  if (status.ok()) {
    status = device::run_op(engine, *queue, plan, args.all, out.all[0], never, nobody);
  }
  if (status.ok()) {
    auto* data = static_cast<uint8_t*>(call.out.data);
    status = queue->read(out.all[0], 0, {data, call.out.shape.bytes()});
  }
  if (!status.ok() && queue) queue.spoil();
  return status;
}

// Empty when the device computes BT-Num v1.
std::string fault_of(device::Engine& engine) {
  Status status;
  const char* broken = plugin::self_test([&](uint32_t id, const kernels::Call& call) {
    status = compute_op(engine, id, call);
    return status.ok();
  });
  if (broken == nullptr) return "";
  const std::string why = status.ok() ? "" : ": " + status.reason;
  return engine.driver->facts().name + ": self-test failed: " + broken + why;
}

// Precondition: fabric.mutex is held.
void find_devices() {
  std::vector<std::unique_ptr<device::Driver>> drivers;
  std::vector<std::string> notes;
  fabric.found = device::kBackend.open(fabric.options, drivers, notes);
  for (auto& driver : drivers) {
    auto made = std::make_unique<fabric_device>(std::move(driver));
    std::string fault = fault_of(made->engine);
    if (fault.empty()) {
      fabric.devices.push_back(std::move(made));
    } else {
      notes.push_back(std::move(fault));
    }
  }
  const size_t chosen = fabric.options.device;
  if (chosen < fabric.devices.size()) std::swap(fabric.devices[0], fabric.devices[chosen]);
  for (const std::string& note : notes) fabric.allocations.log(1, note);
  if (!fabric.devices.empty() || !fabric.found.ok()) return;
  std::string reason;
  for (const std::string& note : notes) reason += (reason.empty() ? "" : "; ") + note;
  fabric.found = {FABRIC_DEVICE_LOST, reason.empty() ? "there is no device" : reason};
}

fabric_code probe(fabric_device** out, uint32_t capacity, uint32_t* count) {
  const std::lock_guard lock(fabric.mutex);
  *count = 0;
  if (!fabric.is_open) return fail(FABRIC_INVALID, "init was not called");
  if (!fabric.is_probed) find_devices();
  fabric.is_probed = true;
  if (fabric.devices.empty()) return answer(fabric.found);
  *count = static_cast<uint32_t>(fabric.devices.size());
  for (uint32_t i = 0; i < std::min(capacity, *count); i++) out[i] = fabric.devices[i].get();
  return FABRIC_OK;
}

void copy_text(const std::string& text, char* to, size_t size) {
  const size_t length = std::min(text.size(), size - 1);
  std::memcpy(to, text.data(), length);
}

void parse_digest(const char* hex, uint8_t out[32]) {
  if (std::strlen(hex) != 64) return;
  for (int i = 0; i < 32; i++) {
    const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    out[i] = static_cast<uint8_t>(std::strtoul(pair, nullptr, 16));
  }
}

// As much of a struct as the other side knows.
template <typename Struct>
void hand_over(const Struct& made, Struct* out) {
  const uint32_t size = out->struct_size;
  std::memcpy(out, &made, std::min<size_t>(size, sizeof made));
  out->struct_size = size;
}

fabric_code device_info(fabric_device* device, fabric_device_info* out) {
  const device::Facts& facts = device->engine.driver->facts();
  fabric_device_info info{};
  info.struct_size = sizeof info;
  info.kind = facts.kind;
  info.caps = facts.caps;
  info.compute_units = facts.compute_units;
  info.memory_total_bytes = facts.memory_total_bytes;
  info.memory_free_bytes = facts.memory_free_bytes;
  copy_text(facts.name, info.name, sizeof info.name);
  copy_text(facts.vendor, info.vendor, sizeof info.vendor);
  copy_text(facts.driver, info.driver, sizeof info.driver);
  copy_text(facts.isa, info.isa, sizeof info.isa);
  parse_digest(BT_KERNEL_DIGEST, info.kernel_digest);
  hand_over(info, out);
  return FABRIC_OK;
}

fabric_code plan(fabric_device* device, std::span<const uint8_t> bytes, runtime::Table& table,
                 std::vector<device::Plan>& plans, uint32_t* first_op) {
  *first_op = 0;
  if (const char* reason = runtime::parse_table(bytes, table)) return fail(FABRIC_INVALID, reason);
  *first_op = device::plan_table(device->engine.driver->facts().traits, table, plans);
  return *first_op == table.ops.size() ? FABRIC_OK
                                       : fail(FABRIC_UNSUPPORTED, "an op has no kernel");
}

fabric_code supports(fabric_device* device, const uint8_t* bytes, size_t length,
                     uint32_t* first_op) {
  runtime::Table table;
  std::vector<device::Plan> plans;
  return plan(device, {bytes, length}, table, plans, first_op);
}

fabric_code cost_hint(fabric_device* device, const uint8_t* bytes, size_t length,
                      fabric_cost* out) {
  runtime::Table table;
  std::vector<device::Plan> plans;
  uint32_t first_op = 0;
  const fabric_code code = plan(device, {bytes, length}, table, plans, &first_op);
  if (code != FABRIC_OK) return code;
  const device::Facts& facts = device->engine.driver->facts();
  // Operations in a nanosecond of one compute unit, and what a launch takes to reach the device.
  const uint64_t speed =
      facts.compute_units * (facts.traits.tiling == device::Tiling::cpu ? 8 : 50);
  constexpr uint64_t kLaunchNs = 20'000;
  fabric_cost cost{sizeof cost, 20, 0, 0};
  uint64_t scratch_max = 0;
  for (const device::Plan& made : plans) {
    uint64_t scratch = 0;
    for (const uint64_t size : made.scratch) scratch += size;
    scratch_max = std::max(scratch_max, scratch);
    for (const device::Launch& launch : made.launches) {
      cost.estimate_ns += launch.groups * launch.work / speed + kLaunchNs;
    }
  }
  cost.memory_peak_bytes = scratch_max;
  for (const auto& shape : table.values) cost.memory_peak_bytes += shape.bytes();
  hand_over(cost, out);
  return FABRIC_OK;
}

fabric_code compile(fabric_device* device, const uint8_t* bytes, size_t length,
                    fabric_program** out) {
  auto program = std::make_unique<fabric_program>();
  uint32_t first_op = 0;
  const fabric_code code = plan(device, {bytes, length}, program->table, program->plans, &first_op);
  if (code != FABRIC_OK) return code;
  program->device = device;
  program->digest = blake3::hash({bytes, length});
  *out = program.release();
  return FABRIC_OK;
}

void program_free(fabric_program* program) { delete program; }

fabric_code buffer_alloc(fabric_device* device, uint64_t bytes, const char* label, uint64_t run_id,
                         fabric_buffer** out) {
  device::Memory memory = 0;
  const Status status = device->engine.driver->allocate(bytes, memory);
  if (!status.ok()) return answer(status);
  *out = new fabric_buffer{device, memory, bytes, run_id, label == nullptr ? "" : label};
  fabric.allocations.note(run_id, (*out)->label, bytes, false);
  return FABRIC_OK;
}

fabric_code buffer_from_host(fabric_device*, const void*, uint64_t, fabric_buffer**) {
  return fail(FABRIC_UNSUPPORTED, "the device has memory of its own");
}

bool is_inside(const fabric_buffer* buffer, uint64_t offset, uint64_t bytes) {
  return offset <= buffer->bytes && bytes <= buffer->bytes - offset;
}

template <typename Work>
fabric_code on_queue(fabric_buffer* buffer, Work work) {
  device::Loan queue;
  Status status = buffer->device->engine.queues.acquire(queue);
  if (!status.ok()) return answer(status);
  status = work(*queue);
  if (!status.ok()) queue.spoil();
  return answer(status);
}

fabric_code buffer_write(fabric_buffer* buffer, uint64_t offset, const void* from, uint64_t bytes) {
  if (!is_inside(buffer, offset, bytes)) return fail(FABRIC_INVALID, "a write outside the buffer");
  if (bytes == 0) return FABRIC_OK;
  return on_queue(buffer, [&](device::Queue& queue) {
    return queue.write(buffer->memory, offset, {static_cast<const uint8_t*>(from), bytes});
  });
}

fabric_code buffer_read(fabric_buffer* buffer, uint64_t offset, void* to, uint64_t bytes) {
  if (!is_inside(buffer, offset, bytes)) return fail(FABRIC_INVALID, "a read outside the buffer");
  if (bytes == 0) return FABRIC_OK;
  return on_queue(buffer, [&](device::Queue& queue) {
    return queue.read(buffer->memory, offset, {static_cast<uint8_t*>(to), bytes});
  });
}

void buffer_free(fabric_buffer* buffer) {
  if (buffer == nullptr) return;
  fabric.allocations.note(buffer->run_id, buffer->label, buffer->bytes, true);
  buffer->device->engine.driver->release(buffer->memory);
  delete buffer;
}

void run_thread(fabric_run* run) {
  const fabric_program& program = *run->program;
  run->started_ns = runtime::now_ns();
  Status status = device::run_table(
      program.device->engine, program.table, program.plans, run->values, run->cancel,
      [run](uint64_t bytes, bool is_free) {
        fabric.allocations.note(run->run_id, "scratch", bytes, is_free);
      },
      run->trace);
  run->ended_ns = runtime::now_ns();
  const std::lock_guard lock(run->mutex);
  run->result = std::move(status);
  run->is_over = true;
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
    if (buffer->bytes != table.values[i].bytes() || buffer->device != program->device) {
      return fail(FABRIC_INVALID, "a buffer does not have the size of its value");
    }
    run->values.push_back(buffer->memory);
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
  if (!run->ended.wait_for(lock, span, [run] { return run->is_over; })) return FABRIC_TIMEOUT;
  return answer(run->result);
}

void run_cancel(fabric_run* run) { run->cancel = true; }

fabric_code run_receipt(fabric_run* run, fabric_receipt* out) {
  {
    const std::lock_guard lock(run->mutex);
    if (!run->is_over || !run->result.ok()) {
      return fail(FABRIC_INVALID, "the run has not ended well");
    }
  }
  const plugin::AllocationLedger counted = fabric.allocations.of(run->run_id);
  fabric_receipt receipt{};
  receipt.struct_size = sizeof receipt;
  receipt.op_count = static_cast<uint32_t>(run->trace.ops.size());
  std::memcpy(receipt.table_digest, run->program->digest.data(), 32);
  std::memcpy(receipt.output_digest, run->trace.output.data(), 32);
  receipt.op_digests = run->trace.ops.empty() ? nullptr : run->trace.ops[0].data();
  receipt.op_ns = run->trace.op_ns.data();
  receipt.started_ns = run->started_ns;
  receipt.ended_ns = run->ended_ns;
  receipt.alloc_bytes = counted.alloc_bytes;
  receipt.free_bytes = counted.free_bytes;
  receipt.alloc_count = counted.alloc_count;
  receipt.free_count = counted.free_count;
  hand_over(receipt, out);
  return FABRIC_OK;
}

void run_free(fabric_run* run) {
  if (run == nullptr) return;
  run->cancel = true;
  if (run->thread.joinable()) run->thread.join();
  fabric.allocations.forget(run->run_id);
  delete run;
}

const char* last_error() { return last_error_text.c_str(); }

static_assert(sizeof(blake3::Digest) == 32, "digests lie side by side");

}  // namespace

extern "C" __attribute__((visibility("default"))) const fabric_api* fabric_query(
    uint32_t host_major, uint32_t) {
  static const fabric_api api = {sizeof(fabric_api),
                                 FABRIC_MAJOR,
                                 FABRIC_MINOR,
                                 0,
                                 device::kBackend.name,
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
  return host_major == FABRIC_MAJOR ? &api : nullptr;
}
