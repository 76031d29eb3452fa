// What a fabric must leave alone in the process that carries it, read off so that a change shows.

#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace plugin {

// How each signal is answered: handler and flags, by number.
class SignalTable {
 public:
  static SignalTable now();
  // The first signal that is answered differently in `later`, or 0.
  int first_change(const SignalTable& later) const;

 private:
  std::vector<std::pair<uintptr_t, int>> answers_;
};

// Of this process; -1 where the system does not tell.
int64_t open_descriptors();
int64_t running_threads();

// Rounding, flushing and exception masks of this thread, as the machine holds them.
uint64_t float_mode();
void set_float_mode(uint64_t mode);

}  // namespace plugin
