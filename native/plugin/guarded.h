// Host memory that a fabric may see, between two bands of a known pattern: a write beside it shows.

#pragma once

#include <cstddef>
#include <cstdint>

namespace plugin {

inline constexpr size_t kGuardBytes = 1024;

class Guarded {
 public:
  explicit Guarded(size_t bytes);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // Aligned to 64 bytes; null when there was no memory.
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool intact() const;

  // Whether every one that lives is intact.
  static bool all_intact();

 private:
  uint8_t* block_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace plugin
