// maxpool2d, avgpool2d, a unit being one element of the output, and the gradient of maxpool2d, a
// unit being one image.

#include <algorithm>
#include <vector>

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

using scalar::load;
using scalar::store;

// The numbers of the elements of x under one window, in ascending order of (kh, kw).
// Attributes: kernel h, w; stride h, w; pad top, left, bottom, right.
std::vector<size_t> window(const Call& c, size_t n, size_t oh, size_t ow, size_t channel) {
  const tensor::Shape& x = c.args[0].shape;
  const int64_t top = static_cast<int64_t>(oh) * c.integer(2) - c.integer(4);
  const int64_t left = static_cast<int64_t>(ow) * c.integer(3) - c.integer(5);
  std::vector<size_t> found;
  for (int64_t h = std::max<int64_t>(top, 0); h < top + c.integer(0) && h < x.dims[1]; h++) {
    for (int64_t w = std::max<int64_t>(left, 0); w < left + c.integer(1) && w < x.dims[2]; w++) {
      const size_t row = n * x.dims[1] + static_cast<size_t>(h);
      found.push_back((row * x.dims[2] + static_cast<size_t>(w)) * x.dims[3] + channel);
    }
  }
  return found;
}

std::vector<size_t> window_of(const Call& c, size_t element) {
  const tensor::Shape& y = c.out.shape;
  const size_t channel = element % y.dims[3];
  const size_t ow = element / y.dims[3] % y.dims[2];
  const size_t oh = element / y.dims[3] / y.dims[2] % y.dims[1];
  return window(c, element / y.dims[3] / y.dims[2] / y.dims[1], oh, ow, channel);
}

void maxpool2d_f32(const Call& c, size_t first, size_t last) {
  const float* x = c.args[0].f32();
  for (size_t i = first; i < last; i++) {
    const std::vector<size_t> places = window_of(c, i);
    float top = load(x[places[0]]);
    for (const size_t place : places) top = scalar::hi(top, load(x[place]));
    c.out.f32()[i] = store(top);
  }
}

void avgpool2d_f32(const Call& c, size_t first, size_t last) {
  const float* x = c.args[0].f32();
  const int64_t area = c.integer(0) * c.integer(1);
  for (size_t i = first; i < last; i++) {
    const std::vector<size_t> places = window_of(c, i);
    float sum = 0.0f;
    for (const size_t place : places) sum = sum + load(x[place]);
    const auto count =
        c.integer(8) == 1 ? static_cast<float>(area) : static_cast<float>(places.size());
    c.out.f32()[i] = store(sum / count);
  }
}

size_t images(const Call& c) { return c.out.shape.dims[0]; }
size_t one_image(const Call&) { return 1; }

void maxpool2d_grad_f32(const Call& c, size_t first, size_t last) {
  const float* x = c.args[0].f32();
  const tensor::Shape& dy = c.args[1].shape;
  const size_t image = c.out.shape.elements() / c.out.shape.dims[0];
  float* dx = c.out.f32();
  for (size_t n = first; n < last; n++) {
    for (size_t i = n * image; i < (n + 1) * image; i++) dx[i] = 0.0f;
    for (size_t oh = 0; oh < dy.dims[1]; oh++) {
      for (size_t ow = 0; ow < dy.dims[2]; ow++) {
        for (size_t channel = 0; channel < dy.dims[3]; channel++) {
          const std::vector<size_t> places = window(c, n, oh, ow, channel);
          size_t chosen = places[0];
          for (const size_t place : places) {
            if (scalar::beats(x[place], x[chosen])) chosen = place;
          }
          const size_t from = (n * dy.dims[1] + oh) * dy.dims[2] + ow;
          dx[chosen] = dx[chosen] + load(c.args[1].f32()[from * dy.dims[3] + channel]);
        }
      }
    }
    for (size_t i = n * image; i < (n + 1) * image; i++) dx[i] = store(dx[i]);
  }
}

constexpr Kernel kKernels[] = {
    {90, 1, "maxpool2d_f32", rule::maxpool2d_f32, elements, slab, maxpool2d_f32},
    {91, 1, "avgpool2d_f32", rule::avgpool2d_f32, elements, slab, avgpool2d_f32},
    {92, 1, "maxpool2d_grad_f32", rule::maxpool2d_grad_f32, images, one_image, maxpool2d_grad_f32},
};

}  // namespace

std::span<const Kernel> pooling() { return kKernels; }

}  // namespace kernels::reference
