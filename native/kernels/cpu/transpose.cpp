// transpose of a matrix, in blocks of 32 by 32 that stay in the first cache. A unit is one row of
// blocks of the output.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

constexpr size_t kSide = 32;

size_t units(const Call& c) { return (c.out.shape.dims[0] + kSide - 1) / kSide; }
size_t slab(const Call&) { return 1; }

template <typename T, typename Settle>
void blocks(const T* a, T* y, const Call& c, size_t first, size_t last, Settle settle) {
  const size_t m = c.args[0].shape.dims[0];
  const size_t n = c.args[0].shape.dims[1];
  const size_t end = last * kSide < n ? last * kSide : n;
  for (size_t row = 0; row < m; row += kSide) {
    const size_t row_end = row + kSide < m ? row + kSide : m;
    for (size_t j = first * kSide; j < end; j++) {
      for (size_t i = row; i < row_end; i++) y[j * m + i] = settle(a[i * n + j]);
    }
  }
}

void transpose_f32(const Call& c, size_t first, size_t last) {
  blocks(c.args[0].f32(), c.out.f32(), c, first, last,
         [](float x) { return numeric::store(numeric::load(x)); });
}

void transpose_s8(const Call& c, size_t first, size_t last) {
  blocks(c.args[0].s8(), c.out.s8(), c, first, last, [](int8_t x) { return x; });
}

}  // namespace

extern const Kernel kTransposeF32 = {60,    1,    "transpose_f32", rule::transpose_f32,
                                     units, slab, transpose_f32};
extern const Kernel kTransposeS8 = {61,    1,    "transpose_s8", rule::transpose_s8,
                                    units, slab, transpose_s8};

}  // namespace kernels::cpu
