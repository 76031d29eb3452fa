#include "runtime/pool.h"

#include <algorithm>

namespace runtime {

Pool::Pool(unsigned threads) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = std::min(threads, kThreadsMax);
  for (unsigned i = 1; i < threads; i++) workers_.emplace_back([this] { serve(); });
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

bool Pool::run(size_t count, size_t slab, const std::atomic<bool>& cancel,
               const std::function<void(size_t, size_t)>& work) {
  slab = std::max<size_t>(slab, 1);
  {
    const std::lock_guard lock(mutex_);
    next_ = 0;
    count_ = count;
    slab_ = slab;
    cancel_ = &cancel;
    work_ = &work;
    // A job of one slab is not worth a wake-up.
    if (count > slab && !workers_.empty()) {
      busy_ = workers_.size();
      generation_++;
    }
  }
  if (count > slab) wake_.notify_all();
  drain();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return busy_ == 0; });
  return next_ >= count_ && !cancel.load(std::memory_order_relaxed);
}

void Pool::drain() {
  while (!cancel_->load(std::memory_order_relaxed)) {
    const size_t first = next_.fetch_add(slab_);
    if (first >= count_) return;
    (*work_)(first, std::min(first + slab_, count_));
  }
}

void Pool::serve() {
  size_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
    }
    drain();
    {
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) idle_.notify_all();
    }
  }
}

}  // namespace runtime
