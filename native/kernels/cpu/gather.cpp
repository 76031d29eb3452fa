// gather_f32, a unit being one index, and one_hot_f32, a unit being one row of the output.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/walk.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

BT_INLINE size_t clamped(int32_t index, size_t count) {
  const int64_t last = static_cast<int64_t>(count) - 1;
  return static_cast<size_t>(index < 0 ? 0 : index < last ? index : last);
}

BT_INLINE void gather_rows_body(const float* a, size_t rows, size_t width, const int32_t* index,
                                float* y, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    move_run(a + clamped(index[i], rows) * width, y + i * width, width);
  }
}
BT_CLONES(void, gather_rows,
          (const float* a, size_t rows, size_t width, const int32_t* index, float* y, size_t first,
           size_t last),
          (a, rows, width, index, y, first, last))

size_t gather_units(const Call& c) { return c.args[1].shape.elements(); }
size_t row_width(const Call& c) { return elements(c) / c.args[1].shape.elements(); }
size_t gather_slab(const Call& c) { return (1u << 15) / row_width(c) + 1; }

void gather_f32(const Call& c, size_t first, size_t last) {
  gather_rows(c.args[0].f32(), c.args[0].shape.dims[0], row_width(c), c.args[1].s32(), c.out.f32(),
              first, last);
}

size_t hot_units(const Call& c) { return c.args[0].shape.elements(); }
size_t hot_slab(const Call& c) { return (1u << 15) / c.out.shape.last() + 1; }

void one_hot_f32(const Call& c, size_t first, size_t last) {
  const size_t classes = c.out.shape.last();
  for (size_t row = first; row < last; row++) {
    float* to = c.out.f32() + row * classes;
    fill_run(0.0f, to, classes);
    to[clamped(c.args[0].s32()[row], classes)] = 1.0f;
  }
}

constexpr Kernel kKernels[] = {
    {113, 1, "gather_f32", rule::gather_f32, gather_units, gather_slab, gather_f32},
    {114, 1, "one_hot_f32", rule::one_hot_f32, hot_units, hot_slab, one_hot_f32},
};

}  // namespace

std::span<const Kernel> gathers() { return kKernels; }

}  // namespace kernels::cpu
