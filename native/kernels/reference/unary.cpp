// The elementary functions: y = store(fn(load(x))). A unit is one element.

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

template <float (*function)(float)>
void map(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    c.out.f32()[i] = scalar::store(function(scalar::load(c.args[0].f32()[i])));
  }
}

constexpr Kernel kKernels[] = {
    {43, 1, "abs_f32", rule::unary_f32, elements, slab, map<scalar::absolute>},
    {44, 1, "exp_f32", rule::unary_f32, elements, slab, map<scalar::exp>},
    {45, 1, "log_f32", rule::unary_f32, elements, slab, map<scalar::log>},
    {46, 1, "sqrt_f32", rule::unary_f32, elements, slab, map<scalar::sqrt>},
    {47, 1, "rsqrt_f32", rule::unary_f32, elements, slab, map<scalar::rsqrt>},
    {48, 1, "tanh_f32", rule::unary_f32, elements, slab, map<scalar::tanh>},
    {49, 1, "erf_f32", rule::unary_f32, elements, slab, map<scalar::erf>},
    {54, 1, "gelu_f32", rule::unary_f32, elements, slab, map<scalar::gelu>},
    {55, 1, "silu_f32", rule::unary_f32, elements, slab, map<scalar::silu>},
    {56, 1, "sigmoid_f32", rule::unary_f32, elements, slab, map<scalar::sigmoid>},
};

}  // namespace

std::span<const Kernel> unary() { return kKernels; }

}  // namespace kernels::reference
