// The acceptance rule of each op, by name: one predicate for the tuned kernel and the reference.

#pragma once

#include "kernels/accepts.h"

namespace kernels::rule {

using tensor::Dtype;

inline bool matmul_f32(const Call& c) { return accepts_matmul(c, Dtype::f32, Dtype::f32); }
inline bool matmul_s8(const Call& c) {
  return accepts_matmul(c, Dtype::s8, Dtype::s32) && c.args[0].shape.dims[1] <= 65536;
}
inline bool binary_f32(const Call& c) { return accepts_broadcast(c, Dtype::f32); }
inline bool add_s32(const Call& c) { return accepts_broadcast(c, Dtype::s32); }
inline bool scale_f32(const Call& c) {
  return accepts_map(c, 1, Dtype::f32, Dtype::f32) && finite(c.attrs[0], false);
}
inline bool requantise(const Call& c) {
  return accepts_map(c, 3, Dtype::s32, Dtype::s8) && between(c.integer(0), 1, 0x7fffffff) &&
         between(c.integer(1), 1, 62) && between(c.integer(2), -128, 127);
}
inline bool quantise_f32(const Call& c) {
  return accepts_map(c, 2, Dtype::f32, Dtype::s8) && finite(c.attrs[0], true) &&
         between(c.integer(1), -128, 127);
}
inline bool dequantise_s8(const Call& c) {
  return accepts_map(c, 2, Dtype::s8, Dtype::f32) && finite(c.attrs[0], true) &&
         between(c.integer(1), -128, 127);
}
inline bool dequantise_s32(const Call& c) {
  return accepts_map(c, 1, Dtype::s32, Dtype::f32) && finite(c.attrs[0], true);
}
inline bool relu_f32(const Call& c) { return accepts_map(c, 0, Dtype::f32, Dtype::f32); }
inline bool relu_s8(const Call& c) { return accepts_map(c, 0, Dtype::s8, Dtype::s8); }
inline bool relu_grad_f32(const Call& c) { return accepts_pair(c, 0); }
inline bool softmax_f32(const Call& c) { return accepts_map(c, 0, Dtype::f32, Dtype::f32); }
inline bool argmax_f32(const Call& c) { return accepts_drop_last(c, Dtype::f32, Dtype::s32); }
inline bool argmax_s32(const Call& c) { return accepts_drop_last(c, Dtype::s32, Dtype::s32); }
inline bool argmax_s8(const Call& c) { return accepts_drop_last(c, Dtype::s8, Dtype::s32); }
inline bool transpose_f32(const Call& c) { return accepts_transpose(c, Dtype::f32); }
inline bool transpose_s8(const Call& c) { return accepts_transpose(c, Dtype::s8); }
inline bool sum_rows_f32(const Call& c) { return accepts_sum_rows(c); }
inline bool sum_last_f32(const Call& c) { return accepts_drop_last(c, Dtype::f32, Dtype::f32); }
inline bool sgd_f32(const Call& c) { return accepts_pair(c, 1) && finite(c.attrs[0], false); }

}  // namespace kernels::rule
