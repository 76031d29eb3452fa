// Runs one call of a kernel over the pool, in one step or in several.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"
#include "runtime/pool.h"

namespace runtime {

enum class Ending { done, cancelled, exhausted };

// Memory that calls work in one after another; it grows to the largest of them.
class Workspace {
 public:
  Workspace() = default;
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // `bytes` aligned to a page, what they held before being lost; null when memory is exhausted.
  uint8_t* reserve(size_t bytes);

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
};

// Bytes of workspace that a call takes on a pool of so many threads.
size_t workspace_bytes(const kernels::Kernel& kernel, const kernels::Call& call, unsigned threads);

// `exhausted` when there is no memory to work in; the output then holds anything, as it does after
// `cancelled`. Precondition: the kernel accepts the call.
Ending launch(const kernels::Kernel& kernel, const kernels::Call& call, Pool& pool,
              const std::atomic<bool>& cancel, Workspace& workspace);

// With a workspace of its own, to the end.
Ending launch(const kernels::Kernel& kernel, const kernels::Call& call, Pool& pool);

}  // namespace runtime
