// One element of each operand gives one of the output: arithmetic, comparison, relu, clip, sgd. A
// unit is one element.
//
// A second operand that is a row or a single element is walked in runs over which it is contiguous
// or constant, so that every inner loop is straight.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::load;
using numeric::store;

// Elements of a short row that is repeated until it is worth a loop.
constexpr size_t kPattern = 512;

template <typename T, typename Run, typename One>
void broadcast(const Call& c, const T* a, const T* b, T* y, size_t first, size_t last, Run run,
               One one) {
  const tensor::Shape& shape = c.args[1].shape;
  if (shape.same_dims(c.args[0].shape)) return run(a + first, b + first, y + first, last - first);
  if (shape.dims[0] == 1) return one(a + first, b[0], y + first, last - first);
  T pattern[kPattern];
  size_t row = shape.dims[0];
  if (row <= kPattern / 4) {
    const size_t whole = kPattern / row * row;
    for (size_t i = 0; i < whole; i++) pattern[i] = i < row ? b[i] : pattern[i - row];
    b = pattern;
    row = whole;
  }
  for (size_t i = first; i < last;) {
    const size_t column = i % row;
    const size_t count = row - column < last - i ? row - column : last - i;
    run(a + i, b + column, y + i, count);
    i += count;
  }
}

// Defines `name`, which gives `value` of an element p of the first operand and q of the second.
#define BT_BINARY(name, T, field, value)                                                          \
  BT_INLINE T name##_of(T p, T q) { return value; }                                               \
  BT_INLINE void name##_run_body(const T* a, const T* b, T* __restrict y, size_t count) {         \
    for (size_t i = 0; i < count; i++) y[i] = name##_of(a[i], b[i]);                              \
  }                                                                                               \
  BT_CLONES(void, name##_run, (const T* a, const T* b, T* __restrict y, size_t count),            \
            (a, b, y, count))                                                                     \
  BT_INLINE void name##_one_body(const T* a, T b, T* __restrict y, size_t count) {                \
    for (size_t i = 0; i < count; i++) y[i] = name##_of(a[i], b);                                 \
  }                                                                                               \
  BT_CLONES(void, name##_one, (const T* a, T b, T* __restrict y, size_t count), (a, b, y, count)) \
  void name(const Call& c, size_t first, size_t last) {                                           \
    broadcast(c, c.args[0].field(), c.args[1].field(), c.out.field(), first, last, name##_run,    \
              name##_one);                                                                        \
  }

BT_BINARY(add_f32, float, f32, store(load(p) + load(q)))
BT_BINARY(sub_f32, float, f32, store(load(p) - load(q)))
BT_BINARY(mul_f32, float, f32, store(load(p) * load(q)))
BT_BINARY(div_f32, float, f32, store(load(p) / load(q)))
// Flushing keeps the order, so that it may follow the choice.
BT_BINARY(max_f32, float, f32, store(numeric::higher(p, q)))
BT_BINARY(min_f32, float, f32, store(numeric::lower(p, q)))
BT_BINARY(greater_f32, float, f32, load(p) > load(q) ? 1.0f : 0.0f)

// Modulo 2^32.
BT_INLINE int32_t wrapped(uint32_t x) { return static_cast<int32_t>(x); }
BT_BINARY(add_s32, int32_t, s32, wrapped(static_cast<uint32_t>(p) + static_cast<uint32_t>(q)))
BT_BINARY(sub_s32, int32_t, s32, wrapped(static_cast<uint32_t>(p) - static_cast<uint32_t>(q)))
BT_BINARY(mul_s32, int32_t, s32, wrapped(static_cast<uint32_t>(p) * static_cast<uint32_t>(q)))

void scale_f32(const Call& c, size_t first, size_t last) {
  mul_f32_one(c.args[0].f32() + first, c.real(0), c.out.f32() + first, last - first);
}
void shift_f32(const Call& c, size_t first, size_t last) {
  add_f32_one(c.args[0].f32() + first, c.real(0), c.out.f32() + first, last - first);
}

// y = factor * x + base.
BT_INLINE void chain_run_body(float factor, const float* x, const float* base, float* __restrict y,
                              size_t count) {
  for (size_t i = 0; i < count; i++) {
    y[i] = store(numeric::fused(factor, load(x[i]), load(base[i])));
  }
}
BT_CLONES(void, chain_run,
          (float factor, const float* x, const float* base, float* __restrict y, size_t count),
          (factor, x, base, y, count))

void axpy_f32(const Call& c, size_t first, size_t last) {
  chain_run(load(c.real(0)), c.args[0].f32() + first, c.args[1].f32() + first, c.out.f32() + first,
            last - first);
}
void sgd_f32(const Call& c, size_t first, size_t last) {
  chain_run(-load(c.real(0)), c.args[1].f32() + first, c.args[0].f32() + first, c.out.f32() + first,
            last - first);
}

BT_INLINE void select_run_body(const float* condition, const float* a, const float* b,
                               float* __restrict y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float left = a[i];
    const float right = b[i];
    y[i] = store(load(condition[i]) > 0.0f ? left : right);
  }
}
BT_CLONES(void, select_run,
          (const float* condition, const float* a, const float* b, float* __restrict y,
           size_t count),
          (condition, a, b, y, count))

void select_f32(const Call& c, size_t first, size_t last) {
  select_run(c.args[0].f32() + first, c.args[1].f32() + first, c.args[2].f32() + first,
             c.out.f32() + first, last - first);
}

BT_INLINE void relu_run_body(const float* a, float* __restrict y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = store(numeric::at_least(0.0f, a[i]));
}
BT_CLONES(void, relu_run, (const float* a, float* __restrict y, size_t count), (a, y, count))

void relu_f32(const Call& c, size_t first, size_t last) {
  relu_run(c.args[0].f32() + first, c.out.f32() + first, last - first);
}

BT_INLINE void relu_s8_run_body(const int8_t* a, int8_t* __restrict y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i] > 0 ? a[i] : int8_t{0};
}
BT_CLONES(void, relu_s8_run, (const int8_t* a, int8_t* __restrict y, size_t count), (a, y, count))

