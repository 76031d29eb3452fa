#include "runtime/launch.h"

#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace runtime {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kLargePageBytes = 2u << 20;
constexpr size_t kClearedBytes = 64;

size_t whole_pages(size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

Workspace::~Workspace() { std::free(data_); }

uint8_t* Workspace::reserve(size_t bytes) {
  if (bytes <= bytes_) return data_;
  std::free(data_);
  const size_t page = bytes < kLargePageBytes ? kPageBytes : kLargePageBytes;
  bytes_ = (bytes + page - 1) / page * page;
  data_ = static_cast<uint8_t*>(std::aligned_alloc(page, bytes_));
  if (data_ == nullptr) bytes_ = 0;
#if defined(MADV_HUGEPAGE)
  // Packed operands are walked from end to end; fewer pages are fewer misses.
  if (data_ != nullptr && page == kLargePageBytes) madvise(data_, bytes_, MADV_HUGEPAGE);
#endif
  return data_;
}

size_t workspace_bytes(const kernels::Kernel& kernel, const kernels::Call& call, unsigned threads) {
  if (kernel.steps == nullptr) return 0;
  const kernels::RoomBytes bytes = kernel.steps->room(call);
  return whole_pages(bytes.shared) + threads * whole_pages(bytes.own);
}

Ending launch(const kernels::Kernel& kernel, const kernels::Call& call, Pool& pool,
              const std::atomic<bool>& cancel, Workspace& workspace) {
  if (kernel.steps == nullptr) {
    const bool whole = pool.run(kernel.units(call), kernel.slab(call), cancel,
                                [&](size_t first, size_t last) { kernel.run(call, first, last); });
    return whole ? Ending::done : Ending::cancelled;
  }
  const kernels::Steps& steps = *kernel.steps;
  const kernels::RoomBytes bytes = steps.room(call);
  uint8_t* shared = workspace.reserve(workspace_bytes(kernel, call, pool.threads()));
  if (shared == nullptr) return Ending::exhausted;
  const size_t own_bytes = whole_pages(bytes.own);
  uint8_t* own = shared + whole_pages(bytes.shared);
  for (unsigned thread = 0; thread < pool.threads() && bytes.own > 0; thread++) {
    std::memset(own + thread * own_bytes, 0, kClearedBytes);
  }
  const size_t count = steps.count(call);
  for (size_t step = 0; step < count; step++) {
    const bool whole =
        pool.run_numbered(steps.units(call, step), steps.slab(call, step), cancel,
                          [&](size_t first, size_t last, unsigned thread) {
                            const kernels::Room room{shared, own + thread * own_bytes};
                            steps.run(call, room, step, first, last);
                          });
    if (!whole) return Ending::cancelled;
  }
  return Ending::done;
}

Ending launch(const kernels::Kernel& kernel, const kernels::Call& call, Pool& pool) {
  const std::atomic<bool> never{false};
  Workspace workspace;
  return launch(kernel, call, pool, never, workspace);
}

}  // namespace runtime
