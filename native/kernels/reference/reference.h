// The reference, by family: every op as the scalar loop of docs/reference/numerics.md.
//
// Slow and plain on purpose. A tuned kernel is right when its bytes equal these. A unit is one
// element of the output, or one row where the loop makes a whole row.

#pragma once

#include <span>

#include "kernels/kernel.h"

namespace kernels::reference {

// matmul.cpp: products, batched products, convolutions.
std::span<const Kernel> products();
// attention.cpp: attention, the causal mask, rotary positions.
std::span<const Kernel> attention();
// elementwise.cpp: one element of each operand gives one of the output.
std::span<const Kernel> elementwise();
// convert.cpp: between integers and reals.
std::span<const Kernel> conversions();
// unary.cpp: the elementary functions.
std::span<const Kernel> unary();
// rows.cpp: over the last axis or the first.
std::span<const Kernel> rows();
// pool.cpp: pooling over windows, and its gradient.
std::span<const Kernel> pooling();
// move.cpp: ops that place elements elsewhere.
std::span<const Kernel> moves();

inline size_t elements(const Call& c) { return c.out.shape.elements(); }
inline size_t out_rows(const Call& c) { return elements(c) / c.out.shape.last(); }
// The loops are not for speed: a slab is what 10 ms of cancellation allow.
inline size_t slab(const Call&) { return 64; }

}  // namespace kernels::reference
