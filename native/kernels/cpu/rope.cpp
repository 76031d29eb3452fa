// mask_causal_f32 and rope_f32. A unit is one row over the last axis.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::floored;
using numeric::load;
using numeric::store;

BT_INLINE void mask_row_body(const float* a, float* __restrict y, size_t seen, size_t keys) {
  for (size_t j = 0; j < seen; j++) y[j] = store(a[j]);
  for (size_t j = seen; j < keys; j++) y[j] = numeric::from_bits(0xff800000u);
}
BT_CLONES(void, mask_row, (const float* a, float* __restrict y, size_t seen, size_t keys),
          (a, y, seen, keys))

// Number of row `row` within its matrix.
size_t position_of(const Call& c, size_t row) {
  return row % c.out.shape.dims[c.out.shape.rank - 2];
}

void mask_causal_f32(const Call& c, size_t first, size_t last) {
  const size_t keys = c.out.shape.last();
  const size_t hidden = c.out.shape.dims[c.out.shape.rank - 2] - 1;
  for (size_t row = first; row < last; row++) {
    mask_row(c.args[0].f32() + row * keys, c.out.f32() + row * keys,
             position_of(c, row) + keys - hidden, keys);
  }
}

BT_INLINE void rope_row_body(const float* x, const float* cosine, const float* sine,
                             float* __restrict y, size_t half) {
  for (size_t i = 0; i < half; i++) {
    const float left = floored(x[i]);
    const float right = floored(x[i + half]);
    const float c = floored(cosine[i]);
    const float s = floored(sine[i]);
    y[i] = store(numeric::fused(left, c, -load(right * s)));
    y[i + half] = store(numeric::fused(right, c, load(left * s)));
  }
}
BT_CLONES(void, rope_row,
          (const float* x, const float* cosine, const float* sine, float* __restrict y,
           size_t half),
          (x, cosine, sine, y, half))

void rope_f32(const Call& c, size_t first, size_t last) {
  const size_t width = c.out.shape.last();
  for (size_t row = first; row < last; row++) {
    const size_t angles = position_of(c, row) * (width / 2);
    rope_row(c.args[0].f32() + row * width, c.args[1].f32() + angles, c.args[2].f32() + angles,
             c.out.f32() + row * width, width / 2);
  }
}

constexpr Kernel kKernels[] = {
    {8, 1, "mask_causal_f32", rule::mask_causal_f32, rows, row_slab, mask_causal_f32},
    {9, 1, "rope_f32", rule::rope_f32, rows, row_slab, rope_f32},
};

}  // namespace

std::span<const Kernel> positions() { return kKernels; }

}  // namespace kernels::cpu
