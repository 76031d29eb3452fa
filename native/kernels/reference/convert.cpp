// Between integers and reals: requantise, quantise, dequantise, widen, truncate. A unit is one
// element.

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

using scalar::load;
using scalar::store;

int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

void requantise(const Call& c, size_t first, size_t last) {
  const int64_t shift = c.integer(1);
  for (size_t i = first; i < last; i++) {
    const int64_t product = static_cast<int64_t>(c.args[0].s32()[i]) * c.integer(0);
    const int64_t rounded = (product + (int64_t{1} << (shift - 1))) >> shift;
    c.out.s8()[i] = static_cast<int8_t>(clamp(rounded + c.integer(2), -128, 127));
  }
}

// Ties to even, without the rounding mode of the machine; |q| <= 512.
int64_t round_half_even(float q) {
  const auto below = static_cast<int64_t>(std::floor(q));
  const float rest = q - static_cast<float>(below);
  if (rest == 0.5f) return below + (below & 1);
  return rest < 0.5f ? below : below + 1;
}

void quantise_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float q = load(c.args[0].f32()[i]) / c.real(0);
    const float near = q < -512.0f ? -512.0f : q > 512.0f ? 512.0f : q;
    const int64_t y = q != q ? 0 : clamp(round_half_even(near) + c.integer(1), -128, 127);
    c.out.s8()[i] = static_cast<int8_t>(y);
  }
}

void dequantise_s8(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const int64_t difference = c.args[0].s8()[i] - c.integer(1);
    c.out.f32()[i] = store(static_cast<float>(difference) * c.real(0));
  }
}

void dequantise_s32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    c.out.f32()[i] = store(static_cast<float>(c.args[0].s32()[i]) * c.real(0));
  }
}

void widen_s8(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) c.out.s32()[i] = c.args[0].s8()[i];
}

void truncate_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float x = load(c.args[0].f32()[i]);
    // 2^31 is an f32, 2^31 - 1 is not.
    if (x != x) {
      c.out.s32()[i] = 0;
    } else if (x >= 2147483648.0f) {
      c.out.s32()[i] = INT32_MAX;
    } else if (x < -2147483648.0f) {
      c.out.s32()[i] = INT32_MIN;
    } else {
      c.out.s32()[i] = static_cast<int32_t>(x);
    }
  }
}

constexpr Kernel kKernels[] = {
    {30, 1, "requantise", rule::requantise, elements, slab, requantise},
    {31, 1, "quantise_f32", rule::quantise_f32, elements, slab, quantise_f32},
    {32, 1, "dequantise_s8", rule::dequantise_s8, elements, slab, dequantise_s8},
    {33, 1, "dequantise_s32", rule::dequantise_s32, elements, slab, dequantise_s32},
    {34, 1, "widen_s8", rule::widen_s8, elements, slab, widen_s8},
    {35, 1, "truncate_f32", rule::truncate_f32, elements, slab, truncate_f32},
};

}  // namespace

std::span<const Kernel> conversions() { return kKernels; }

}  // namespace kernels::reference
