// The reference: every op as the scalar loop of docs/reference/numerics.md, one element at a time.
//
// Slow and plain on purpose. A tuned kernel is right when its bytes equal these.

#include <cmath>

#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels {
namespace {

using numeric::floored;
using numeric::fused;
using numeric::load;
using numeric::store;

size_t elements(const Call& c) { return c.out.shape.elements(); }
size_t rows(const Call& c) { return elements(c) / c.out.shape.last(); }
size_t whole(const Call&) { return ~static_cast<size_t>(0); }

size_t broadcast_index(const Call& c, size_t i) {
  const tensor::Shape& b = c.args[1].shape;
  if (b.same_dims(c.args[0].shape)) return i;
  return b.dims[0] == 1 ? 0 : i % b.dims[0];
}

void matmul_f32(const Call& c, size_t first, size_t last) {
  const size_t depth = c.args[0].shape.dims[1];
  const size_t columns = c.out.shape.dims[1];
  for (size_t i = first; i < last; i++) {
    const float* a = c.args[0].f32() + i / columns * depth;
    const float* b = c.args[1].f32() + i % columns * depth;
    float sum = 0.0f;
    for (size_t chunk = 0; chunk < depth; chunk += numeric::kChunk) {
      float acc = 0.0f;
      for (size_t k = chunk; k < depth && k < chunk + numeric::kChunk; k++) {
        acc = fused(floored(a[k]), floored(b[k]), acc);
      }
      sum = sum + acc;
    }
    c.out.f32()[i] = store(sum);
  }
}

void matmul_s8(const Call& c, size_t first, size_t last) {
  const size_t depth = c.args[0].shape.dims[1];
  const size_t columns = c.out.shape.dims[1];
  for (size_t i = first; i < last; i++) {
    const int8_t* a = c.args[0].s8() + i / columns * depth;
    const int8_t* b = c.args[1].s8() + i % columns * depth;
    int64_t sum = 0;
    for (size_t k = 0; k < depth; k++) sum += static_cast<int64_t>(a[k]) * b[k];
    c.out.s32()[i] = static_cast<int32_t>(sum);
  }
}

template <typename Combine>
void binary(const Call& c, size_t first, size_t last, Combine combine) {
  for (size_t i = first; i < last; i++) {
    const float b = load(c.args[1].f32()[broadcast_index(c, i)]);
    c.out.f32()[i] = store(combine(load(c.args[0].f32()[i]), b));
  }
}

void add_f32(const Call& c, size_t first, size_t last) {
  binary(c, first, last, [](float a, float b) { return a + b; });
}
void sub_f32(const Call& c, size_t first, size_t last) {
  binary(c, first, last, [](float a, float b) { return a - b; });
}
void mul_f32(const Call& c, size_t first, size_t last) {
  binary(c, first, last, [](float a, float b) { return a * b; });
}

void scale_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    c.out.f32()[i] = store(load(c.args[0].f32()[i]) * load(c.real(0)));
  }
}

void add_s32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const uint32_t a = static_cast<uint32_t>(c.args[0].s32()[i]);
    const uint32_t b = static_cast<uint32_t>(c.args[1].s32()[broadcast_index(c, i)]);
    c.out.s32()[i] = static_cast<int32_t>(a + b);
  }
}

void requantise(const Call& c, size_t first, size_t last) {
  const int64_t shift = c.integer(1);
  for (size_t i = first; i < last; i++) {
    const int64_t product = static_cast<int64_t>(c.args[0].s32()[i]) * c.integer(0);
    const int64_t rounded = (product + (int64_t{1} << (shift - 1))) >> shift;
    c.out.s8()[i] = static_cast<int8_t>(numeric::clamp_s8(rounded + c.integer(2)));
  }
}

void quantise_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float q = load(c.args[0].f32()[i]) / c.real(0);
    const float near = q < -512.0f ? -512.0f : q > 512.0f ? 512.0f : q;
    const bool none = q != q;
    const int32_t y =
        none ? 0
             : numeric::clamp(static_cast<int32_t>(std::nearbyintf(near)) +
                                  static_cast<int32_t>(c.integer(1)),
                              -128, 127);
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

void relu_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float x = load(c.args[0].f32()[i]);
    c.out.f32()[i] = x != x ? numeric::nan() : x > 0.0f ? x : 0.0f;
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
    c.out.f32()[i] = v != v ? numeric::nan() : v > 0.0f ? dy : 0.0f;
  }
}

