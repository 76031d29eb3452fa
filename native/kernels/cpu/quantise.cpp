// Between integers and reals: requantise, quantise, dequantise. A unit is one element.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

BT_INLINE void requantise_run_body(const int32_t* a, int8_t* y, size_t count, int64_t multiplier,
                                   int64_t shift, int64_t zero) {
  const int64_t half = int64_t{1} << (shift - 1);
  for (size_t i = 0; i < count; i++) {
    const int64_t rounded = (static_cast<int64_t>(a[i]) * multiplier + half) >> shift;
    const int64_t moved = rounded + zero;
    y[i] = static_cast<int8_t>(moved < -128 ? -128 : moved > 127 ? 127 : moved);
  }
}
BT_CLONES(void, requantise_run,
          (const int32_t* a, int8_t* y, size_t count, int64_t multiplier, int64_t shift,
           int64_t zero),
          (a, y, count, multiplier, shift, zero))

void requantise(const Call& c, size_t first, size_t last) {
  requantise_run(c.args[0].s32() + first, c.out.s8() + first, last - first, c.integer(0),
                 c.integer(1), c.integer(2));
}

BT_INLINE void quantise_run_body(const float* a, int8_t* y, size_t count, float scale,
                                 int32_t zero) {
  for (size_t i = 0; i < count; i++) {
    const float q = numeric::load(a[i]) / scale;
    const float low = q < -512.0f ? -512.0f : q;
    const float near = low > 512.0f ? 512.0f : low;
    const int32_t moved = numeric::clamp(numeric::round_half_even(near) + zero, -128, 127);
    y[i] = static_cast<int8_t>(q != q ? 0 : moved);
  }
}
BT_CLONES(void, quantise_run, (const float* a, int8_t* y, size_t count, float scale, int32_t zero),
          (a, y, count, scale, zero))

void quantise_f32(const Call& c, size_t first, size_t last) {
  quantise_run(c.args[0].f32() + first, c.out.s8() + first, last - first, c.real(0),
               static_cast<int32_t>(c.integer(1)));
}

BT_INLINE void dequantise_s8_run_body(const int8_t* a, float* y, size_t count, float scale,
                                      int32_t zero) {
  for (size_t i = 0; i < count; i++) {
    y[i] = numeric::store(static_cast<float>(static_cast<int32_t>(a[i]) - zero) * scale);
  }
}
BT_CLONES(void, dequantise_s8_run,
          (const int8_t* a, float* y, size_t count, float scale, int32_t zero),
          (a, y, count, scale, zero))

void dequantise_s8(const Call& c, size_t first, size_t last) {
  dequantise_s8_run(c.args[0].s8() + first, c.out.f32() + first, last - first, c.real(0),
                    static_cast<int32_t>(c.integer(1)));
}

BT_INLINE void dequantise_s32_run_body(const int32_t* a, float* y, size_t count, float scale) {
  for (size_t i = 0; i < count; i++) y[i] = numeric::store(static_cast<float>(a[i]) * scale);
}
BT_CLONES(void, dequantise_s32_run, (const int32_t* a, float* y, size_t count, float scale),
          (a, y, count, scale))

void dequantise_s32(const Call& c, size_t first, size_t last) {
  dequantise_s32_run(c.args[0].s32() + first, c.out.f32() + first, last - first, c.real(0));
}

}  // namespace

extern const Kernel kRequantise = {
    30, 1, "requantise", rule::requantise, elements, element_slab, requantise};
extern const Kernel kQuantiseF32 = {
    31, 1, "quantise_f32", rule::quantise_f32, elements, element_slab, quantise_f32};
extern const Kernel kDequantiseS8 = {
    32, 1, "dequantise_s8", rule::dequantise_s8, elements, element_slab, dequantise_s8};
extern const Kernel kDequantiseS32 = {
    33, 1, "dequantise_s32", rule::dequantise_s32, elements, element_slab, dequantise_s32};

}  // namespace kernels::cpu
