// A thread pool of our own: kernels never run on the event loop's threads.
//
// `run` cuts [0, count) into slabs and calls `work(first, last)` for each, the calling thread
// included. Which thread takes a slab is not fixed; a slab's result must not depend on it.
//
// A thread that has run out of work looks for more for some microseconds before it sleeps, because
// the steps of a kernel follow each other closely.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace runtime {

inline constexpr unsigned kThreadsMax = 256;

class Pool {
 public:
  using Work = std::function<void(size_t first, size_t last)>;
  // `thread` is below `threads()`, and no two calls at the same moment have the same.
  using NumberedWork = std::function<void(size_t first, size_t last, unsigned thread)>;

  // `threads` counts the caller; 0 means one for each core.
  explicit Pool(unsigned threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

  // Returns false when `cancel` became true before the last slab was taken. One run at a time.
  bool run(size_t count, size_t slab, const std::atomic<bool>& cancel, const Work& work);
  bool run_numbered(size_t count, size_t slab, const std::atomic<bool>& cancel,
                    const NumberedWork& work);

 private:
  void serve(unsigned thread);
  void drain(unsigned thread);
  bool woken(size_t seen) const;

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::atomic<size_t> generation_{0};
  std::atomic<size_t> busy_{0};
  std::atomic<bool> stop_{false};

  std::atomic<size_t> next_{0};
  size_t count_ = 0;
  size_t slab_ = 1;
  const std::atomic<bool>* cancel_ = nullptr;
  const NumberedWork* work_ = nullptr;
};

}  // namespace runtime