void softmax_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.out.shape.last();
  for (size_t row = first; row < last; row++) {
    const float* a = c.args[0].f32() + row * n;
    float* y = c.out.f32() + row * n;
    float top = load(a[0]);
    for (size_t j = 1; j < n; j++) top = numeric::higher(top, load(a[j]));
    for (size_t j = 0; j < n; j++) y[j] = store(numeric::exponential(load(a[j]) - top));
    const float sum = numeric::lane_sum(n, [&](size_t j) { return y[j]; });
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
  argmax(c, c.args[0].f32(), first, last, [](float x, float y) {
    const float a = load(x);
    const float b = load(y);
    if (b != b) return false;
    return a != a ? true : a > b;
  });
}
void argmax_s32(const Call& c, size_t first, size_t last) {
  argmax(c, c.args[0].s32(), first, last, [](int32_t x, int32_t y) { return x > y; });
}
void argmax_s8(const Call& c, size_t first, size_t last) {
  argmax(c, c.args[0].s8(), first, last, [](int8_t x, int8_t y) { return x > y; });
}

void transpose_f32(const Call& c, size_t first, size_t last) {
  const size_t m = c.args[0].shape.dims[0];
  const size_t n = c.args[0].shape.dims[1];
  for (size_t i = first; i < last; i++) {
    c.out.f32()[i] = store(load(c.args[0].f32()[i % m * n + i / m]));
  }
}
void transpose_s8(const Call& c, size_t first, size_t last) {
  const size_t m = c.args[0].shape.dims[0];
  const size_t n = c.args[0].shape.dims[1];
  for (size_t i = first; i < last; i++) c.out.s8()[i] = c.args[0].s8()[i % m * n + i / m];
}

void sum_rows_f32(const Call& c, size_t first, size_t last) {
  const size_t m = c.args[0].shape.dims[0];
  const size_t n = c.args[0].shape.dims[1];
  for (size_t i = first; i < last; i++) {
    const float* a = c.args[0].f32() + i;
    c.out.f32()[i] = store(numeric::lane_sum(m, [&](size_t j) { return load(a[j * n]); }));
  }
}

void sum_last_f32(const Call& c, size_t first, size_t last) {
  const size_t n = c.args[0].shape.last();
  for (size_t row = first; row < last; row++) {
    const float* a = c.args[0].f32() + row * n;
    c.out.f32()[row] = store(numeric::lane_sum(n, [&](size_t j) { return load(a[j]); }));
  }
}

void sgd_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const float w = load(c.args[0].f32()[i]);
    const float g = load(c.args[1].f32()[i]);
    c.out.f32()[i] = store(fused(-load(c.real(0)), g, w));
  }
}

constexpr Kernel kKernels[] = {
    {1, 1, "matmul_f32", rule::matmul_f32, elements, whole, matmul_f32},
    {2, 1, "matmul_s8", rule::matmul_s8, elements, whole, matmul_s8},
    {10, 1, "add_f32", rule::binary_f32, elements, whole, add_f32},
    {11, 1, "sub_f32", rule::binary_f32, elements, whole, sub_f32},
    {12, 1, "mul_f32", rule::binary_f32, elements, whole, mul_f32},
    {13, 1, "scale_f32", rule::scale_f32, elements, whole, scale_f32},
    {20, 1, "add_s32", rule::add_s32, elements, whole, add_s32},
    {30, 1, "requantise", rule::requantise, elements, whole, requantise},
    {31, 1, "quantise_f32", rule::quantise_f32, elements, whole, quantise_f32},
    {32, 1, "dequantise_s8", rule::dequantise_s8, elements, whole, dequantise_s8},
    {33, 1, "dequantise_s32", rule::dequantise_s32, elements, whole, dequantise_s32},
    {40, 1, "relu_f32", rule::relu_f32, elements, whole, relu_f32},
    {41, 1, "relu_s8", rule::relu_s8, elements, whole, relu_s8},
    {42, 1, "relu_grad_f32", rule::relu_grad_f32, elements, whole, relu_grad_f32},
    {50, 1, "softmax_f32", rule::softmax_f32, rows, whole, softmax_f32},
    {51, 1, "argmax_f32", rule::argmax_f32, elements, whole, argmax_f32},
    {52, 1, "argmax_s32", rule::argmax_s32, elements, whole, argmax_s32},
    {53, 1, "argmax_s8", rule::argmax_s8, elements, whole, argmax_s8},
    {60, 1, "transpose_f32", rule::transpose_f32, elements, whole, transpose_f32},
    {61, 1, "transpose_s8", rule::transpose_s8, elements, whole, transpose_s8},
    {70, 1, "sum_rows_f32", rule::sum_rows_f32, elements, whole, sum_rows_f32},
    {71, 1, "sum_last_f32", rule::sum_last_f32, elements, whole, sum_last_f32},
    {80, 1, "sgd_f32", rule::sgd_f32, elements, whole, sgd_f32},
};

}  // namespace

const Kernel* find_reference(uint32_t id, uint32_t version) {
  for (const Kernel& kernel : kKernels) {
    if (kernel.id == id && kernel.version == version) return &kernel;
  }
  return nullptr;
}

}  // namespace kernels
