// matmul_f32, matmul_s8, bmm_f32, conv2d_f32, conv2d_s8. A unit is one element of the output.

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

// Chains of 512 steps from +0, their sums added in ascending order.
template <typename A, typename B>
float chain(size_t depth, const A& a, const B& b) {
  float sum = 0.0f;
  for (size_t chunk = 0; chunk < depth; chunk += scalar::kChunk) {
    float acc = 0.0f;
    for (size_t k = chunk; k < depth && k < chunk + scalar::kChunk; k++) {
      acc = scalar::fma(scalar::floor(a(k)), scalar::floor(b(k)), acc);
    }
    sum = sum + acc;
  }
  return scalar::store(sum);
}

template <typename A, typename B>
int32_t exact(size_t depth, const A& a, const B& b) {
  int64_t sum = 0;
  for (size_t k = 0; k < depth; k++) sum += static_cast<int64_t>(a(k)) * b(k);
  return static_cast<int32_t>(sum);
}

void matmul_f32(const Call& c, size_t first, size_t last) {
  const size_t depth = c.args[0].shape.dims[1];
  const size_t columns = c.out.shape.dims[1];
  for (size_t i = first; i < last; i++) {
    const float* a = c.args[0].f32() + i / columns * depth;
    const float* b = c.args[1].f32() + i % columns * depth;
    c.out.f32()[i] = chain(
        depth, [&](size_t k) { return a[k]; }, [&](size_t k) { return b[k]; });
  }
}

void matmul_s8(const Call& c, size_t first, size_t last) {
  const size_t depth = c.args[0].shape.dims[1];
  const size_t columns = c.out.shape.dims[1];
  for (size_t i = first; i < last; i++) {
    const int8_t* a = c.args[0].s8() + i / columns * depth;
    const int8_t* b = c.args[1].s8() + i % columns * depth;
    c.out.s32()[i] = exact(
        depth, [&](size_t k) { return a[k]; }, [&](size_t k) { return b[k]; });
  }
}

void bmm_f32(const Call& c, size_t first, size_t last) {
  const size_t depth = c.args[0].shape.dims[2];
  const size_t rows = c.out.shape.dims[1];
  const size_t columns = c.out.shape.dims[2];
  for (size_t i = first; i < last; i++) {
    const size_t batch = i / (rows * columns);
    const float* a = c.args[0].f32() + i / columns * depth;
    const float* b = c.args[1].f32() + (batch * columns + i % columns) * depth;
    c.out.f32()[i] = chain(
        depth, [&](size_t k) { return a[k]; }, [&](size_t k) { return b[k]; });
  }
}

// The window of x under one element of the output, as a vector over (kh, kw, c).
class Patch {
 public:
  // `element` is the row-major number of the output element.
  Patch(const Call& c, size_t element) : x_(c.args[0].shape), w_(c.args[1].shape) {
    const tensor::Shape& y = c.out.shape;
    const size_t group_outputs = y.dims[3] / static_cast<size_t>(c.integer(8));
    output_ = element % y.dims[3];
    channel_ = output_ / group_outputs * w_.dims[3];
    const auto ow = static_cast<int64_t>(element / y.dims[3] % y.dims[2]);
    const auto oh = static_cast<int64_t>(element / y.dims[3] / y.dims[2] % y.dims[1]);
    image_ = element / y.dims[3] / y.dims[2] / y.dims[1];
    top_ = oh * c.integer(0) - c.integer(2);
    left_ = ow * c.integer(1) - c.integer(3);
    dilation_h_ = c.integer(6);
    dilation_w_ = c.integer(7);
  }

  size_t depth() const { return size_t{1} * w_.dims[1] * w_.dims[2] * w_.dims[3]; }
  // Where the filter of this output begins.
  size_t filter() const { return output_ * depth(); }

  // The element of x under number k of the window; +0 outside of x.
  template <typename T>
  T at(const T* x, size_t k) const {
    const size_t channel = k % w_.dims[3];
    const auto kw = static_cast<int64_t>(k / w_.dims[3] % w_.dims[2]);
    const auto kh = static_cast<int64_t>(k / w_.dims[3] / w_.dims[2]);
    const int64_t h = top_ + kh * dilation_h_;
    const int64_t w = left_ + kw * dilation_w_;
    if (h < 0 || w < 0 || h >= x_.dims[1] || w >= x_.dims[2]) return T{0};
    const size_t row = image_ * x_.dims[1] + static_cast<size_t>(h);
    return x[(row * x_.dims[2] + static_cast<size_t>(w)) * x_.dims[3] + channel_ + channel];
  }

 private:
  tensor::Shape x_, w_;
  size_t image_, output_, channel_;
  int64_t top_, left_, dilation_h_, dilation_w_;
};

void conv2d_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const Patch patch(c, i);
    const float* x = c.args[0].f32();
    const float* w = c.args[1].f32() + patch.filter();
    c.out.f32()[i] = chain(
        patch.depth(), [&](size_t k) { return patch.at(x, k); }, [&](size_t k) { return w[k]; });
  }
}

void conv2d_s8(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const Patch patch(c, i);
    const int8_t* x = c.args[0].s8();
    const int8_t* w = c.args[1].s8() + patch.filter();
    c.out.s32()[i] = exact(
        patch.depth(), [&](size_t k) { return patch.at(x, k); }, [&](size_t k) { return w[k]; });
  }
}

constexpr Kernel kKernels[] = {
    {1, 1, "matmul_f32", rule::matmul_f32, elements, slab, matmul_f32},
    {2, 1, "matmul_s8", rule::matmul_s8, elements, slab, matmul_s8},
    {3, 1, "bmm_f32", rule::bmm_f32, elements, slab, bmm_f32},
    {4, 1, "conv2d_f32", rule::conv2d_f32, elements, slab, conv2d_f32},
    {5, 1, "conv2d_s8", rule::conv2d_s8, elements, slab, conv2d_s8},
};

}  // namespace

std::span<const Kernel> products() { return kKernels; }

}  // namespace kernels::reference
