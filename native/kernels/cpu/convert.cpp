// Between integers and reals: requantise, quantise, dequantise, widen, truncate. A unit is one
// element.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

BT_INLINE void requantise_run_body(const int32_t* a, int8_t* __restrict y, size_t count,
                                   int64_t multiplier, int64_t shift, int64_t zero) {
  const int64_t half = int64_t{1} << (shift - 1);
  for (size_t i = 0; i < count; i++) {
    const int64_t rounded = (static_cast<int64_t>(a[i]) * multiplier + half) >> shift;
    const int64_t moved = rounded + zero;
    y[i] = static_cast<int8_t>(moved < -128 ? -128 : moved > 127 ? 127 : moved);
  }
}
BT_CLONES(void, requantise_run,
          (const int32_t* a, int8_t* __restrict y, size_t count, int64_t multiplier, int64_t shift,
           int64_t zero),
          (a, y, count, multiplier, shift, zero))

void requantise(const Call& c, size_t first, size_t last) {
  requantise_run(c.args[0].s32() + first, c.out.s8() + first, last - first, c.integer(0),
                 c.integer(1), c.integer(2));
}

BT_INLINE void quantise_run_body(const float* a, int8_t* __restrict y, size_t count, float scale,
                                 int32_t zero) {
  for (size_t i = 0; i < count; i++) {
    const float q = numeric::load(a[i]) / scale;
    const float low = q < -512.0f ? -512.0f : q;
    const float near = low > 512.0f ? 512.0f : low;
    const int32_t moved = numeric::clamp(numeric::round_half_even(near) + zero, -128, 127);
    y[i] = static_cast<int8_t>(q != q ? 0 : moved);
  }
}
BT_CLONES(void, quantise_run,
          (const float* a, int8_t* __restrict y, size_t count, float scale, int32_t zero),
          (a, y, count, scale, zero))

void quantise_f32(const Call& c, size_t first, size_t last) {
  quantise_run(c.args[0].f32() + first, c.out.s8() + first, last - first, c.real(0),
               static_cast<int32_t>(c.integer(1)));
}

BT_INLINE void dequantise_s8_run_body(const int8_t* a, float* __restrict y, size_t count,
                                      float scale, int32_t zero) {
  for (size_t i = 0; i < count; i++) {
    y[i] = numeric::store(static_cast<float>(static_cast<int32_t>(a[i]) - zero) * scale);
  }
}
BT_CLONES(void, dequantise_s8_run,
          (const int8_t* a, float* __restrict y, size_t count, float scale, int32_t zero),
          (a, y, count, scale, zero))

void dequantise_s8(const Call& c, size_t first, size_t last) {
  dequantise_s8_run(c.args[0].s8() + first, c.out.f32() + first, last - first, c.real(0),
                    static_cast<int32_t>(c.integer(1)));
}

BT_INLINE void dequantise_s32_run_body(const int32_t* a, float* __restrict y, size_t count,
                                       float scale) {
  for (size_t i = 0; i < count; i++) y[i] = numeric::store(static_cast<float>(a[i]) * scale);
}
BT_CLONES(void, dequantise_s32_run,
          (const int32_t* a, float* __restrict y, size_t count, float scale), (a, y, count, scale))

void dequantise_s32(const Call& c, size_t first, size_t last) {
  dequantise_s32_run(c.args[0].s32() + first, c.out.f32() + first, last - first, c.real(0));
}

BT_INLINE void widen_run_body(const int8_t* a, int32_t* __restrict y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i];
}
BT_CLONES(void, widen_run, (const int8_t* a, int32_t* __restrict y, size_t count), (a, y, count))

void widen_s8(const Call& c, size_t first, size_t last) {
  widen_run(c.args[0].s8() + first, c.out.s32() + first, last - first);
}

// The largest f32 below 2^31 converts; 2^31 and above saturate.
BT_INLINE void truncate_run_body(const float* a, int32_t* __restrict y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float low = numeric::at_least(-2147483648.0f, a[i]);
    const float inside = low < 2147483648.0f ? low : 0.0f;
    const int32_t whole = static_cast<int32_t>(inside);
    y[i] = low >= 2147483648.0f ? INT32_MAX : whole;
  }
}
BT_CLONES(void, truncate_run, (const float* a, int32_t* __restrict y, size_t count), (a, y, count))

void truncate_f32(const Call& c, size_t first, size_t last) {
  truncate_run(c.args[0].f32() + first, c.out.s32() + first, last - first);
}

constexpr Kernel kKernels[] = {
    {30, 1, "requantise", rule::requantise, elements, element_slab, requantise},
    {31, 1, "quantise_f32", rule::quantise_f32, elements, element_slab, quantise_f32},
    {32, 1, "dequantise_s8", rule::dequantise_s8, elements, element_slab, dequantise_s8},
    {33, 1, "dequantise_s32", rule::dequantise_s32, elements, element_slab, dequantise_s32},
    {34, 1, "widen_s8", rule::widen_s8, elements, element_slab, widen_s8},
    {35, 1, "truncate_f32", rule::truncate_f32, elements, element_slab, truncate_f32},
};

}  // namespace

std::span<const Kernel> conversions() { return kKernels; }

}  // namespace kernels::cpu
