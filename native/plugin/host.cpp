#include "plugin/host.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "plugin/api.h"
#include "proof/blake3.h"
#include "runtime/executor.h"

namespace plugin {
namespace {

constexpr uint64_t kWaitNs = 1'000'000'000;
constexpr uint32_t kDevicesMax = 64;
// Runs whose allocations are followed at once; a host has one at a time.
constexpr size_t kRunsMax = 64;

// Buffers of one run, freed in reverse order whatever happens.
class Buffers {
 public:
  Buffers(const fabric_api* api, fabric_device* device) : api_(api), device_(device) {}
  ~Buffers() { release(); }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  fabric_code wrap(std::span<const uint8_t> bytes, uint64_t run_id) {
    fabric_buffer* buffer = nullptr;
    fabric_code code = api_->buffer_from_host(device_, bytes.data(), bytes.size(), &buffer);
    if (code == FABRIC_UNSUPPORTED) {
      code = allocate(bytes.size(), "input", run_id);
      return code == FABRIC_OK ? api_->buffer_write(all_.back(), 0, bytes.data(), bytes.size())
                               : code;
    }
    return keep(code, buffer);
  }

  fabric_code allocate(uint64_t bytes, const char* label, uint64_t run_id) {
    fabric_buffer* buffer = nullptr;
    const fabric_code code = api_->buffer_alloc(device_, bytes, label, run_id, &buffer);
    return keep(code, buffer);
  }

  fabric_buffer* const* at(size_t index) const { return all_.data() + index; }

  void release() {
    while (!all_.empty()) {
      api_->buffer_free(all_.back());
      all_.pop_back();
    }
  }

 private:
  fabric_code keep(fabric_code code, fabric_buffer* buffer) {
    if (code != FABRIC_OK) return code;
    if (buffer == nullptr) return FABRIC_INTERNAL;
    all_.push_back(buffer);
    return FABRIC_OK;
  }

