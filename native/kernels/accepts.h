// What the rules of all ops are made of: counts, dtypes, bounds of attributes, shapes.
//
// A fabric trusts no table. Every predicate takes a call whose shapes may be anything; `counts`
// comes first in each rule and answers for soundness, so that what follows may read `last()`, and
// products of dimensions fit 64 bits. Attributes are u64 words of any value.
//
// Source: docs/reference/numerics.md, sections 5 and 6.

#pragma once

#include "kernels/kernel.h"

namespace kernels {

using tensor::Dtype;
using tensor::Shape;

// So many operands and attributes, and every shape sound.
inline bool counts(const Call& call, uint32_t args, uint32_t attrs) {
  if (call.arg_count != args || call.attr_count != attrs || !call.out.shape.sound()) return false;
  for (uint32_t i = 0; i < args; i++) {
    if (!call.args[i].shape.sound()) return false;
  }
  return true;
}

inline bool dtypes(const Call& call, Dtype args, Dtype out) {
  for (uint32_t i = 0; i < call.arg_count; i++) {
    if (call.args[i].shape.dtype != args) return false;
  }
  return call.out.shape.dtype == out;
}

// `counts` and `dtypes` in one, for ops whose operands have one dtype.
inline bool takes(const Call& call, uint32_t args, uint32_t attrs, Dtype in, Dtype out) {
  return counts(call, args, attrs) && dtypes(call, in, out);
}

// A finite f32 in the low half, nothing in the high half.
inline bool finite(uint64_t attr) {
  return attr >> 32 == 0 && (static_cast<uint32_t>(attr) & 0x7fffffffu) < 0x7f800000u;
}

// A finite f32 of at least 2^-103.
inline bool positive(uint64_t attr) {
  return finite(attr) && attr >> 31 == 0 && attr >= 0x0c000000u;
}

inline bool between(int64_t value, int64_t low, int64_t high) {
  return value >= low && value <= high;
}

// Attributes first .. first + count - 1 lie in [low, high].
inline bool all_between(const Call& call, uint32_t first, uint32_t count, int64_t low,
                        int64_t high) {
  for (uint32_t i = first; i < first + count; i++) {
    if (!between(call.integer(i), low, high)) return false;
  }
  return true;
}

// a with its last axis dropped; a vector gives one element.
inline Shape dropped_last(Shape a) {
  if (a.rank > 1) {
    a.rank--;
  } else {
    a.dims[0] = 1;
  }
  return a;
}

inline bool is_vector(const Shape& shape, uint32_t length) {
  return shape.rank == 1 && shape.dims[0] == length;
}

inline bool accepts_matmul(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& b = call.args[1].shape;
  const Shape& y = call.out.shape;
  return a.rank == 2 && b.rank == 2 && y.rank == 2 && a.dims[1] == b.dims[1] &&
         y.dims[0] == a.dims[0] && y.dims[1] == b.dims[0];
}

// The second operand has the shape of the first, or is a row over the last axis, or one element.
inline bool accepts_broadcast(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& b = call.args[1].shape;
  if (!call.out.shape.same_dims(a)) return false;
  return b.same_dims(a) || is_vector(b, a.last()) || is_vector(b, 1);
}

// All operands and the output have one shape.
inline bool accepts_same(const Call& call) {
  for (uint32_t i = 0; i < call.arg_count; i++) {
    if (!call.args[i].shape.same_dims(call.out.shape)) return false;
  }
  return true;
}

inline bool accepts_drop_last(const Call& call) {
  return call.out.shape.same_dims(dropped_last(call.args[0].shape));
}

inline bool accepts_transpose(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  return a.rank == 2 && y.rank == 2 && a.dims[0] == y.dims[1] && a.dims[1] == y.dims[0];
}

// Steps of a window of `extent` over `size` elements with `pads` around them, by `stride`; 0 when
// the window is larger. All within 2^48.
inline int64_t window_steps(int64_t size, int64_t pads, int64_t extent, int64_t stride) {
  return extent > size + pads ? 0 : (size + pads - extent) / stride + 1;
}

// Attributes: stride h, w; pad top, left, bottom, right; dilation h, w; groups.
inline bool accepts_conv2d(const Call& call) {
  const Shape& x = call.args[0].shape;
  const Shape& w = call.args[1].shape;
  const Shape& y = call.out.shape;
  if (x.rank != 4 || w.rank != 4 || y.rank != 4) return false;
  if (!all_between(call, 0, 2, 1, 65535) || !all_between(call, 2, 4, 0, 65535) ||
      !all_between(call, 6, 3, 1, 65535)) {
    return false;
  }
  const int64_t groups = call.integer(8);
  if (x.dims[3] % groups != 0 || w.dims[0] % groups != 0 || x.dims[3] / groups != w.dims[3]) {
    return false;
  }
  const int64_t eh = call.integer(6) * (int64_t{w.dims[1]} - 1) + 1;
  const int64_t ew = call.integer(7) * (int64_t{w.dims[2]} - 1) + 1;
  return y.dims[0] == x.dims[0] && y.dims[3] == w.dims[0] &&
         y.dims[1] ==
             window_steps(x.dims[1], call.integer(2) + call.integer(4), eh, call.integer(0)) &&
         y.dims[2] ==
             window_steps(x.dims[2], call.integer(3) + call.integer(5), ew, call.integer(1));
}

// x -> y by a window. Attributes: kernel h, w; stride h, w; pad top, left, bottom, right.
inline bool accepts_pool(const Call& call, const Shape& x, const Shape& y) {
  if (x.rank != 4 || y.rank != 4 || !all_between(call, 0, 4, 1, 65535)) return false;
  for (uint32_t pad = 4; pad < 8; pad++) {
    if (!between(call.integer(pad), 0, call.integer(pad % 2) - 1)) return false;
  }
  return y.dims[0] == x.dims[0] && y.dims[3] == x.dims[3] &&
         y.dims[1] == window_steps(x.dims[1], call.integer(4) + call.integer(6), call.integer(0),
                                   call.integer(2)) &&
         y.dims[2] == window_steps(x.dims[2], call.integer(5) + call.integer(7), call.integer(1),
                                   call.integer(3));
}

// Axis i of the output is axis p_i of a; p_i = i beyond the rank.
inline bool accepts_permute(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  if (y.rank != a.rank) return false;
  uint32_t seen = 0;
  for (uint32_t axis = 0; axis < tensor::kRankMax; axis++) {
    const uint64_t from = call.attrs[axis];
    if (axis >= a.rank ? from != axis : from >= a.rank) return false;
    if (axis < a.rank && y.dims[axis] != a.dims[from]) return false;
    seen |= 1u << from;
  }
  return seen == (1u << tensor::kRankMax) - 1;
}

// The attributes are the dimensions of the output, then zeros.
inline bool names_output(const Call& call) {
  for (uint32_t axis = 0; axis < tensor::kRankMax; axis++) {
    const uint64_t expected = axis < call.out.shape.rank ? call.out.shape.dims[axis] : 0;
    if (call.attrs[axis] != expected) return false;
  }
  return true;
}

inline bool accepts_reshape(const Call& call) {
  return names_output(call) && call.args[0].shape.elements() == call.out.shape.elements();
}

// Aligned with the last axes; each axis is that of the output or 1.
inline bool accepts_expand(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  if (!names_output(call) || a.rank > y.rank) return false;
  for (uint32_t axis = 0; axis < a.rank; axis++) {
    const uint32_t wanted = y.dims[axis + y.rank - a.rank];
    if (a.dims[axis] != wanted && a.dims[axis] != 1) return false;
  }
  return true;
}

// Attributes: start of each axis, then size of each axis; both 0 beyond the rank.
inline bool accepts_slice(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  if (y.rank != a.rank) return false;
  for (uint32_t axis = 0; axis < tensor::kRankMax; axis++) {
    const uint64_t start = call.attrs[axis];
    const uint64_t size = call.attrs[axis + tensor::kRankMax];
    if (axis >= a.rank ? start != 0 || size != 0 : size != y.dims[axis]) return false;
    if (axis < a.rank && (size > a.dims[axis] || start > a.dims[axis] - size)) return false;
  }
  return true;
}

// Attributes: zeros before each axis, then after each axis; both 0 beyond the rank.
inline bool accepts_pad(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  if (y.rank != a.rank || !all_between(call, 0, 16, 0, int64_t{1} << 24)) return false;
  for (uint32_t axis = 0; axis < tensor::kRankMax; axis++) {
    const uint64_t pads = call.attrs[axis] + call.attrs[axis + tensor::kRankMax];
    if (axis >= a.rank ? pads != 0 : a.dims[axis] + pads != y.dims[axis]) return false;
  }
  return true;
}

// Attribute: the axis along which the second operand follows the first.
inline bool accepts_concat(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& b = call.args[1].shape;
  const Shape& y = call.out.shape;
  if (a.rank != b.rank || y.rank != a.rank || call.attrs[0] >= a.rank) return false;
  for (uint32_t axis = 0; axis < a.rank; axis++) {
    const bool joined = axis == call.attrs[0];
    if (!joined && a.dims[axis] != b.dims[axis]) return false;
    if (y.dims[axis] != uint64_t{a.dims[axis]} + (joined ? b.dims[axis] : 0)) return false;
  }
  return true;
}

// The axes of the index, then those of a row of a.
inline bool accepts_gather(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& index = call.args[1].shape;
  const Shape& y = call.out.shape;
  if (y.rank != a.rank + index.rank - 1) return false;
  for (uint32_t axis = 0; axis < y.rank; axis++) {
    const uint32_t wanted = axis < index.rank ? index.dims[axis] : a.dims[axis - index.rank + 1];
    if (y.dims[axis] != wanted) return false;
  }
  return true;
}

}  // namespace kernels
