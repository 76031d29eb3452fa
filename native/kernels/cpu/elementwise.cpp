// add, sub, mul, scale, relu, relu_grad, sgd on f32; add on s32; relu on s8.
//
// A unit is one element. Operands that are rows or single elements are walked in runs over which
// the second operand is either contiguous or constant, so that every inner loop is straight.

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::load;
using numeric::store;

enum class Way { add, sub, mul };

template <Way way>
BT_INLINE float combine(float a, float b) {
  if constexpr (way == Way::add) return a + b;
  if constexpr (way == Way::sub) return a - b;
  return a * b;
}

template <Way way>
BT_INLINE void vectors(const float* a, const float* b, float* y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = store(combine<way>(load(a[i]), load(b[i])));
}

template <Way way>
BT_INLINE void with_one(const float* a, float b, float* y, size_t count) {
  const float loaded = load(b);
  for (size_t i = 0; i < count; i++) y[i] = store(combine<way>(load(a[i]), loaded));
}

#define BT_BINARY(name, way)                                                               \
  BT_INLINE void name##_run_body(const float* a, const float* b, float* y, size_t count) { \
    vectors<way>(a, b, y, count);                                                          \
  }                                                                                        \
  BT_CLONES(void, name##_run, (const float* a, const float* b, float* y, size_t count),    \
            (a, b, y, count))                                                              \
  BT_INLINE void name##_one_body(const float* a, float b, float* y, size_t count) {        \
    with_one<way>(a, b, y, count);                                                         \
  }                                                                                        \
  BT_CLONES(void, name##_one, (const float* a, float b, float* y, size_t count), (a, b, y, count))

BT_BINARY(add, Way::add)
BT_BINARY(sub, Way::sub)
BT_BINARY(mul, Way::mul)

BT_INLINE void add_s32_run_body(const int32_t* a, const int32_t* b, int32_t* y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    y[i] = static_cast<int32_t>(static_cast<uint32_t>(a[i]) + static_cast<uint32_t>(b[i]));
  }
}
BT_CLONES(void, add_s32_run, (const int32_t* a, const int32_t* b, int32_t* y, size_t count),
          (a, b, y, count))

BT_INLINE void add_s32_one_body(const int32_t* a, int32_t b, int32_t* y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    y[i] = static_cast<int32_t>(static_cast<uint32_t>(a[i]) + static_cast<uint32_t>(b));
  }
}
BT_CLONES(void, add_s32_one, (const int32_t* a, int32_t b, int32_t* y, size_t count),
          (a, b, y, count))

template <typename T, typename Run, typename One>
void broadcast(const Call& c, const T* a, const T* b, T* y, size_t first, size_t last, Run run,
               One one) {
  const tensor::Shape& shape = c.args[1].shape;
  if (shape.same_dims(c.args[0].shape)) {
    run(a + first, b + first, y + first, last - first);
  } else if (shape.dims[0] == 1) {
    one(a + first, b[0], y + first, last - first);
  } else {
    const size_t row = shape.dims[0];
    for (size_t i = first; i < last;) {
      const size_t column = i % row;
      const size_t count = row - column < last - i ? row - column : last - i;
      run(a + i, b + column, y + i, count);
      i += count;
    }
  }
}

void add_f32(const Call& c, size_t first, size_t last) {
  broadcast(c, c.args[0].f32(), c.args[1].f32(), c.out.f32(), first, last, add_run, add_one);
}
void sub_f32(const Call& c, size_t first, size_t last) {
  broadcast(c, c.args[0].f32(), c.args[1].f32(), c.out.f32(), first, last, sub_run, sub_one);
}
void mul_f32(const Call& c, size_t first, size_t last) {
  broadcast(c, c.args[0].f32(), c.args[1].f32(), c.out.f32(), first, last, mul_run, mul_one);
}
void scale_f32(const Call& c, size_t first, size_t last) {
  mul_one(c.args[0].f32() + first, c.real(0), c.out.f32() + first, last - first);
}
void add_s32(const Call& c, size_t first, size_t last) {
  broadcast(c, c.args[0].s32(), c.args[1].s32(), c.out.s32(), first, last, add_s32_run,
            add_s32_one);
}

BT_INLINE void relu_run_body(const float* a, float* y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float x = load(a[i]);
    const float kept = x > 0.0f ? x : 0.0f;
    y[i] = x != x ? numeric::nan() : kept;
  }
}
BT_CLONES(void, relu_run, (const float* a, float* y, size_t count), (a, y, count))

void relu_f32(const Call& c, size_t first, size_t last) {
  relu_run(c.args[0].f32() + first, c.out.f32() + first, last - first);
}

BT_INLINE void relu_s8_run_body(const int8_t* a, int8_t* y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = a[i] > 0 ? a[i] : int8_t{0};
}
BT_CLONES(void, relu_s8_run, (const int8_t* a, int8_t* y, size_t count), (a, y, count))

void relu_s8(const Call& c, size_t first, size_t last) {
  relu_s8_run(c.args[0].s8() + first, c.out.s8() + first, last - first);
}

BT_INLINE void relu_grad_run_body(const float* x, const float* dy, float* y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float v = load(x[i]);
    const float gradient = load(dy[i]);
    const float kept = v > 0.0f ? gradient : 0.0f;
    y[i] = v != v ? numeric::nan() : kept;
  }
}
BT_CLONES(void, relu_grad_run, (const float* x, const float* dy, float* y, size_t count),
          (x, dy, y, count))

void relu_grad_f32(const Call& c, size_t first, size_t last) {
  relu_grad_run(c.args[0].f32() + first, c.args[1].f32() + first, c.out.f32() + first,
                last - first);
}

BT_INLINE void sgd_run_body(const float* w, const float* g, float rate, float* y, size_t count) {
  const float step = -load(rate);
  for (size_t i = 0; i < count; i++) y[i] = store(numeric::fused(step, load(g[i]), load(w[i])));
}
BT_CLONES(void, sgd_run, (const float* w, const float* g, float rate, float* y, size_t count),
          (w, g, rate, y, count))

void sgd_f32(const Call& c, size_t first, size_t last) {
  sgd_run(c.args[0].f32() + first, c.args[1].f32() + first, c.real(0), c.out.f32() + first,
          last - first);
}

}  // namespace

extern const Kernel kAddF32 = {10, 1, "add_f32", rule::binary_f32, elements, element_slab, add_f32};
extern const Kernel kSubF32 = {11, 1, "sub_f32", rule::binary_f32, elements, element_slab, sub_f32};
extern const Kernel kMulF32 = {12, 1, "mul_f32", rule::binary_f32, elements, element_slab, mul_f32};
extern const Kernel kScaleF32 = {13,           1,        "scale_f32", rule::scale_f32, elements,
                                 element_slab, scale_f32};
extern const Kernel kAddS32 = {20, 1, "add_s32", rule::binary_s32, elements, element_slab, add_s32};
extern const Kernel kReluF32 = {40,           1,       "relu_f32", rule::unary_f32, elements,
                                element_slab, relu_f32};
extern const Kernel kReluS8 = {41, 1, "relu_s8", rule::relu_s8, elements, element_slab, relu_s8};
extern const Kernel kReluGradF32 = {
    42, 1, "relu_grad_f32", rule::relu_grad_f32, elements, element_slab, relu_grad_f32};
extern const Kernel kSgdF32 = {80, 1, "sgd_f32", rule::sgd_f32, elements, element_slab, sgd_f32};

}  // namespace kernels::cpu
