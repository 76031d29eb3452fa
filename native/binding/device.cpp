#include "binding/device.h"

#include <dlfcn.h>

#include <cstddef>

#include "runtime/op-table.h"

namespace binding {
namespace {

constexpr uint64_t kWaitNs = 1'000'000'000;

}  // namespace

std::string Device::open(const std::string& options_json) {
  void* library = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "it cannot be loaded";
  const auto query = reinterpret_cast<fabric_query_fn>(dlsym(library, FABRIC_ENTRY));
  if (query == nullptr) return "it does not export " FABRIC_ENTRY;
  const fabric_api* api = query(FABRIC_MAJOR, FABRIC_MINOR);
  if (api == nullptr || api->major != FABRIC_MAJOR) return "it speaks another version";
  // What every minor version has: all functions up to last_error.
  if (api->struct_size < offsetof(fabric_api, last_error) + sizeof api->last_error) {
    return "functions are missing";
  }
  const fabric_host silent{sizeof silent, 0, nullptr, nullptr, nullptr, nullptr};
  if (api->init(&silent, options_json.c_str()) != FABRIC_OK) return api->last_error();
  fabric_device* device = nullptr;
  uint32_t count = 0;
  if (api->probe(&device, 1, &count) != FABRIC_OK) return api->last_error();
  if (count == 0 || device == nullptr) return "it has no device";
  info_.struct_size = sizeof info_;
  if (api->device_info(device, &info_) != FABRIC_OK) return api->last_error();
  info_.name[sizeof info_.name - 1] = info_.driver[sizeof info_.driver - 1] = 0;
  info_.isa[sizeof info_.isa - 1] = 0;
  api_ = api;
  device_ = device;
  return "";
}

const Device::Buffer* Device::find(uint32_t buffer) const {
  const auto found = buffers_.find(buffer);
  return found == buffers_.end() ? nullptr : &found->second;
}

std::optional<uint32_t> Device::take(uint64_t bytes, const std::string& label) {
  const std::lock_guard lock(turn_);
  fabric_buffer* handle = nullptr;
  if (api_->buffer_alloc(device_, bytes, label.c_str(), 0, &handle) != FABRIC_OK) {
    return std::nullopt;
  }
  // A number is given out once: after 2^32 of them there is no memory any more.
  if (next_buffer_ == 0) {
    api_->buffer_free(handle);
    return std::nullopt;
  }
  buffers_[next_buffer_] = {handle, bytes};
  return next_buffer_++;
}

bool Device::give(uint32_t buffer) {
  const std::lock_guard lock(turn_);
  const Buffer* found = find(buffer);
  if (found == nullptr) return false;
  api_->buffer_free(found->handle);
  buffers_.erase(buffer);
  return true;
}

std::string Device::write(uint32_t buffer, std::span<const uint8_t> bytes) {
  const std::lock_guard lock(turn_);
  const Buffer* found = find(buffer);
  if (found == nullptr || found->bytes != bytes.size()) return "no such buffer of that length";
  const fabric_code code = api_->buffer_write(found->handle, 0, bytes.data(), bytes.size());
  return code == FABRIC_OK ? "" : api_->last_error();
}

std::string Device::read(uint32_t buffer, std::span<uint8_t> bytes) {
  const std::lock_guard lock(turn_);
  const Buffer* found = find(buffer);
  if (found == nullptr || found->bytes != bytes.size()) return "no such buffer of that length";
  const fabric_code code = api_->buffer_read(found->handle, 0, bytes.data(), bytes.size());
  return code == FABRIC_OK ? "" : api_->last_error();
}

std::string Device::compiled(std::span<const uint8_t> table, fabric_program** out) {
  const std::string key(table.begin(), table.end());
  const auto known = programs_.find(key);
  if (known != programs_.end()) {
    *out = known->second;
    return "";
  }
  if (api_->compile(device_, table.data(), table.size(), out) != FABRIC_OK) {
    return api_->last_error();
  }
  if (programs_.size() >= kProgramsMax) {
    for (const auto& [_, program] : programs_) api_->program_free(program);
    programs_.clear();
  }
  programs_[key] = *out;
  return "";
}

std::string Device::run(std::span<const uint8_t> bytes, const std::vector<uint32_t>& numbers) {
  runtime::Table table;
  if (const char* reason = runtime::parse_table(bytes, table)) return reason;
  if (numbers.size() != table.values.size())
    return "the number of buffers is not that of the table";
  const std::lock_guard lock(turn_);
  std::vector<fabric_buffer*> buffers;
  for (size_t i = 0; i < numbers.size(); i++) {
    const Buffer* found = find(numbers[i]);
    if (found == nullptr || found->bytes != table.values[i].bytes()) {
      return "a buffer does not have the size of its value";
    }
    for (size_t j = 0; i >= table.given() && j < i; j++) {
      if (numbers[i] == numbers[j]) return "an output lies in the memory of another value";
    }
    buffers.push_back(found->handle);
  }
  fabric_program* program = nullptr;
  if (std::string reason = compiled(bytes, &program); !reason.empty()) return reason;
  fabric_run* run = nullptr;
  fabric_code code = api_->run_start(program, next_run_++, buffers.data(), table.given(),
                                     buffers.data() + table.given(),
                                     static_cast<uint32_t>(table.ops.size()), &run);
  if (code != FABRIC_OK) return api_->last_error();
  do {
    code = api_->run_wait(run, kWaitNs);
  } while (code == FABRIC_TIMEOUT);
  const std::string reason = code == FABRIC_OK ? "" : api_->last_error();
  api_->run_free(run);
  return code == FABRIC_OK || !reason.empty() ? reason : "the run did not end well";
}

}  // namespace binding
