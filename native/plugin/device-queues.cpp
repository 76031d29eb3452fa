#include "plugin/device-queues.h"

#include <utility>

namespace device {

Loan& Loan::operator=(Loan&& other) noexcept {
  if (this == &other) return *this;
  end();
  from_ = other.from_;
  queue_ = std::move(other.queue_);
  is_spoilt_ = other.is_spoilt_;
  return *this;
}

void Loan::end() {
  if (queue_ != nullptr) from_->give_back(std::move(queue_), is_spoilt_);
}

Status Queues::acquire(Loan& out) {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      out = Loan(this, std::move(idle_.back()));
      idle_.pop_back();
      return {};
    }
  }
  std::unique_ptr<Queue> queue;
  Status status = driver_.open_queue(queue);
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    opened_++;
  }
  out = Loan(this, std::move(queue));
  return {};
}

void Queues::give_back(std::unique_ptr<Queue> queue, bool is_spoilt) {
  const std::lock_guard lock(mutex_);
  if (!is_spoilt && idle_.size() < kQueuesIdleMax) idle_.push_back(std::move(queue));
}

size_t Queues::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

size_t Queues::opened() const {
  const std::lock_guard lock(mutex_);
  return opened_;
}

}  // namespace device
