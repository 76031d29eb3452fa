// The core of all products: y[m,n] = sum over k of a[m,k] * b[n,k], for each of some batches.
//
// Operands are packed into panels, k outermost, 32 bits wide: one f32, or two or four s8. A tile of
// y is made by one micro-kernel from a panel of a and a panel of b, a chunk of 512 words at a time.
//
//   resident   a fits the second cache: step 0 packs all of a; then a unit is a slice of columns,
//              whose panels of b it packs itself, each once.
//   blocked    for each batch, block of columns and chunk: one step packs the chunk of b, the next
//              makes tiles. A unit there is a block of rows by a slice of columns; a thread packs
//              the block of a and keeps it while its units stay in that block.
//
// Each element of y has its own chain over k, whatever the cut into units: lanes never mix.
//
// Source: docs/reference/numerics.md, ops 1 to 5.

#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"

namespace kernels::gemm {

// How an instruction set multiplies: packers and tiles; gemm-micro.h.
struct Micro;
// The ones of the instruction set in use.
const Micro& reals();
const Micro& bytes();

// The rows of an operand: in memory, or written on demand.
struct Operand {
  const void* data = nullptr;
  // Distances in elements; not used where there is a `gather`.
  size_t row = 0;
  size_t batch = 0;
  // Null, or writes elements [k, k + depth) of a row of a batch.
  void (*gather)(const void* source, size_t batch, size_t row, size_t k, size_t depth,
                 void* to) = nullptr;
  const void* source = nullptr;
};

struct Product {
  const Micro* micro = nullptr;
  size_t batches = 1;
  size_t m = 0;
  size_t n = 0;
  size_t k = 0;
  Operand a;
  Operand b;
  // f32 or s32; distances in elements.
  void* y = nullptr;
  size_t y_row = 0;
  size_t y_batch = 0;
};

RoomBytes room(const Product& product);
size_t count(const Product& product);
size_t units(const Product& product, size_t step);
size_t slab(const Product& product, size_t step);
void run(const Product& product, const Room& room, size_t step, size_t first, size_t last);

// The steps of an op that is a product.
template <Product (*of)(const Call&)>
inline constexpr Steps kSteps = {
    [](const Call& c) { return room(of(c)); },
    [](const Call& c) { return count(of(c)); },
    [](const Call& c, size_t step) { return units(of(c), step); },
    [](const Call& c, size_t step) { return slab(of(c), step); },
    [](const Call& c, const Room& place, size_t step, size_t first, size_t last) {
      run(of(c), place, step, first, last);
    },
};

}  // namespace kernels::gemm