  const fabric_api* api_;
  fabric_device* device_;
  std::vector<fabric_buffer*> all_;
};

// Names the call under way for as long as it lives.
class Call {
 public:
  Call(std::atomic<const char*>& name, std::atomic<uint64_t>& since, const char* what)
      : name_(name) {
    since = runtime::now_ns();
    name_ = what;
  }
  ~Call() { name_ = nullptr; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  std::atomic<const char*>& name_;
};

bool known_code(fabric_code code) { return code >= FABRIC_OK && code <= FABRIC_DEVICE_LOST; }

bool plain_name(const std::string& name) {
  return !name.empty() && name.find('?') == std::string::npos;
}

}  // namespace

void CancelToken::cancel() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  if (run_ != nullptr) api_->run_cancel(run_);
}

void CancelToken::attach(const fabric_api* api, fabric_run* run) {
  const std::lock_guard lock(mutex_);
  api_ = api;
  run_ = run;
  if (asked_) api_->run_cancel(run_);
}

void CancelToken::detach() {
  const std::lock_guard lock(mutex_);
  run_ = nullptr;
}

Fault Host::open(const std::string& path, const OpenOptions& options) {
  if (tried_) return {"fabric_unusable", "a fabric is open already"};
  tried_ = true;
  foreign_ = options.foreign;
  signals_ = SignalTable::now();
  const uint64_t mode = float_mode();
  const auto step = [&options](const char* name) {
    if (options.on_step) options.on_step(name);
  };
  step("load");
  Fault fault = load(path);
  if (!fault) {
    step("init");
    fault = init(options);
  }
  if (!fault) {
    step("probe");
    fault = probe(options);
  }
  set_float_mode(mode);
  if (fault) device_ = nullptr;
  return fault;
}

Fault Host::load(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  // The loader names files and symbols, of which the end says most.
  if (library == nullptr) {
    const std::string all = text_of(dlerror(), 2000);
    return {"fabric_not_loadable", all.substr(all.size() - std::min(all.size(), kTextMax))};
  }
  const auto query = reinterpret_cast<fabric_query_fn>(dlsym(library, FABRIC_ENTRY));
  if (query == nullptr) return {"fabric_entry_missing", FABRIC_ENTRY};
  const fabric_api* theirs = query(FABRIC_MAJOR, FABRIC_MINOR);
  if (theirs == nullptr) {
    return {"fabric_version_foreign", "it does not speak major " + std::to_string(FABRIC_MAJOR)};
  }
  if (theirs->struct_size < kApiBytesLeast) {
    return {"fabric_struct_size", std::to_string(theirs->struct_size) + " bytes of at least " +
                                      std::to_string(kApiBytesLeast)};
  }
  if (theirs->major != FABRIC_MAJOR) {
    return {"fabric_version_foreign", "it is of major " + std::to_string(theirs->major)};
  }
  api_ = known_part(*theirs);
  if (const char* missing = missing_function(api_)) return {"fabric_function_missing", missing};
  return names();
}

Fault Host::names() {
  name_ = text_of(api_.name, kNameMax + 1);
  version_ = text_of(api_.version, kNameMax + 1);
  for (const std::string& text : {name_, version_}) {
    if (!plain_name(text) || text.size() > kNameMax) {
      return {"fabric_answer_wrong", "name and version are 1 to 32 printable characters"};
    }
  }
  return {};
}

Fault Host::init(const OpenOptions& options) {
  callbacks_ = {sizeof callbacks_, 0, this, on_log, on_metric, on_allocation};
  if (api_.init(&callbacks_, options.options_json.c_str()) != FABRIC_OK) {
    return {"fabric_init_failed", last_error()};
  }
  return look_at_process();
}

Fault Host::probe(const OpenOptions&) {
  fabric_device* devices[kDevicesMax] = {};
  uint32_t count = 0;
  if (api_.probe(devices, kDevicesMax, &count) != FABRIC_OK) {
    return {"fabric_unusable", last_error()};
  }
  if (count == 0) return {"fabric_unusable", "it has no device"};
  if (devices[0] == nullptr) return {"fabric_answer_wrong", "probe gave a null device"};
  info_ = {};
  info_.struct_size = sizeof info_;
  if (api_.device_info(devices[0], &info_) != FABRIC_OK) {
    return {"fabric_unusable", last_error()};
  }
  if (info_.kind > FABRIC_KIND_OTHER) {
    return {"fabric_answer_wrong", "device_info gave an unknown kind of device"};
  }
  device_ = devices[0];
  return look_at_process();
}

// Own fabrics bring the runtimes of their devices, which may do as they like.
Fault Host::look_at_process() const {
  if (!foreign_) return {};
  const int signal = signals_.first_change(SignalTable::now());
  if (signal == 0) return {};
  return {"fabric_signals_changed", "signal " + std::to_string(signal)};
}

Phase Host::phase() const { return {phase_, phase_ns_}; }

std::string Host::last_error() const { return text_of(api_.last_error(), kTextMax); }

fabric_code Host::supports(std::span<const uint8_t> table, uint32_t* first_op) const {
  const Call call(phase_, phase_ns_, "supports");
  return api_.supports(device_, table.data(), table.size(), first_op);
}

fabric_code Host::cost_hint(std::span<const uint8_t> table, fabric_cost* out) const {
  const Call call(phase_, phase_ns_, "cost_hint");
  out->struct_size = sizeof *out;
  return api_.cost_hint(device_, table.data(), table.size(), out);
}

// One run on its way from compile to its result.
struct Host::Work {
  std::span<const uint8_t> table;
  uint64_t run_id;
  const std::vector<std::span<const uint8_t>>& given;
  const std::vector<uint64_t>& op_bytes;
  Buffers buffers;
  RunResult result;
  fabric_program* program = nullptr;
  fabric_run* run = nullptr;

