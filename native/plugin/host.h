// The host's side of fabric.h: loads one shared object, keeps its first device, runs tables on it.

#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "plugin/fabric.h"

namespace plugin {

// Allocation events kept until they are drained; later ones are counted and dropped.
inline constexpr size_t kProfileEventsMax = 65536;

struct AllocationLine {
  bool is_free;
  std::string label;
  uint64_t bytes;
  uint64_t run_id;
  uint64_t sequence;
};

struct RunResult {
  fabric_code code = FABRIC_INTERNAL;
  std::string reason;
  std::vector<std::vector<uint8_t>> outputs;
  std::vector<uint8_t> op_digests;
  uint8_t output_digest[32] = {};
  uint64_t micros = 0;
  uint64_t alloc_bytes = 0;
  uint64_t free_bytes = 0;
};

// Shared by the thread that waits for a run and whoever wants it to end.
class CancelToken {
 public:
  void cancel();
  // Between attach and detach a cancel reaches the run.
  void attach(const fabric_api* api, fabric_run* run);
  void detach();

 private:
  std::mutex mutex_;
  const fabric_api* api_ = nullptr;
  fabric_run* run_ = nullptr;
  bool asked_ = false;
};

class Host {
 public:
  // Empty on success, else why there is no such fabric or device. At most once in a process.
  std::string open(const std::string& path, const std::string& options_json);
  bool is_open() const { return device_ != nullptr; }
  const fabric_device_info& info() const { return info_; }
  const fabric_api& api() const { return *api_; }

  fabric_code supports(std::span<const uint8_t> table, uint32_t* first_op) const;
  fabric_code cost_hint(std::span<const uint8_t> table, fabric_cost* out) const;

  // Blocks until the run has ended. `op_bytes` is the length of each op's output.
  RunResult run(std::span<const uint8_t> table, uint64_t run_id,
                const std::vector<std::span<const uint8_t>>& given,
                const std::vector<uint64_t>& op_bytes, CancelToken& token) const;

  std::vector<AllocationLine> drain_profile();

 private:
  static void on_allocation(void* self, const fabric_allocation* event);

  const fabric_api* api_ = nullptr;
  fabric_device* device_ = nullptr;
  fabric_device_info info_{};
  fabric_host callbacks_{};
  std::mutex profile_mutex_;
  std::vector<AllocationLine> profile_;
};

}  // namespace plugin
