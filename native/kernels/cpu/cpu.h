// The tuned CPU kernels, by file. Each gives the bytes of its reference; `registry.cpp` lists them.

#pragma once

#include <span>

#include "kernels/kernel.h"

namespace kernels::cpu {

extern const Kernel kMatmulF32, kMatmulS8, kBmmF32, kConv2dF32, kConv2dS8;

// elementwise.cpp, unary.cpp, convert.cpp: a unit is one element.
std::span<const Kernel> elementwise();
std::span<const Kernel> unary();
std::span<const Kernel> conversions();
// rows.cpp, softmax.cpp, norm.cpp: a unit is one row.
std::span<const Kernel> reductions();
std::span<const Kernel> softmax();
std::span<const Kernel> norms();
// attention.cpp: a unit is a block of queries.
std::span<const Kernel> attentions();
// permute.cpp, move.cpp, gather.cpp: elements placed elsewhere.
std::span<const Kernel> permutes();
std::span<const Kernel> moves();
std::span<const Kernel> gathers();
// rope.cpp: a unit is one row. pool2d.cpp: a unit is one position.
std::span<const Kernel> positions();
std::span<const Kernel> pools();

inline size_t elements(const Call& c) { return c.out.shape.elements(); }
// Elementwise work worth a thread: about 30 microseconds.
inline size_t element_slab(const Call&) { return 1u << 16; }

// Rows over the last axis of the first operand, and as many of them as make a slab.
inline size_t rows(const Call& c) { return c.args[0].shape.elements() / c.args[0].shape.last(); }
inline size_t row_slab(const Call& c) {
  const size_t count = (1u << 15) / c.args[0].shape.last();
  return count == 0 ? 1 : count;
}

}  // namespace kernels::cpu
