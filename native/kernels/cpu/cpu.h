// The tuned CPU kernels, by file. Each gives the bytes of its reference; `registry.cpp` lists them.

#pragma once

#include "kernels/kernel.h"

namespace kernels::cpu {

extern const Kernel kMatmulF32, kMatmulS8, kBmmF32;
extern const Kernel kAddF32, kSubF32, kMulF32, kScaleF32, kAddS32;
extern const Kernel kRequantise, kQuantiseF32, kDequantiseS8, kDequantiseS32;
extern const Kernel kReluF32, kReluS8, kReluGradF32, kSgdF32;
extern const Kernel kSoftmaxF32, kSumRowsF32, kSumLastF32;
extern const Kernel kArgmaxF32, kArgmaxS32, kArgmaxS8;
extern const Kernel kTransposeF32, kTransposeS8;

inline size_t elements(const Call& c) { return c.out.shape.elements(); }
// Elementwise work worth a thread: about 30 microseconds.
inline size_t element_slab(const Call&) { return 1u << 16; }

// Rows over the last axis of the first operand, and as many of them as make a slab.
inline size_t rows(const Call& c) { return c.args[0].shape.elements() / c.args[0].shape.last(); }
inline size_t row_slab(const Call& c) {
  const size_t count = (1u << 14) / c.args[0].shape.last();
  return count == 0 ? 1 : count;
}

}  // namespace kernels::cpu
