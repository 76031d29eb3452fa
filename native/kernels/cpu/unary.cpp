// The elementary functions on f32 tensors. A unit is one element.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/elementary.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::load;
using numeric::store;

// Defines `name`, which writes `value` of each element x.
#define BT_UNARY(name, value)                                                                     \
  BT_INLINE void name##_run_body(const float* a, float* __restrict y, size_t count) {             \
    _Pragma("GCC unroll 2") for (size_t i = 0; i < count; i++) {                                  \
      const float x = a[i];                                                                       \
      y[i] = value;                                                                               \
    }                                                                                             \
  }                                                                                               \
  BT_CLONES(void, name##_run, (const float* a, float* __restrict y, size_t count), (a, y, count)) \
  void name(const Call& c, size_t first, size_t last) {                                           \
    name##_run(c.args[0].f32() + first, c.out.f32() + first, last - first);                       \
  }

BT_UNARY(abs_f32, store(numeric::absolute(x)))
BT_UNARY(exp_f32, exp_any(x))
BT_UNARY(log_f32, store(log_any(load(x))))
BT_UNARY(sqrt_f32, store(__builtin_sqrtf(load(x))))
BT_UNARY(rsqrt_f32, store(1.0f / __builtin_sqrtf(load(x))))
BT_UNARY(tanh_f32, store(tanh_any(x)))
BT_UNARY(erf_f32, erf_any(load(x)))
BT_UNARY(gelu_f32, gelu_any(x))
BT_UNARY(silu_f32, store(silu_any(x)))
BT_UNARY(sigmoid_f32, store(sigmoid_any(x)))

constexpr Kernel kKernels[] = {
    {43, 1, "abs_f32", rule::unary_f32, elements, element_slab, abs_f32},
    {44, 1, "exp_f32", rule::unary_f32, elements, element_slab, exp_f32},
    {45, 1, "log_f32", rule::unary_f32, elements, element_slab, log_f32},
    {46, 1, "sqrt_f32", rule::unary_f32, elements, element_slab, sqrt_f32},
    {47, 1, "rsqrt_f32", rule::unary_f32, elements, element_slab, rsqrt_f32},
    {48, 1, "tanh_f32", rule::unary_f32, elements, element_slab, tanh_f32},
    {49, 1, "erf_f32", rule::unary_f32, elements, element_slab, erf_f32},
    {54, 1, "gelu_f32", rule::unary_f32, elements, element_slab, gelu_f32},
    {55, 1, "silu_f32", rule::unary_f32, elements, element_slab, silu_f32},
    {56, 1, "sigmoid_f32", rule::unary_f32, elements, element_slab, sigmoid_f32},
};

}  // namespace

std::span<const Kernel> unary() { return kKernels; }

}  // namespace kernels::cpu
