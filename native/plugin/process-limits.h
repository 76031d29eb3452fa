// What this process may take from its machine: set once, before a fabric is loaded into it.
//
// Limits catch faults, and bound what an attack costs; they are no vault. A fabric still reads what
// its user reads. Source: docs/reference/fabric.md, section 9.

#pragma once

#include <cstdint>
#include <string>

namespace plugin {

struct ProcessLimits {
  // Private writable memory; 0 for no limit.
  uint64_t memory_bytes = 0;
  // Largest file it may write; 0 for no limit.
  uint64_t file_bytes = 0;
  // Open descriptors; 0 for no limit.
  uint64_t descriptors = 0;
  // Without processes of its own, without sockets, and without signals to others.
  bool alone = false;
  // The process that must not be outlived; 0 for none.
  int64_t parent = 0;
};

// Sets what the system knows of. Returns the names of those that could not be set, with commas.
std::string limit_process(const ProcessLimits& limits);

// From now on the process may use so much processor time, 0 for any; then it ends by SIGXCPU.
void limit_cpu(uint64_t seconds);

}  // namespace plugin
