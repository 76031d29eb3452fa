// What each run has allocated and released: told to the host as it happens, counted for the
// receipt.

#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/fabric.h"

namespace plugin {

// Counters of the runs whose buffers are alive; older ones are forgotten.
inline constexpr size_t kLedgersMax = 64;

struct AllocationLedger {
  uint64_t run_id = 0;
  uint64_t alloc_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t alloc_count = 0;
  uint64_t free_count = 0;
};

class Allocations {
 public:
  // Copies as much of `host` as it has; null when nobody listens.
  void open(const fabric_host* host);
  void close();

  void note(uint64_t run_id, const std::string& label, uint64_t bytes, bool is_free);
  AllocationLedger of(uint64_t run_id);
  void forget(uint64_t run_id);

  // Words for the host's log.
  void log(int level, const std::string& words);

 private:
  AllocationLedger& ledger(uint64_t run_id);

  std::mutex mutex_;
  fabric_host host_{};
  uint64_t sequence_ = 0;
  std::vector<AllocationLedger> ledgers_;
};

}  // namespace plugin
