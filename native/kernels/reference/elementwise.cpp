// One element of each operand gives one of the output: arithmetic, comparison, relu, sgd. A unit is
// one element.

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

using scalar::load;
using scalar::store;

// b(i) of the page: the same shape, a row over the last axis, or one element.
size_t broadcast_index(const Call& c, size_t i) {
  const tensor::Shape& b = c.args[1].shape;
  if (b.same_dims(c.args[0].shape)) return i;
  return b.dims[0] == 1 ? 0 : i % b.dims[0];
}

template <float (*combine)(float, float)>
void binary_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float b = load(c.args[1].f32()[broadcast_index(c, i)]);
    c.out.f32()[i] = store(combine(load(c.args[0].f32()[i]), b));
  }
}

float add(float a, float b) { return a + b; }
float sub(float a, float b) { return a - b; }
float mul(float a, float b) { return a * b; }
float div(float a, float b) { return a / b; }
float greater(float a, float b) { return a > b ? 1.0f : 0.0f; }

template <uint32_t (*combine)(uint32_t, uint32_t)>
void binary_s32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const auto a = static_cast<uint32_t>(c.args[0].s32()[i]);
    const auto b = static_cast<uint32_t>(c.args[1].s32()[broadcast_index(c, i)]);
    c.out.s32()[i] = static_cast<int32_t>(combine(a, b));
  }
}

uint32_t add_wrapping(uint32_t a, uint32_t b) { return a + b; }
uint32_t sub_wrapping(uint32_t a, uint32_t b) { return a - b; }
uint32_t mul_wrapping(uint32_t a, uint32_t b) { return a * b; }

void scale_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    c.out.f32()[i] = store(load(c.args[0].f32()[i]) * load(c.real(0)));
  }
}

void shift_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    c.out.f32()[i] = store(load(c.args[0].f32()[i]) + load(c.real(0)));
  }
}

void axpy_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float a = load(c.args[0].f32()[i]);
    const float b = load(c.args[1].f32()[i]);
    c.out.f32()[i] = store(scalar::fma(load(c.real(0)), a, b));
  }
}

void select_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float a = store(load(c.args[1].f32()[i]));
    const float b = store(load(c.args[2].f32()[i]));
    c.out.f32()[i] = load(c.args[0].f32()[i]) > 0.0f ? a : b;
  }
}

void relu_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float x = load(c.args[0].f32()[i]);
    c.out.f32()[i] = x != x ? scalar::nan() : x > 0.0f ? x : 0.0f;
  }
}

void relu_s8(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const int8_t x = c.args[0].s8()[i];
    c.out.s8()[i] = x > 0 ? x : int8_t{0};
  }
}

void relu_grad_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float v = load(c.args[0].f32()[i]);
    const float dy = load(c.args[1].f32()[i]);
    c.out.f32()[i] = v != v ? scalar::nan() : v > 0.0f ? dy : 0.0f;
  }
}

void clip_f32(const Call& c, size_t first, size_t last) {
  const float low = load(c.real(0));
  const float high = load(c.real(1));
  for (size_t i = first; i < last; i++) {
    const float x = load(c.args[0].f32()[i]);
    c.out.f32()[i] = x != x ? scalar::nan() : store(x < low ? low : x > high ? high : x);
  }
}

void sgd_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float w = load(c.args[0].f32()[i]);
    const float g = load(c.args[1].f32()[i]);
    c.out.f32()[i] = store(scalar::fma(-load(c.real(0)), g, w));
  }
}

constexpr Kernel kKernels[] = {
    {10, 1, "add_f32", rule::binary_f32, elements, slab, binary_f32<add>},
    {11, 1, "sub_f32", rule::binary_f32, elements, slab, binary_f32<sub>},
    {12, 1, "mul_f32", rule::binary_f32, elements, slab, binary_f32<mul>},
    {13, 1, "scale_f32", rule::scale_f32, elements, slab, scale_f32},
    {14, 1, "div_f32", rule::binary_f32, elements, slab, binary_f32<div>},
    {15, 1, "max_f32", rule::binary_f32, elements, slab, binary_f32<scalar::hi>},
    {16, 1, "min_f32", rule::binary_f32, elements, slab, binary_f32<scalar::lo>},
    {17, 1, "greater_f32", rule::binary_f32, elements, slab, binary_f32<greater>},
    {18, 1, "shift_f32", rule::shift_f32, elements, slab, shift_f32},
    {19, 1, "axpy_f32", rule::axpy_f32, elements, slab, axpy_f32},
    {20, 1, "add_s32", rule::binary_s32, elements, slab, binary_s32<add_wrapping>},
    {21, 1, "sub_s32", rule::binary_s32, elements, slab, binary_s32<sub_wrapping>},
    {22, 1, "mul_s32", rule::binary_s32, elements, slab, binary_s32<mul_wrapping>},
    {23, 1, "select_f32", rule::select_f32, elements, slab, select_f32},
    {40, 1, "relu_f32", rule::unary_f32, elements, slab, relu_f32},
    {41, 1, "relu_s8", rule::relu_s8, elements, slab, relu_s8},
    {42, 1, "relu_grad_f32", rule::relu_grad_f32, elements, slab, relu_grad_f32},
    {57, 1, "clip_f32", rule::clip_f32, elements, slab, clip_f32},
    {80, 1, "sgd_f32", rule::sgd_f32, elements, slab, sgd_f32},
};

}  // namespace

std::span<const Kernel> elementwise() { return kKernels; }

}  // namespace kernels::reference
