#include "plugin/allocations.h"

#include <algorithm>
#include <cstring>

namespace plugin {

void Allocations::open(const fabric_host* host) {
  const std::lock_guard lock(mutex_);
  host_ = {};
  if (host != nullptr) {
    std::memcpy(&host_, host, std::min<size_t>(host->struct_size, sizeof host_));
  }
}

void Allocations::close() {
  const std::lock_guard lock(mutex_);
  host_ = {};
  ledgers_.clear();
}

// Precondition: the mutex is held.
AllocationLedger& Allocations::ledger(uint64_t run_id) {
  for (auto& found : ledgers_) {
    if (found.run_id == run_id) return found;
  }
  if (ledgers_.size() >= kLedgersMax) ledgers_.erase(ledgers_.begin());
  ledgers_.push_back({});
  ledgers_.back().run_id = run_id;
  return ledgers_.back();
}

void Allocations::note(uint64_t run_id, const std::string& label, uint64_t bytes, bool is_free) {
  const std::lock_guard lock(mutex_);
  AllocationLedger& found = ledger(run_id);
  (is_free ? found.free_bytes : found.alloc_bytes) += bytes;
  (is_free ? found.free_count : found.alloc_count)++;
  if (host_.allocation == nullptr) return;
  const fabric_allocation event{sizeof event, is_free ? 1u : 0u, label.c_str(), bytes,
                                run_id,       ++sequence_};
  host_.allocation(host_.self, &event);
}

AllocationLedger Allocations::of(uint64_t run_id) {
  const std::lock_guard lock(mutex_);
  return ledger(run_id);
}

void Allocations::forget(uint64_t run_id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(ledgers_, [run_id](const auto& found) { return found.run_id == run_id; });
}

void Allocations::log(int level, const std::string& words) {
  const std::lock_guard lock(mutex_);
  if (host_.log != nullptr) host_.log(host_.self, level, words.data(), words.size());
}

}  // namespace plugin