void relu_s8(const Call& c, size_t first, size_t last) {
  relu_s8_run(c.args[0].s8() + first, c.out.s8() + first, last - first);
}

BT_INLINE void relu_grad_run_body(const float* x, const float* dy, float* __restrict y,
                                  size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float v = load(x[i]);
    const float gradient = dy[i];
    const float kept = v > 0.0f ? gradient : 0.0f;
    y[i] = store(v != v ? v : kept);
  }
}
BT_CLONES(void, relu_grad_run, (const float* x, const float* dy, float* __restrict y, size_t count),
          (x, dy, y, count))

void relu_grad_f32(const Call& c, size_t first, size_t last) {
  relu_grad_run(c.args[0].f32() + first, c.args[1].f32() + first, c.out.f32() + first,
                last - first);
}

BT_INLINE void clip_run_body(const float* a, float low, float high, float* __restrict y,
                             size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float x = load(a[i]);
    const float below = x > high ? high : x;
    y[i] = store(x < low ? low : below);
  }
}
BT_CLONES(void, clip_run,
          (const float* a, float low, float high, float* __restrict y, size_t count),
          (a, low, high, y, count))

void clip_f32(const Call& c, size_t first, size_t last) {
  clip_run(c.args[0].f32() + first, load(c.real(0)), load(c.real(1)), c.out.f32() + first,
           last - first);
}

constexpr Kernel kKernels[] = {
    {10, 1, "add_f32", rule::binary_f32, elements, element_slab, add_f32},
    {11, 1, "sub_f32", rule::binary_f32, elements, element_slab, sub_f32},
    {12, 1, "mul_f32", rule::binary_f32, elements, element_slab, mul_f32},
    {13, 1, "scale_f32", rule::scale_f32, elements, element_slab, scale_f32},
    {14, 1, "div_f32", rule::binary_f32, elements, element_slab, div_f32},
    {15, 1, "max_f32", rule::binary_f32, elements, element_slab, max_f32},
    {16, 1, "min_f32", rule::binary_f32, elements, element_slab, min_f32},
    {17, 1, "greater_f32", rule::binary_f32, elements, element_slab, greater_f32},
    {18, 1, "shift_f32", rule::shift_f32, elements, element_slab, shift_f32},
    {19, 1, "axpy_f32", rule::axpy_f32, elements, element_slab, axpy_f32},
    {20, 1, "add_s32", rule::binary_s32, elements, element_slab, add_s32},
    {21, 1, "sub_s32", rule::binary_s32, elements, element_slab, sub_s32},
    {22, 1, "mul_s32", rule::binary_s32, elements, element_slab, mul_s32},
    {23, 1, "select_f32", rule::select_f32, elements, element_slab, select_f32},
    {40, 1, "relu_f32", rule::unary_f32, elements, element_slab, relu_f32},
    {41, 1, "relu_s8", rule::relu_s8, elements, element_slab, relu_s8},
    {42, 1, "relu_grad_f32", rule::relu_grad_f32, elements, element_slab, relu_grad_f32},
    {57, 1, "clip_f32", rule::clip_f32, elements, element_slab, clip_f32},
    {80, 1, "sgd_f32", rule::sgd_f32, elements, element_slab, sgd_f32},
};

}  // namespace

std::span<const Kernel> elementwise() { return kKernels; }

}  // namespace kernels::cpu
