// What a kernel is: the shapes it takes, how many independent units of work a call has, and the
// loop that does some of them.
//
// Units of one call may run in any order and on any thread, and write disjoint elements. The
// checks stand here once more, although the node has made them: a fabric trusts no table.

#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/tensor.h"

namespace kernels {

inline constexpr uint32_t kArgsMax = 8;
inline constexpr uint32_t kAttrsMax = 16;

struct Call {
  uint32_t arg_count = 0;
  uint32_t attr_count = 0;
  tensor::View args[kArgsMax];
  uint64_t attrs[kAttrsMax] = {};
  tensor::Target out;

  int64_t integer(uint32_t index) const { return static_cast<int64_t>(attrs[index]); }
  float real(uint32_t index) const {
    const uint32_t low = static_cast<uint32_t>(attrs[index]);
    return __builtin_bit_cast(float, low);
  }
};

// Memory that the steps of one call work in: `shared` by all threads, `own` of the running one.
// Both are aligned to 64 bytes and hold anything, but for the first 64 bytes of `own`, which are
// zero when the call begins.
struct Room {
  uint8_t* shared;
  uint8_t* own;
};
struct RoomBytes {
  size_t shared;
  size_t own;
};

// The work of a kernel that brings its operands into another form before it computes. The units of
// a step may run in any order and on any thread; a step begins when the one before has ended.
struct Steps {
  RoomBytes (*room)(const Call&);
  size_t (*count)(const Call&);
  size_t (*units)(const Call&, size_t step);
  size_t (*slab)(const Call&, size_t step);
  void (*run)(const Call&, const Room&, size_t step, size_t first, size_t last);
};

// Runs through runtime/launch.h, which knows both forms of work.
struct Kernel {
  uint16_t id;
  uint16_t version;
  const char* name;
  // True when dtypes, shapes and attributes are those of the specification.
  bool (*accepts)(const Call&);
  // Work in one step; null where there are `steps`.
  size_t (*units)(const Call&);
  // Units that make a slab worth handing to a thread.
  size_t (*slab)(const Call&);
  void (*run)(const Call&, size_t first, size_t last);
  const Steps* steps = nullptr;
};

// Both sets hold the same ops; null when there is none of this id and version.
const Kernel* find_cpu(uint32_t id, uint32_t version);
const Kernel* find_reference(uint32_t id, uint32_t version);

}  // namespace kernels
