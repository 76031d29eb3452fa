// conv2d_f32, conv2d_s8: products of windows of x by filters, as the product core makes them.
//
// A row of the left operand is the window under one place of the output, over (kh, kw, c), written
// when it is packed: +0 outside of x takes part in the chain like any other number. Groups are
// batches whose outputs lie side by side.

#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

// Attributes: stride h, w; pad top, left, bottom, right; dilation h, w; groups.
enum Attribute {
  kStrideH,
  kStrideW,
  kTop,
  kLeft,
  kBottom,
  kRight,
  kDilationH,
  kDilationW,
  kGroups
};

// Elements [k, k + depth) of the window number `row`, of the channels of `group`.
template <typename T>
void window(const void* source, size_t group, size_t row, size_t k, size_t depth, void* to) {
  const Call& c = *static_cast<const Call*>(source);
  const tensor::Shape& x = c.args[0].shape;
  const tensor::Shape& w = c.args[1].shape;
  const tensor::Shape& y = c.out.shape;
  const size_t channels = w.dims[3];
  const auto ow = static_cast<int64_t>(row % y.dims[2]);
  const auto oh = static_cast<int64_t>(row / y.dims[2] % y.dims[1]);
  const size_t image = row / y.dims[2] / y.dims[1];
  const T* from = static_cast<const T*>(c.args[0].data) +
                  image * x.dims[1] * x.dims[2] * x.dims[3] + group * channels;
  T* out = static_cast<T*>(to);
  size_t channel = k % channels;
  size_t kw = k / channels % w.dims[2];
  size_t kh = k / channels / w.dims[2];
  while (depth > 0) {
    const size_t count = std::min(channels - channel, depth);
    const int64_t at_h = oh * c.integer(kStrideH) - c.integer(kTop) +
                         static_cast<int64_t>(kh) * c.integer(kDilationH);
    const int64_t at_w = ow * c.integer(kStrideW) - c.integer(kLeft) +
                         static_cast<int64_t>(kw) * c.integer(kDilationW);
    if (at_h < 0 || at_w < 0 || at_h >= x.dims[1] || at_w >= x.dims[2]) {
      std::memset(out, 0, count * sizeof(T));
    } else {
      const size_t place = static_cast<size_t>(at_h) * x.dims[2] + static_cast<size_t>(at_w);
      std::memcpy(out, from + place * x.dims[3] + channel, count * sizeof(T));
    }
    out += count;
    depth -= count;
    channel = 0;
    if (++kw == w.dims[2]) {
      kw = 0;
      kh++;
    }
  }
}

gemm::Product product_of(const Call& c) {
  const tensor::Shape& w = c.args[1].shape;
  const tensor::Shape& y = c.out.shape;
  const bool is_f32 = c.out.shape.dtype == tensor::Dtype::f32;
  gemm::Product p;
  p.micro = is_f32 ? &gemm::reals() : &gemm::bytes();
  p.batches = static_cast<size_t>(c.integer(kGroups));
  p.m = size_t{1} * y.dims[0] * y.dims[1] * y.dims[2];
  p.n = w.dims[0] / p.batches;
  p.k = size_t{1} * w.dims[1] * w.dims[2] * w.dims[3];
  p.a.gather = is_f32 ? window<float> : window<int8_t>;
  p.a.source = &c;
  p.b = {.data = c.args[1].data, .row = p.k, .batch = p.n * p.k};
  p.y = c.out.data;
  p.y_row = w.dims[0];
  p.y_batch = p.n;
  return p;
}

}  // namespace

extern const Kernel kConv2dF32 = {4,       1,       "conv2d_f32", rule::conv2d_f32,
                                  nullptr, nullptr, nullptr,      &gemm::kSteps<product_of>};
extern const Kernel kConv2dS8 = {5,       1,       "conv2d_s8", rule::conv2d_s8,
                                 nullptr, nullptr, nullptr,     &gemm::kSteps<product_of>};

}  // namespace kernels::cpu
