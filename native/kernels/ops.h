// The acceptance rule of each op, by name: one predicate for the tuned kernel and the reference.
// True when counts, dtypes, shapes and attributes are those of the specification.

#pragma once

#include "kernels/accepts.h"

namespace kernels::rule {

inline constexpr Dtype f32 = Dtype::f32;
inline constexpr Dtype s8 = Dtype::s8;
inline constexpr Dtype s32 = Dtype::s32;

// K of a product of bytes, so that its sum is exact in 32 bits.
inline constexpr uint64_t kDepthMaxS8 = 65536;
inline constexpr uint32_t kAttentionDepthMax = 512;
inline constexpr int64_t kClassesMax = int64_t{1} << 24;

inline bool matmul_f32(const Call& c) { return takes(c, 2, 0, f32, f32) && accepts_matmul(c); }
inline bool matmul_s8(const Call& c) {
  return takes(c, 2, 0, s8, s32) && accepts_matmul(c) && c.args[0].shape.dims[1] <= kDepthMaxS8;
}
inline bool bmm_f32(const Call& c) {
  const Shape& a = c.args[0].shape;
  const Shape& b = c.args[1].shape;
  const Shape& y = c.out.shape;
  return takes(c, 2, 0, f32, f32) && a.rank == 3 && b.rank == 3 && y.rank == 3 &&
         a.dims[0] == b.dims[0] && a.dims[2] == b.dims[2] && y.dims[0] == a.dims[0] &&
         y.dims[1] == a.dims[1] && y.dims[2] == b.dims[1];
}
inline bool conv2d_f32(const Call& c) { return takes(c, 2, 9, f32, f32) && accepts_conv2d(c); }
inline bool conv2d_s8(const Call& c) {
  const Shape& w = c.args[1].shape;
  return takes(c, 2, 9, s8, s32) && accepts_conv2d(c) && w.elements() / w.dims[0] <= kDepthMaxS8;
}

// Attributes: scale, causal.
inline bool attention_f32(const Call& c) {
  const Shape& q = c.args[0].shape;
  const Shape& k = c.args[1].shape;
  const Shape& v = c.args[2].shape;
  const Shape& y = c.out.shape;
  return takes(c, 3, 2, f32, f32) && q.rank == 3 && k.rank == 3 && v.rank == 3 && y.rank == 3 &&
         k.dims[0] == q.dims[0] && v.dims[0] == q.dims[0] && y.dims[0] == q.dims[0] &&
         k.dims[2] == q.dims[2] && v.dims[1] == k.dims[1] && y.dims[1] == q.dims[1] &&
         y.dims[2] == v.dims[2] && q.dims[2] <= kAttentionDepthMax && finite(c.attrs[0]) &&
         between(c.integer(1), 0, 1) && (c.attrs[1] == 0 || k.dims[1] >= q.dims[1]);
}
inline bool mask_causal_f32(const Call& c) {
  const Shape& a = c.args[0].shape;
  return takes(c, 1, 0, f32, f32) && accepts_same(c) && a.rank >= 2 &&
         a.last() >= a.dims[a.rank - 2];
}
inline bool rope_f32(const Call& c) {
  const Shape& x = c.args[0].shape;
  if (!takes(c, 3, 0, f32, f32) || !c.out.shape.same_dims(x) || x.rank < 2) return false;
  const Shape& cosines = c.args[1].shape;
  return x.last() % 2 == 0 && cosines.rank == 2 && cosines.dims[0] == x.dims[x.rank - 2] &&
         cosines.dims[1] == x.last() / 2 && c.args[2].shape.same_dims(cosines);
}

inline bool binary_f32(const Call& c) { return takes(c, 2, 0, f32, f32) && accepts_broadcast(c); }
inline bool binary_s32(const Call& c) { return takes(c, 2, 0, s32, s32) && accepts_broadcast(c); }
inline bool unary_f32(const Call& c) { return takes(c, 1, 0, f32, f32) && accepts_same(c); }
inline bool relu_s8(const Call& c) { return takes(c, 1, 0, s8, s8) && accepts_same(c); }
inline bool relu_grad_f32(const Call& c) { return takes(c, 2, 0, f32, f32) && accepts_same(c); }
inline bool select_f32(const Call& c) { return takes(c, 3, 0, f32, f32) && accepts_same(c); }
inline bool scale_f32(const Call& c) {
  return takes(c, 1, 1, f32, f32) && accepts_same(c) && finite(c.attrs[0]);
}
inline bool shift_f32(const Call& c) { return scale_f32(c); }
inline bool axpy_f32(const Call& c) {
  return takes(c, 2, 1, f32, f32) && accepts_same(c) && finite(c.attrs[0]);
}
inline bool sgd_f32(const Call& c) { return axpy_f32(c); }
inline bool clip_f32(const Call& c) {
  return takes(c, 1, 2, f32, f32) && accepts_same(c) && finite(c.attrs[0]) && finite(c.attrs[1]);
}

inline bool requantise(const Call& c) {
  return takes(c, 1, 3, s32, s8) && accepts_same(c) && between(c.integer(0), 1, 0x7fffffff) &&
         between(c.integer(1), 1, 62) && between(c.integer(2), -128, 127);
}
inline bool quantise_f32(const Call& c) {
  return takes(c, 1, 2, f32, s8) && accepts_same(c) && positive(c.attrs[0]) &&
         between(c.integer(1), -128, 127);
}
inline bool dequantise_s8(const Call& c) {
  return takes(c, 1, 2, s8, f32) && accepts_same(c) && positive(c.attrs[0]) &&
         between(c.integer(1), -128, 127);
}
inline bool dequantise_s32(const Call& c) {
  return takes(c, 1, 1, s32, f32) && accepts_same(c) && positive(c.attrs[0]);
}
inline bool widen_s8(const Call& c) { return takes(c, 1, 0, s8, s32) && accepts_same(c); }
inline bool truncate_f32(const Call& c) { return takes(c, 1, 0, f32, s32) && accepts_same(c); }

inline bool softmax_f32(const Call& c) { return unary_f32(c); }
inline bool argmax_f32(const Call& c) { return takes(c, 1, 0, f32, s32) && accepts_drop_last(c); }
inline bool argmax_s32(const Call& c) { return takes(c, 1, 0, s32, s32) && accepts_drop_last(c); }
inline bool argmax_s8(const Call& c) { return takes(c, 1, 0, s8, s32) && accepts_drop_last(c); }
inline bool drop_last_f32(const Call& c) {
  return takes(c, 1, 0, f32, f32) && accepts_drop_last(c);
}
inline bool sum_rows_f32(const Call& c) {
  const Shape& a = c.args[0].shape;
  return takes(c, 1, 0, f32, f32) && a.rank == 2 && is_vector(c.out.shape, a.dims[1]);
}
// Attribute: eps.
inline bool layernorm_f32(const Call& c) {
  const Shape& x = c.args[0].shape;
  return takes(c, 3, 1, f32, f32) && c.out.shape.same_dims(x) &&
         is_vector(c.args[1].shape, x.last()) && is_vector(c.args[2].shape, x.last()) &&
         finite(c.attrs[0]);
}
inline bool rmsnorm_f32(const Call& c) {
  const Shape& x = c.args[0].shape;
  return takes(c, 2, 1, f32, f32) && c.out.shape.same_dims(x) &&
         is_vector(c.args[1].shape, x.last()) && finite(c.attrs[0]);
}

inline bool maxpool2d_f32(const Call& c) {
  return takes(c, 1, 8, f32, f32) && accepts_pool(c, c.args[0].shape, c.out.shape);
}
// The ninth attribute: whether the pads are counted.
inline bool avgpool2d_f32(const Call& c) {
  return takes(c, 1, 9, f32, f32) && accepts_pool(c, c.args[0].shape, c.out.shape) &&
         between(c.integer(8), 0, 1);
}
inline bool maxpool2d_grad_f32(const Call& c) {
  return takes(c, 2, 8, f32, f32) && c.out.shape.same_dims(c.args[0].shape) &&
         accepts_pool(c, c.args[0].shape, c.args[1].shape);
}

inline bool transpose_f32(const Call& c) {
  return takes(c, 1, 0, f32, f32) && accepts_transpose(c);
}
inline bool transpose_s8(const Call& c) { return takes(c, 1, 0, s8, s8) && accepts_transpose(c); }
inline bool permute_f32(const Call& c) { return takes(c, 1, 8, f32, f32) && accepts_permute(c); }
inline bool permute_s8(const Call& c) { return takes(c, 1, 8, s8, s8) && accepts_permute(c); }
inline bool permute_s32(const Call& c) { return takes(c, 1, 8, s32, s32) && accepts_permute(c); }
inline bool reshape_f32(const Call& c) { return takes(c, 1, 8, f32, f32) && accepts_reshape(c); }
inline bool reshape_s8(const Call& c) { return takes(c, 1, 8, s8, s8) && accepts_reshape(c); }
inline bool reshape_s32(const Call& c) { return takes(c, 1, 8, s32, s32) && accepts_reshape(c); }
inline bool expand_f32(const Call& c) { return takes(c, 1, 8, f32, f32) && accepts_expand(c); }
inline bool slice_f32(const Call& c) { return takes(c, 1, 16, f32, f32) && accepts_slice(c); }
inline bool slice_s8(const Call& c) { return takes(c, 1, 16, s8, s8) && accepts_slice(c); }
inline bool slice_s32(const Call& c) { return takes(c, 1, 16, s32, s32) && accepts_slice(c); }
inline bool pad_f32(const Call& c) { return takes(c, 1, 16, f32, f32) && accepts_pad(c); }
inline bool concat_f32(const Call& c) { return takes(c, 2, 1, f32, f32) && accepts_concat(c); }
inline bool concat_s8(const Call& c) { return takes(c, 2, 1, s8, s8) && accepts_concat(c); }
inline bool gather_f32(const Call& c) {
  return counts(c, 2, 0) && c.args[0].shape.dtype == f32 && c.args[1].shape.dtype == s32 &&
         c.out.shape.dtype == f32 && accepts_gather(c);
}
// Attribute: classes.
inline bool one_hot_f32(const Call& c) {
  const Shape& y = c.out.shape;
  return takes(c, 1, 1, s32, f32) && between(c.integer(0), 1, kClassesMax) &&
         y.rank == c.args[0].shape.rank + 1 && y.last() == c.attrs[0] &&
         dropped_last(y).same_dims(c.args[0].shape);
}
inline bool flip_f32(const Call& c) {
  if (!takes(c, 1, 8, f32, f32) || !accepts_same(c)) return false;
  for (uint32_t axis = 0; axis < tensor::kRankMax; axis++) {
    if (c.attrs[axis] > (axis < c.out.shape.rank ? 1u : 0u)) return false;
  }
  return true;
}
// Attributes: stride h, w.
inline bool dilate2d_f32(const Call& c) {
  const Shape& x = c.args[0].shape;
  const Shape& y = c.out.shape;
  return takes(c, 1, 2, f32, f32) && x.rank == 4 && y.rank == 4 && all_between(c, 0, 2, 1, 65535) &&
         y.dims[0] == x.dims[0] && y.dims[3] == x.dims[3] &&
         y.dims[1] == (uint64_t{x.dims[1]} - 1) * c.attrs[0] + 1 &&
         y.dims[2] == (uint64_t{x.dims[2]} - 1) * c.attrs[1] + 1;
}

}  // namespace kernels::rule
