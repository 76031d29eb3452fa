// What the fuzz targets share: a table that is small enough to run, and bytes to run it on.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/op-table.h"

namespace fuzzing {

// Beyond these a run says nothing new and takes long.
inline constexpr uint64_t kTensorBytesMax = 1u << 14;
inline constexpr uint64_t kWorkMax = 1u << 18;

// Elements of the output times those of the widest operand's last axes: above any op's true work.
inline bool is_small(const runtime::Table& table) {
  uint64_t bytes = 0;
  for (const auto& shape : table.values) bytes += shape.bytes();
  if (bytes > kTensorBytesMax) return false;
  uint64_t work = 0;
  for (uint32_t i = 0; i < table.ops.size(); i++) {
    const kernels::Call call = runtime::call_of(table, i);
    uint64_t widest = 1;
    for (uint32_t a = 0; a < call.arg_count; a++) {
      widest = std::max<uint64_t>(widest, call.args[a].shape.elements());
    }
    work += call.out.shape.elements() * widest;
  }
  return work <= kWorkMax;
}

// One buffer for each value; what the input has left over fills them, again and again.
inline std::vector<std::vector<uint8_t>> buffers_for(const runtime::Table& table,
                                                     const uint8_t* data, size_t size) {
  std::vector<std::vector<uint8_t>> all;
  size_t at = 0;
  for (const auto& shape : table.values) {
    all.emplace_back(shape.bytes());
    for (auto& byte : all.back()) byte = size == 0 ? 0 : data[at++ % size];
  }
  return all;
}

}  // namespace fuzzing