  bool failed() const { return result.code != FABRIC_OK || result.fault; }
  void fail(std::string code, std::string detail) {
    result.fault = {std::move(code), std::move(detail)};
  }
};

RunResult Host::run(std::span<const uint8_t> table, uint64_t run_id,
                    const std::vector<std::span<const uint8_t>>& given,
                    const std::vector<uint64_t>& op_bytes, CancelToken& token) {
  Work work{table, run_id, given, op_bytes, Buffers(&api_, device_), {}, nullptr, nullptr};
  work.result.code = FABRIC_OK;
  start(work);
  if (work.run != nullptr) {
    token.attach(&api_, work.run);
    do {
      const Call call(phase_, phase_ns_, "run_wait");
      work.result.code = api_.run_wait(work.run, kWaitNs);
    } while (work.result.code == FABRIC_TIMEOUT);
    token.detach();
    if (work.result.code == FABRIC_CANCELLED && !token.asked()) {
      work.fail("fabric_answer_wrong", "a run that nobody cancelled ended as cancelled");
    }
    if (!work.failed()) fetch(work);
  }
  if (work.result.code != FABRIC_OK && work.result.code != FABRIC_CANCELLED && !work.result.fault) {
    if (known_code(work.result.code)) {
      work.fail("fabric_refused", last_error());
    } else {
      const std::string code = std::to_string(work.result.code);
      work.fail("fabric_answer_wrong", "code " + code + " does not exist");
    }
  }
  {
    const Call call(phase_, phase_ns_, "buffer_free");
    work.buffers.release();
  }
  if (!work.failed()) check_receipt(work);
  {
    const Call call(phase_, phase_ns_, "run_free");
    if (work.run != nullptr) api_.run_free(work.run);
    if (work.program != nullptr) api_.program_free(work.program);
  }
  const Fault leak = leak_of(run_id);
  if (foreign_ && !work.result.fault) work.result.fault = leak;
  if (!Guarded::all_intact()) work.fail("fabric_overran", "a guard beside host memory is broken");
  if (const Fault fault = look_at_process()) work.result.fault = fault;
  return std::move(work.result);
}

// Compile, fill buffers, start; `work.run` is null when that did not come to pass.
void Host::start(Work& work) {
  fabric_code& code = work.result.code;
  {
    const Call call(phase_, phase_ns_, "compile");
    code = api_.compile(device_, work.table.data(), work.table.size(), &work.program);
  }
  if (code != FABRIC_OK) {
    work.program = nullptr;
    return;
  }
  {
    const Call call(phase_, phase_ns_, "buffer_alloc");
    for (size_t i = 0; i < work.given.size() && code == FABRIC_OK; i++) {
      code = work.buffers.wrap(work.given[i], work.run_id);
    }
    for (size_t i = 0; i < work.op_bytes.size() && code == FABRIC_OK; i++) {
      const std::string label = "op " + std::to_string(i);
      code = work.buffers.allocate(work.op_bytes[i], label.c_str(), work.run_id);
    }
  }
  if (code != FABRIC_OK) return;
  const Call call(phase_, phase_ns_, "run_start");
  const size_t given = work.given.size();
  code = api_.run_start(work.program, work.run_id, work.buffers.at(0), static_cast<uint32_t>(given),
                        work.buffers.at(given), static_cast<uint32_t>(work.op_bytes.size()),
                        &work.run);
  if (code != FABRIC_OK)
    work.run = nullptr;
  else if (work.run == nullptr)
    code = FABRIC_INTERNAL;
}

// Reads what the ops made, between guards, and hashes it if others computed it.
void Host::fetch(Work& work) {
  const Call call(phase_, phase_ns_, "buffer_read");
  RunResult& result = work.result;
  for (size_t i = 0; i < work.op_bytes.size(); i++) {
    auto bytes = std::make_unique<Guarded>(work.op_bytes[i]);
    if (bytes->data() == nullptr) return work.fail("fabric_refused", "no memory for an output");
    fabric_buffer* made = *work.buffers.at(work.given.size() + i);
    result.code = api_.buffer_read(made, 0, bytes->data(), bytes->size());
    if (result.code != FABRIC_OK) return;
    if (foreign_) {
      const blake3::Digest digest = blake3::hash({bytes->data(), bytes->size()});
      result.op_digests.insert(result.op_digests.end(), digest.begin(), digest.end());
    }
    result.outputs.push_back(std::move(bytes));
  }
}

// The fabric's own account of the run, which must be what was seen of it.
void Host::check_receipt(Work& work) {
  const Call call(phase_, phase_ns_, "run_receipt");
  RunResult& result = work.result;
  fabric_receipt receipt{};
  receipt.struct_size = sizeof receipt;
  result.code = api_.run_receipt(work.run, &receipt);
  if (result.code != FABRIC_OK) {
    return work.fail("fabric_receipt_wrong", "there is none: " + last_error());
  }
  if (receipt.op_count != work.op_bytes.size() || receipt.op_digests == nullptr) {
    return work.fail("fabric_receipt_wrong", "number of op outputs");
  }
  const std::span<const uint8_t> stated(receipt.op_digests, 32 * work.op_bytes.size());
  if (foreign_) {
    if (const char* wrong = wrong_digest(work, receipt)) {
      return work.fail("fabric_receipt_wrong", wrong);
    }
  } else {
    result.op_digests.assign(stated.begin(), stated.end());
  }
  std::memcpy(result.output_digest, receipt.output_digest, 32);
  if (receipt.ended_ns < receipt.started_ns) return work.fail("fabric_receipt_wrong", "times");
  result.micros = (receipt.ended_ns - receipt.started_ns) / 1000;
  result.alloc_bytes = receipt.alloc_bytes;
  result.free_bytes = receipt.free_bytes;
  const bool balanced =
      receipt.alloc_bytes == receipt.free_bytes && receipt.alloc_count == receipt.free_count;
  if (foreign_ && !balanced) {
    work.fail("fabric_leaked", std::to_string(receipt.alloc_bytes) + " bytes allocated, " +
                                   std::to_string(receipt.free_bytes) + " freed");
  }
}

// What a receipt states wrongly of bytes that were hashed here, or null.
const char* Host::wrong_digest(const Work& work, const fabric_receipt& receipt) {
  const std::vector<uint8_t>& seen = work.result.op_digests;
  if (std::memcmp(receipt.op_digests, seen.data(), seen.size()) != 0) {
    return "digests of the op outputs";
  }
  runtime::Table table;
  if (runtime::parse_table(work.table, table) != nullptr) return "it ran a malformed table";
  std::vector<blake3::Digest> digests(work.op_bytes.size());
  std::memcpy(digests.data(), seen.data(), seen.size());
  const blake3::Digest output = runtime::output_digest(table, digests);
  if (std::memcmp(receipt.output_digest, output.data(), 32) != 0) return "output digest";
  const blake3::Digest whole = blake3::hash(work.table);
  if (std::memcmp(receipt.table_digest, whole.data(), 32) != 0) return "digest of the op table";
  return nullptr;
}

// Allocations of a run that were told of and not told to be freed.
Fault Host::leak_of(uint64_t run_id) {
  const std::lock_guard lock(told_mutex_);
  const auto found = living_.find(run_id);
  if (found == living_.end()) return {};
  const std::vector<AllocationLine> left = std::move(found->second);
  living_.erase(found);
  if (left.empty()) return {};
  uint64_t bytes = 0;
  for (const auto& line : left) bytes += line.bytes;
  return {"fabric_leaked", std::to_string(bytes) + " bytes, first " + left.front().label};
}

void Host::on_log(void* self, int level, const char* message, size_t length) {
  const std::string text =
      message == nullptr ? "" : std::string(message, std::min(length, kTextMax));
  static_cast<Host*>(self)->note("log " + std::to_string(level) + " " +
                                 text_of(text.c_str(), kTextMax));
}

void Host::on_metric(void* self, const char* name, double value) {
  char number[32];
  std::snprintf(number, sizeof number, "%.9g", value);
  static_cast<Host*>(self)->note("metric " + text_of(name, kTextMax) + " " + number);
}

void Host::note(std::string line) {
  const std::lock_guard lock(told_mutex_);
  if (lines_.size() < kLinesMax) lines_.push_back(std::move(line));
}

void Host::on_allocation(void* self, const fabric_allocation* event) {
  Host* host = static_cast<Host*>(self);
  if (event == nullptr || event->struct_size < sizeof(fabric_allocation)) return;
  const AllocationLine line{event->is_free != 0, text_of(event->label, kTextMax), event->bytes,
                            event->run_id, event->sequence};
  const std::lock_guard lock(host->told_mutex_);
  if (host->profile_.size() < kProfileEventsMax) host->profile_.push_back(line);
  if (host->living_.size() >= kRunsMax && !host->living_.contains(line.run_id)) return;
  std::vector<AllocationLine>& living = host->living_[line.run_id];
  if (!line.is_free) {
    if (living.size() < kProfileEventsMax) living.push_back(line);
    return;
  }
  const auto same = std::find_if(living.rbegin(), living.rend(), [&line](const auto& other) {
    return other.bytes == line.bytes && other.label == line.label;
  });
  if (same != living.rend()) living.erase(std::next(same).base());
}

std::vector<AllocationLine> Host::drain_profile() {
  const std::lock_guard lock(told_mutex_);
  return std::exchange(profile_, {});
}

std::vector<std::string> Host::drain_lines() {
  const std::lock_guard lock(told_mutex_);
  return std::exchange(lines_, {});
}

}  // namespace plugin
