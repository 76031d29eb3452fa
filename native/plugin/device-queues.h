// The queues of one device: whoever needs one takes it and gives it back, and it is used again.

#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "plugin/device-driver.h"

namespace device {

// Idle queues that are kept; further ones are closed when they come back.
inline constexpr size_t kQueuesIdleMax = 8;

class Queues;

// A queue on loan; goes back when this goes.
class Loan {
 public:
  Loan() = default;
  Loan(Queues* from, std::unique_ptr<Queue> queue) : from_(from), queue_(std::move(queue)) {}
  Loan(Loan&& other) noexcept = default;
  Loan& operator=(Loan&& other) noexcept;
  ~Loan() { end(); }

  Queue* operator->() const { return queue_.get(); }
  Queue& operator*() const { return *queue_; }
  explicit operator bool() const { return queue_ != nullptr; }
  // A queue on which something failed is closed instead of used again.
  void spoil() { is_spoilt_ = true; }

 private:
  void end();

  Queues* from_ = nullptr;
  std::unique_ptr<Queue> queue_;
  bool is_spoilt_ = false;
};

class Queues {
 public:
  explicit Queues(Driver& driver) : driver_(driver) {}
  Queues(const Queues&) = delete;
  Queues& operator=(const Queues&) = delete;

  // The queue that came back last, or a new one.
  Status acquire(Loan& out);

  size_t idle() const;
  size_t opened() const;

 private:
  friend class Loan;
  void give_back(std::unique_ptr<Queue> queue, bool is_spoilt);

  Driver& driver_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Queue>> idle_;
  size_t opened_ = 0;
};

}  // namespace device
