// Over the last axis, a unit being one row: softmax, argmax, sum, mean, max, layernorm, rmsnorm;
// and sum_rows over the first, a unit being one column.

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

using scalar::floor;
using scalar::load;
using scalar::store;

float top_of(const float* a, size_t n) {
  float top = load(a[0]);
  for (size_t j = 1; j < n; j++) top = scalar::hi(top, load(a[j]));
  return top;
}

void softmax_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  for (size_t row = first; row < last; row++) {
    const float* a = c.args[0].f32() + row * n;
    float* y = c.out.f32() + row * n;
    const float top = top_of(a, n);
    for (size_t j = 0; j < n; j++) y[j] = store(scalar::exp(load(a[j]) - top));
    const float sum = scalar::lanesum(n, [&](size_t j) { return y[j]; });
    for (size_t j = 0; j < n; j++) y[j] = store(y[j] / sum);
  }
}

template <typename T, typename Beats>
void argmax(const Call& c, const T* values, size_t first, size_t last, Beats beats) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    const T* a = values + row * n;
    size_t best = 0;
    for (size_t j = 1; j < n; j++) {
      if (beats(a[j], a[best])) best = j;
    }
    c.out.s32()[row] = static_cast<int32_t>(best);
  }
}

void argmax_f32(const Call& c, size_t first, size_t last) {
  argmax(c, c.args[0].f32(), first, last, scalar::beats);
}
void argmax_s32(const Call& c, size_t first, size_t last) {
  argmax(c, c.args[0].s32(), first, last, [](int32_t x, int32_t y) { return x > y; });
}
void argmax_s8(const Call& c, size_t first, size_t last) {
  argmax(c, c.args[0].s8(), first, last, [](int8_t x, int8_t y) { return x > y; });
}

void sum_rows_f32(const Call& c, size_t first, size_t last) {
  const size_t m = c.args[0].shape.dims[0];
  const size_t n = c.args[0].shape.dims[1];
  for (size_t column = first; column < last; column++) {
    const float* a = c.args[0].f32() + column;
    c.out.f32()[column] = store(scalar::lanesum(m, [&](size_t i) { return load(a[i * n]); }));
  }
}

float sum_of(const float* a, size_t n) {
  return scalar::lanesum(n, [&](size_t j) { return load(a[j]); });
}

void sum_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.f32()[row] = store(sum_of(c.args[0].f32() + row * n, n));
  }
}

void mean_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.f32()[row] = store(sum_of(c.args[0].f32() + row * n, n) / static_cast<float>(n));
  }
}

void max_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    c.out.f32()[row] = store(top_of(c.args[0].f32() + row * n, n));
  }
}

// The factor that scales a row to variance one. eps: as the attribute holds it.
template <typename At>
float normaliser(size_t n, float eps, const At& at) {
  const float v = store(scalar::lanedot(n, at) / static_cast<float>(n));
  return store(scalar::rsqrt(store(v + load(eps))));
}

void layernorm_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  const float* g = c.args[1].f32();
  const float* b = c.args[2].f32();
  for (size_t row = first; row < last; row++) {
    const float* x = c.args[0].f32() + row * n;
    const float mean = store(sum_of(x, n) / static_cast<float>(n));
    const auto centred = [&](size_t j) { return store(load(x[j]) - mean); };
    const float s = normaliser(n, c.real(0), centred);
    for (size_t j = 0; j < n; j++) {
      const float scaled = store(floor(centred(j)) * floor(s));
      c.out.f32()[row * n + j] = store(scalar::fma(floor(scaled), floor(g[j]), load(b[j])));
    }
  }
}

void rmsnorm_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  const float* g = c.args[1].f32();
  for (size_t row = first; row < last; row++) {
    const float* x = c.args[0].f32() + row * n;
    const float s = normaliser(n, c.real(0), [&](size_t j) { return x[j]; });
    for (size_t j = 0; j < n; j++) {
      c.out.f32()[row * n + j] = store(floor(store(floor(x[j]) * floor(s))) * floor(g[j]));
    }
  }
}

constexpr Kernel kKernels[] = {
    {50, 1, "softmax_f32", rule::softmax_f32, out_rows, slab, softmax_f32},
    {51, 1, "argmax_f32", rule::argmax_f32, elements, slab, argmax_f32},
    {52, 1, "argmax_s32", rule::argmax_s32, elements, slab, argmax_s32},
    {53, 1, "argmax_s8", rule::argmax_s8, elements, slab, argmax_s8},
    {70, 1, "sum_rows_f32", rule::sum_rows_f32, elements, slab, sum_rows_f32},
    {71, 1, "sum_last_f32", rule::drop_last_f32, elements, slab, sum_last_f32},
    {73, 1, "mean_last_f32", rule::drop_last_f32, elements, slab, mean_last_f32},
    {74, 1, "max_last_f32", rule::drop_last_f32, elements, slab, max_last_f32},
    {75, 1, "layernorm_f32", rule::layernorm_f32, out_rows, slab, layernorm_f32},
    {76, 1, "rmsnorm_f32", rule::rmsnorm_f32, out_rows, slab, rmsnorm_f32},
};

}  // namespace

std::span<const Kernel> rows() { return kKernels; }

}  // namespace kernels::reference
