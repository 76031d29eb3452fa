#include "plugin/guarded.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

namespace plugin {
namespace {

constexpr size_t kAlignment = 64;
constexpr uint8_t kPattern = 0xa5;

std::mutex all_mutex;

std::set<const Guarded*>& all() {
  static std::set<const Guarded*> living;
  return living;
}

bool is_pattern(const uint8_t* from, size_t bytes) {
  return std::all_of(from, from + bytes, [](uint8_t byte) { return byte == kPattern; });
}

}  // namespace

Guarded::Guarded(size_t bytes) : size_(bytes) {
  const size_t whole = (2 * kGuardBytes + bytes + kAlignment - 1) / kAlignment * kAlignment;
  block_ = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, whole));
  if (block_ == nullptr) return;
  data_ = block_ + kGuardBytes;
  std::memset(block_, kPattern, kGuardBytes);
  std::memset(data_ + bytes, kPattern, kGuardBytes);
  const std::lock_guard lock(all_mutex);
  all().insert(this);
}

Guarded::~Guarded() {
  {
    const std::lock_guard lock(all_mutex);
    all().erase(this);
  }
  std::free(block_);
}

bool Guarded::intact() const {
  return block_ == nullptr ||
         (is_pattern(block_, kGuardBytes) && is_pattern(data_ + size_, kGuardBytes));
}

bool Guarded::all_intact() {
  const std::lock_guard lock(all_mutex);
  return std::all_of(all().begin(), all().end(),
                     [](const Guarded* each) { return each->intact(); });
}

}  // namespace plugin
