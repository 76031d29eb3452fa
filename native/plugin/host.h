// The host's side of fabric.h: loads one shared object, keeps its first device, runs tables on it.
//
// What a fabric says is looked at: allocations are counted here, host memory lies between guards,
// and every word is cut to length. What others wrote is believed even less: its outputs are hashed
// here, and signals must be answered as before.

#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "plugin/fabric.h"
#include "plugin/guarded.h"
#include "plugin/process-facts.h"

namespace plugin {

// Events and lines kept until they are drained; later ones are dropped.
inline constexpr size_t kProfileEventsMax = 65536;
inline constexpr size_t kLinesMax = 256;
// Of any text that a fabric hands over.
inline constexpr size_t kTextMax = 200;
// Of its name and its version, as they stand in receipts and registrations.
inline constexpr size_t kNameMax = 32;

// What went wrong: a code of src/compute/refusals.ts, and what exactly was seen.
struct Fault {
  std::string code;
  std::string detail;

  explicit operator bool() const { return !code.empty(); }
};

struct AllocationLine {
  bool is_free;
  std::string label;
  uint64_t bytes;
  uint64_t run_id;
  uint64_t sequence;
};

struct RunResult {
  fabric_code code = FABRIC_INTERNAL;
  Fault fault;
  std::vector<std::unique_ptr<Guarded>> outputs;
  // Of the outputs, made here: 32 bytes each.
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
  bool asked() const { return asked_; }
  // Between attach and detach a cancel reaches the run.
  void attach(const fabric_api* api, fabric_run* run);
  void detach();

 private:
  std::mutex mutex_;
  const fabric_api* api_ = nullptr;
  fabric_run* run_ = nullptr;
  std::atomic<bool> asked_{false};
};

// The call into the fabric that has not returned yet; null when there is none.
struct Phase {
  const char* name;
  uint64_t since_ns;
};

struct OpenOptions {
  std::string options_json = "{}";
  // Written by others: what it does to the process is looked at too.
  bool foreign = false;
  // Told of each step before it is taken: load, init, probe.
  std::function<void(const char*)> on_step;
};

class Host {
 public:
  // At most once in a process.
  Fault open(const std::string& path, const OpenOptions& options);
  bool is_open() const { return device_ != nullptr; }
  const fabric_device_info& info() const { return info_; }
  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }

  fabric_code supports(std::span<const uint8_t> table, uint32_t* first_op) const;
  fabric_code cost_hint(std::span<const uint8_t> table, fabric_cost* out) const;

  // Blocks until the run has ended. `op_bytes` is the length of each op's output.
  RunResult run(std::span<const uint8_t> table, uint64_t run_id,
                const std::vector<std::span<const uint8_t>>& given,
                const std::vector<uint64_t>& op_bytes, CancelToken& token);

  Phase phase() const;
  std::vector<AllocationLine> drain_profile();
  // What it logged and measured, one line each.
  std::vector<std::string> drain_lines();

 private:
  struct Work;

  Fault load(const std::string& path);
  Fault init(const OpenOptions& options);
  Fault probe(const OpenOptions& options);
  Fault names();
  Fault look_at_process() const;
  void start(Work& work);
  void fetch(Work& work);
  void check_receipt(Work& work);
  static const char* wrong_digest(const Work& work, const fabric_receipt& receipt);
  Fault leak_of(uint64_t run_id);
  std::string last_error() const;

  static void on_log(void* self, int level, const char* message, size_t length);
  static void on_metric(void* self, const char* name, double value);
  static void on_allocation(void* self, const fabric_allocation* event);
  void note(std::string line);

  // As much of the fabric's own table as both sides know; the rest is null.
  fabric_api api_{};
  fabric_device* device_ = nullptr;
  fabric_device_info info_{};
  fabric_host callbacks_{};
  std::string name_;
  std::string version_;
  bool foreign_ = false;
  bool tried_ = false;
  SignalTable signals_;
  mutable std::atomic<const char*> phase_{nullptr};
  mutable std::atomic<uint64_t> phase_ns_{0};

  std::mutex told_mutex_;
  std::vector<AllocationLine> profile_;
  std::map<uint64_t, std::vector<AllocationLine>> living_;
  std::vector<std::string> lines_;
};

}  // namespace plugin
