// A fabric in this process whose memory outlives a run: what tensors compute on.
//
// Jobs never come here; they run in processes of their own (plugin/host.h). Whoever opens a fabric
// for tensors has chosen to load it, and a call returns when it is done.

#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugin/fabric.h"

namespace binding {

// Compiled tables kept; past it all are freed and made again as they are asked for.
inline constexpr size_t kProgramsMax = 1024;

class Device {
 public:
  explicit Device(std::string path) : path_(std::move(path)) {}
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Empty on success, else why there is no such fabric or device.
  std::string open(const std::string& options_json);
  const std::string& path() const { return path_; }
  const fabric_device_info& info() const { return info_; }

  // Memory there, under a number; nothing when the device has none left.
  std::optional<uint32_t> take(uint64_t bytes, const std::string& label);
  // False when there is no such buffer.
  bool give(uint32_t buffer);

  // Empty on success, else why not. The bytes are those of the whole buffer.
  std::string write(uint32_t buffer, std::span<const uint8_t> bytes);
  std::string read(uint32_t buffer, std::span<uint8_t> bytes);

  // One buffer for each value of the table: inputs, weights, op outputs.
  std::string run(std::span<const uint8_t> table, const std::vector<uint32_t>& buffers);

 private:
  struct Buffer {
    fabric_buffer* handle;
    uint64_t bytes;
  };

  const Buffer* find(uint32_t buffer) const;
  std::string compiled(std::span<const uint8_t> table, fabric_program** out);

  const std::string path_;
  std::mutex turn_;
  const fabric_api* api_ = nullptr;
  fabric_device* device_ = nullptr;
  fabric_device_info info_{};
  uint32_t next_buffer_ = 1;
  uint64_t next_run_ = 1;
  std::map<uint32_t, Buffer> buffers_;
  std::map<std::string, fabric_program*> programs_;
};

}  // namespace binding
