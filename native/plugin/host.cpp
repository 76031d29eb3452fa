#include "plugin/host.h"

#include <dlfcn.h>

#include <cstring>
#include <utility>

namespace plugin {
namespace {

constexpr uint64_t kWaitNs = 1'000'000'000;

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
    if (code == FABRIC_OK) all_.push_back(buffer);
    return code;
  }

  fabric_code allocate(uint64_t bytes, const char* label, uint64_t run_id) {
    fabric_buffer* buffer = nullptr;
    const fabric_code code = api_->buffer_alloc(device_, bytes, label, run_id, &buffer);
    if (code == FABRIC_OK) all_.push_back(buffer);
    return code;
  }

  fabric_buffer* const* at(size_t index) const { return all_.data() + index; }

  void release() {
    while (!all_.empty()) {
      api_->buffer_free(all_.back());
      all_.pop_back();
    }
  }

 private:
  const fabric_api* api_;
  fabric_device* device_;
  std::vector<fabric_buffer*> all_;
};

RunResult failed(const fabric_api* api, fabric_code code) {
  RunResult result;
  result.code = code;
  result.reason = api->last_error();
  return result;
}

fabric_code fill_buffers(Buffers& buffers, const std::vector<std::span<const uint8_t>>& given,
                         const std::vector<uint64_t>& op_bytes, uint64_t run_id) {
  for (const auto& bytes : given) {
    if (const fabric_code code = buffers.wrap(bytes, run_id)) return code;
  }
  for (size_t i = 0; i < op_bytes.size(); i++) {
    const std::string label = "op " + std::to_string(i);
    if (const fabric_code code = buffers.allocate(op_bytes[i], label.c_str(), run_id)) return code;
  }
  return FABRIC_OK;
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

std::string Host::open(const std::string& path, const std::string& options_json) {
  if (api_ != nullptr) return "a fabric is open already";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "it cannot be loaded";
  const auto query = reinterpret_cast<fabric_query_fn>(dlsym(library, FABRIC_ENTRY));
  if (query == nullptr) return "it does not export " FABRIC_ENTRY;
  const fabric_api* api = query(FABRIC_MAJOR, FABRIC_MINOR);
  if (api == nullptr || api->major != FABRIC_MAJOR) return "it speaks another version";
  if (api->struct_size < sizeof(fabric_api)) return "functions are missing";
  callbacks_ = {sizeof callbacks_, 0, this, nullptr, nullptr, on_allocation};
  if (api->init(&callbacks_, options_json.c_str()) != FABRIC_OK) return api->last_error();
  fabric_device* device = nullptr;
  uint32_t count = 0;
  if (api->probe(&device, 1, &count) != FABRIC_OK) return api->last_error();
  if (count == 0) return "it has no device";
  info_.struct_size = sizeof info_;
  if (api->device_info(device, &info_) != FABRIC_OK) return api->last_error();
  api_ = api;
  device_ = device;
  return "";
}

fabric_code Host::supports(std::span<const uint8_t> table, uint32_t* first_op) const {
  return api_->supports(device_, table.data(), table.size(), first_op);
}

fabric_code Host::cost_hint(std::span<const uint8_t> table, fabric_cost* out) const {
  out->struct_size = sizeof *out;
  return api_->cost_hint(device_, table.data(), table.size(), out);
}

RunResult Host::run(std::span<const uint8_t> table, uint64_t run_id,
                    const std::vector<std::span<const uint8_t>>& given,
                    const std::vector<uint64_t>& op_bytes, CancelToken& token) const {
  fabric_program* program = nullptr;
  fabric_code code = api_->compile(device_, table.data(), table.size(), &program);
  if (code != FABRIC_OK) return failed(api_, code);
  RunResult result;
  Buffers buffers(api_, device_);
  fabric_run* run = nullptr;
  code = fill_buffers(buffers, given, op_bytes, run_id);
  if (code == FABRIC_OK) {
    code = api_->run_start(program, run_id, buffers.at(0), static_cast<uint32_t>(given.size()),
                           buffers.at(given.size()), static_cast<uint32_t>(op_bytes.size()), &run);
  }
  if (code != FABRIC_OK) {
    result = failed(api_, code);
    api_->program_free(program);
    return result;
  }
  token.attach(api_, run);
  do {
    code = api_->run_wait(run, kWaitNs);
  } while (code == FABRIC_TIMEOUT);
  token.detach();
  result.code = code;
  if (code == FABRIC_OK) {
    for (size_t i = 0; i < op_bytes.size(); i++) {
      std::vector<uint8_t> bytes(op_bytes[i]);
      api_->buffer_read(*buffers.at(given.size() + i), 0, bytes.data(), bytes.size());
      result.outputs.push_back(std::move(bytes));
    }
    buffers.release();
    fabric_receipt receipt{};
    receipt.struct_size = sizeof receipt;
    result.code = api_->run_receipt(run, &receipt);
    if (receipt.op_count == op_bytes.size() && receipt.op_count > 0) {
      result.op_digests.assign(receipt.op_digests, receipt.op_digests + 32 * receipt.op_count);
    }
    std::memcpy(result.output_digest, receipt.output_digest, 32);
    result.micros = (receipt.ended_ns - receipt.started_ns) / 1000;
    result.alloc_bytes = receipt.alloc_bytes;
    result.free_bytes = receipt.free_bytes;
  } else if (code != FABRIC_CANCELLED) {
    result.reason = api_->last_error();
  }
  api_->run_free(run);
  api_->program_free(program);
  return result;
}

void Host::on_allocation(void* self, const fabric_allocation* event) {
  Host* host = static_cast<Host*>(self);
  const std::lock_guard lock(host->profile_mutex_);
  if (host->profile_.size() >= kProfileEventsMax) return;
  host->profile_.push_back(
      {event->is_free != 0, event->label, event->bytes, event->run_id, event->sequence});
}

std::vector<AllocationLine> Host::drain_profile() {
  const std::lock_guard lock(profile_mutex_);
  return std::exchange(profile_, {});
}

}  // namespace plugin
