#include "runtime/pool.h"

#include <algorithm>

namespace runtime {
namespace {

// Looks at a condition before a thread sleeps: some 20 microseconds in all.
constexpr unsigned kLooks = 1000;

void rest() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename Condition>
bool comes_soon(const Condition& condition) {
  for (unsigned look = 0; look < kLooks; look++) {
    if (condition()) return true;
    rest();
  }
  return false;
}

}  // namespace

Pool::Pool(unsigned threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = std::min(threads, kThreadsMax);
  for (unsigned i = 1; i < threads; i++) workers_.emplace_back([this, i] { serve(i); });
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

bool Pool::run(size_t count, size_t slab, const std::atomic<bool>& cancel, const Work& work) {
  return run_numbered(count, slab, cancel,
                      [&work](size_t first, size_t last, unsigned) { work(first, last); });
}

bool Pool::run_numbered(size_t count, size_t slab, const std::atomic<bool>& cancel,
                        const NumberedWork& work) {
  slab = std::max<size_t>(slab, 1);
  // A job of one slab is not worth a wake-up.
  const bool shares = count > slab && !workers_.empty();
  next_.store(0, std::memory_order_relaxed);
  count_ = count;
  slab_ = slab;
  cancel_ = &cancel;
  work_ = &work;
  if (shares) {
    busy_.store(workers_.size(), std::memory_order_relaxed);
    {
      // Under the lock, so that a worker about to sleep does not miss it.
      const std::lock_guard lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
  }
  drain(0);
  if (shares) {
    const auto done = [this] { return busy_.load(std::memory_order_acquire) == 0; };
    if (!comes_soon(done)) {
      std::unique_lock lock(mutex_);
      idle_.wait(lock, done);
    }
  }
  return next_.load(std::memory_order_relaxed) >= count_ && !cancel.load(std::memory_order_relaxed);
}

void Pool::drain(unsigned thread) {
  while (!cancel_->load(std::memory_order_relaxed)) {
    const size_t first = next_.fetch_add(slab_, std::memory_order_relaxed);
    if (first >= count_) return;
    (*work_)(first, std::min(first + slab_, count_), thread);
  }
}

bool Pool::woken(size_t seen) const {
  return stop_.load(std::memory_order_relaxed) ||
         generation_.load(std::memory_order_acquire) != seen;
}

void Pool::serve(unsigned thread) {
  size_t seen = 0;
  for (;;) {
    const auto wanted = [this, seen] { return woken(seen); };
    if (!comes_soon(wanted)) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, wanted);
    }
    if (stop_.load(std::memory_order_relaxed)) return;
    seen = generation_.load(std::memory_order_acquire);
    drain(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      // Under the lock, so that a caller about to sleep does not miss it.
      const std::lock_guard lock(mutex_);
      idle_.notify_all();
    }
  }
}

}  // namespace runtime
