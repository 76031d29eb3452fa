// The shape rules of the ops, shared by the tuned kernels and the reference.
//
// Source: docs/reference/numerics.md, section 6.

#pragma once

#include "kernels/kernel.h"

namespace kernels {

inline bool counts(const Call& call, uint32_t args, uint32_t attrs) {
  return call.arg_count == args && call.attr_count == attrs;
}

inline bool dtypes(const Call& call, tensor::Dtype args, tensor::Dtype out) {
  for (uint32_t i = 0; i < call.arg_count; i++) {
    if (call.args[i].shape.dtype != args) return false;
  }
  return call.out.shape.dtype == out;
}

// A finite f32 in the low half, nothing in the high half; `positive` means at least 2^-103.
inline bool finite(uint64_t attr, bool positive) {
  if (attr >> 32 != 0) return false;
  const uint32_t magnitude = static_cast<uint32_t>(attr) & 0x7fffffffu;
  if (magnitude >= 0x7f800000u) return false;
  return !positive || (magnitude == attr && magnitude >= 0x0c000000u);
}

inline bool between(int64_t value, int64_t low, int64_t high) {
  return value >= low && value <= high;
}

inline bool accepts_matmul(const Call& call, tensor::Dtype in, tensor::Dtype out) {
  if (!counts(call, 2, 0) || !dtypes(call, in, out)) return false;
  const tensor::Shape& a = call.args[0].shape;
  const tensor::Shape& b = call.args[1].shape;
  const tensor::Shape& y = call.out.shape;
  return a.rank == 2 && b.rank == 2 && y.rank == 2 && a.dims[1] == b.dims[1] &&
         y.dims[0] == a.dims[0] && y.dims[1] == b.dims[0];
}

// Same shape, a row over the last axis, or one element.
inline bool accepts_broadcast(const Call& call, tensor::Dtype dtype) {
  if (!counts(call, 2, 0) || !dtypes(call, dtype, dtype)) return false;
  const tensor::Shape& a = call.args[0].shape;
  const tensor::Shape& b = call.args[1].shape;
  if (!call.out.shape.same_dims(a)) return false;
  return b.same_dims(a) || (b.rank == 1 && (b.dims[0] == a.last() || b.dims[0] == 1));
}

inline bool accepts_map(const Call& call, uint32_t attrs, tensor::Dtype in, tensor::Dtype out) {
  return counts(call, 1, attrs) && dtypes(call, in, out) &&
         call.out.shape.same_dims(call.args[0].shape);
}

inline bool accepts_pair(const Call& call, uint32_t attrs) {
  return counts(call, 2, attrs) && dtypes(call, tensor::Dtype::f32, tensor::Dtype::f32) &&
         call.args[1].shape.same_dims(call.args[0].shape) &&
         call.out.shape.same_dims(call.args[0].shape);
}

// The last axis is dropped; a vector gives one element.
inline bool accepts_drop_last(const Call& call, tensor::Dtype in, tensor::Dtype out) {
  if (!counts(call, 1, 0) || !dtypes(call, in, out)) return false;
  tensor::Shape expected = call.args[0].shape;
  if (expected.rank == 1) {
    expected.dims[0] = 1;
  } else {
    expected.rank--;
  }
  return call.out.shape.same_dims(expected);
}

inline bool accepts_transpose(const Call& call, tensor::Dtype dtype) {
  if (!counts(call, 1, 0) || !dtypes(call, dtype, dtype)) return false;
  const tensor::Shape& a = call.args[0].shape;
  const tensor::Shape& y = call.out.shape;
  return a.rank == 2 && y.rank == 2 && a.dims[0] == y.dims[1] && a.dims[1] == y.dims[0];
}

inline bool accepts_sum_rows(const Call& call) {
  if (!counts(call, 1, 0) || !dtypes(call, tensor::Dtype::f32, tensor::Dtype::f32)) return false;
  const tensor::Shape& a = call.args[0].shape;
  return a.rank == 2 && call.out.shape.rank == 1 && call.out.shape.dims[0] == a.dims[1];
}

}  // namespace kernels
