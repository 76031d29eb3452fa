// The flat op table: all that a fabric is told of a program.
//
// The node checks a program and writes this table (src/compute/op-table.ts); nothing downstream
// parses programs. Little-endian, every field at a fixed place, no byte left over:
//
//   u32 magic "BTOT"   u32 version 1   u32 inputs   u32 weights   u32 ops   u32 outputs
//   u32 bytes in all   u32 zero
//   values, inputs first, then weights, then op outputs:  u32 dtype   u32 rank   u32 dims[8]
//   ops:      u16 id   u16 version   u32 args   u32 attrs   u32 zero   u32 arg[8]   u64 attr[16]
//   outputs:  u32 value number
//
// Unused places hold zero. An arg names an earlier value.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel.h"

namespace runtime {

inline constexpr uint32_t kTableMagic = 0x544f5442;
inline constexpr uint32_t kTableVersion = 1;
inline constexpr uint32_t kInputsMax = 16;
inline constexpr uint32_t kWeightsMax = 64;
inline constexpr uint32_t kOpsMax = 4096;
inline constexpr uint32_t kOutputsMax = 16;

struct Op {
  uint16_t id = 0;
  uint16_t version = 0;
  std::vector<uint32_t> args;
  std::vector<uint64_t> attrs;
};

struct Table {
  uint32_t inputs = 0;
  uint32_t weights = 0;
  std::vector<tensor::Shape> values;
  std::vector<Op> ops;
  std::vector<uint32_t> outputs;

  uint32_t given() const { return inputs + weights; }
};

// Null on success, else what is wrong, in words that do not change.
const char* parse_table(std::span<const uint8_t> bytes, Table& table);

// The call of op `index` with shapes and attributes; data pointers are left null.
kernels::Call call_of(const Table& table, uint32_t index);

// The first op that has no tuned kernel taking these shapes, or `ops.size()`.
uint32_t first_unsupported(const Table& table);

}  // namespace runtime
