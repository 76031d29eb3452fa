// The ops of one f32 operand whose result depends on one element alone: over 2^32 inputs they can
// be compared completely.

#pragma once

#include <cstring>
#include <vector>

#include "kernels/kernel.h"

namespace unary {

struct Op {
  uint32_t id;
  // Attributes for which the comparison is made.
  std::vector<uint64_t> attrs;
  tensor::Dtype out = tensor::Dtype::f32;
};

inline const std::vector<Op>& ops() {
  static const std::vector<Op> all = {
      {44, {}},
      {45, {}},
      {46, {}},
      {47, {}},
      {48, {}},
      {49, {}},
      {54, {}},
      {55, {}},
      {56, {}},
      {43, {}},
      {40, {}},
      {35, {}, tensor::Dtype::s32},
      {13, {0x3f9d70a4}},
      {18, {0xbdcccccd}},
      {57, {0xbf000000, 0x40200000}},
      {31, {0x3d4ccccd, 3}, tensor::Dtype::s8},
  };
  return all;
}

// A call over `count` inputs at `in`, writing to `out`.
inline kernels::Call call_of(const Op& op, const float* in, void* out, uint32_t count) {
  kernels::Call call;
  call.arg_count = 1;
  call.attr_count = static_cast<uint32_t>(op.attrs.size());
  for (size_t i = 0; i < op.attrs.size(); i++) call.attrs[i] = op.attrs[i];
  call.args[0] = {{tensor::Dtype::f32, 1, {count}}, in};
  call.out = {{op.out, 1, {count}}, out};
  return call;
}

inline constexpr uint32_t kBatch = 1 << 14;

// Compares the two over `count` bit patterns from `first` on by `step`, at most kBatch of them.
// Returns the number of the first pattern whose results differ, or `count`.
inline uint32_t differ(const Op& op, const kernels::Kernel& tuned, const kernels::Kernel& reference,
                       uint64_t first, uint64_t step, uint32_t count) {
  thread_local uint32_t in[kBatch], made[kBatch], expected[kBatch];
  for (uint32_t i = 0; i < count; i++) in[i] = static_cast<uint32_t>(first + i * step);
  const auto* values = reinterpret_cast<const float*>(in);
  tuned.run(call_of(op, values, made, count), 0, count);
  reference.run(call_of(op, values, expected, count), 0, count);
  const size_t width = tensor::width(op.out);
  if (std::memcmp(made, expected, count * width) == 0) return count;
  const auto* left = reinterpret_cast<const uint8_t*>(made);
  const auto* right = reinterpret_cast<const uint8_t*>(expected);
  uint32_t place = 0;
  while (std::memcmp(left + place * width, right + place * width, width) == 0) place++;
  return place;
}

}  // namespace unary
