// maxpool2d, avgpool2d, a unit being one position of the output with all its channels, and the
// gradient of maxpool2d, a unit being 64 channels of one image.
//
// Channels are the innermost axis: each position of a window is one straight run.

#include <algorithm>

#include "kernels/cpu/cpu.h"
#include "kernels/numeric.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using numeric::load;
using numeric::store;
using tensor::Shape;

// The part of one window that lies in x; never empty, since a pad is less than its kernel.
struct Window {
  size_t top, bottom, left, right;

  size_t count() const { return (bottom - top) * (right - left); }
};

// Attributes: kernel h, w; stride h, w; pad top, left, bottom, right.
Window window_of(const Call& c, size_t oh, size_t ow) {
  const Shape& x = c.args[0].shape;
  const int64_t top = static_cast<int64_t>(oh) * c.integer(2) - c.integer(4);
  const int64_t left = static_cast<int64_t>(ow) * c.integer(3) - c.integer(5);
  const auto inside = [](int64_t place, uint32_t size) {
    return static_cast<size_t>(std::clamp<int64_t>(place, 0, size));
  };
  return {inside(top, x.dims[1]), inside(top + c.integer(0), x.dims[1]), inside(left, x.dims[2]),
          inside(left + c.integer(1), x.dims[2])};
}

// Flushing keeps the order, so that it may follow the maximum.
BT_INLINE void max_window_body(const float* image, size_t width, size_t channels, const Window& w,
                               float* __restrict y) {
  for (size_t c = 0; c < channels; c++) y[c] = numeric::from_bits(0xff800000u);
  for (size_t h = w.top; h < w.bottom; h++) {
    for (size_t at = w.left; at < w.right; at++) {
      const float* x = image + (h * width + at) * channels;
      for (size_t c = 0; c < channels; c++) y[c] = numeric::higher(y[c], x[c]);
    }
  }
  for (size_t c = 0; c < channels; c++) y[c] = store(y[c]);
}
BT_CLONES(void, max_window,
          (const float* image, size_t width, size_t channels, const Window& w, float* y),
          (image, width, channels, w, y))

BT_INLINE void mean_window_body(const float* image, size_t width, size_t channels, const Window& w,
                                float divisor, float* __restrict y) {
  for (size_t c = 0; c < channels; c++) y[c] = 0.0f;
  for (size_t h = w.top; h < w.bottom; h++) {
    for (size_t at = w.left; at < w.right; at++) {
      const float* x = image + (h * width + at) * channels;
      for (size_t c = 0; c < channels; c++) y[c] = y[c] + load(x[c]);
    }
  }
  for (size_t c = 0; c < channels; c++) y[c] = store(y[c] / divisor);
}
BT_CLONES(void, mean_window,
          (const float* image, size_t width, size_t channels, const Window& w, float divisor,
           float* y),
          (image, width, channels, w, divisor, y))

size_t positions_of(const Call& c) { return elements(c) / c.out.shape.last(); }

// Positions whose windows hold some 2^15 elements.
size_t position_slab(const Call& c) {
  const Shape& x = c.args[0].shape;
  const auto area = std::min<uint64_t>(c.attrs[0], x.dims[1]) *
                    std::min<uint64_t>(c.attrs[1], x.dims[2]) * x.dims[3];
  return (1u << 15) / area + 1;
}

// Calls `each(image, window, y)` for the positions [first, last).
template <typename Each>
void over_positions(const Call& c, size_t first, size_t last, const Each& each) {
  const Shape& x = c.args[0].shape;
  const Shape& y = c.out.shape;
  const size_t image = size_t{1} * x.dims[1] * x.dims[2] * x.dims[3];
  for (size_t unit = first; unit < last; unit++) {
    const size_t row = unit / y.dims[2];
    each(c.args[0].f32() + row / y.dims[1] * image, window_of(c, row % y.dims[1], unit % y.dims[2]),
         c.out.f32() + unit * y.dims[3]);
  }
}

void maxpool2d_f32(const Call& c, size_t first, size_t last) {
  const Shape& x = c.args[0].shape;
  over_positions(c, first, last, [&](const float* image, const Window& window, float* y) {
    max_window(image, x.dims[2], x.dims[3], window, y);
  });
}

void avgpool2d_f32(const Call& c, size_t first, size_t last) {
  const Shape& x = c.args[0].shape;
  const auto area = static_cast<float>(c.integer(0) * c.integer(1));
  const bool counted = c.integer(8) == 1;
  over_positions(c, first, last, [&](const float* image, const Window& window, float* y) {
    const float divisor = counted ? area : static_cast<float>(window.count());
    mean_window(image, x.dims[2], x.dims[3], window, divisor, y);
  });
}

constexpr size_t kBand = 64;

// Integers in the order of `beats`: a NaN is largest.
BT_INLINE int32_t rank_of(float x) {
  const auto word = static_cast<int32_t>(numeric::bits(load(x)));
  const int32_t rank = word ^ ((word >> 31) & 0x7fffffff);
  return x != x ? INT32_MAX : rank;
}

// Adds dy to the position that each channel of one window chooses: the first that beats all before.
BT_INLINE void choose_window_body(const float* image, size_t width, size_t channels, size_t band,
                                  const Window& w, const float* dy, float* __restrict dx) {
  int32_t best[kBand];
  uint32_t place[kBand];
  for (size_t c = 0; c < kBand; c++) {
    best[c] = INT32_MIN;
    place[c] = 0;
  }
  for (size_t h = w.top; h < w.bottom; h++) {
    for (size_t at = w.left; at < w.right; at++) {
      const auto number = static_cast<uint32_t>(h * width + at);
      const float* x = image + number * channels;
      for (size_t c = 0; c < band; c++) {
        const int32_t rank = rank_of(x[c]);
        place[c] = rank > best[c] ? number : place[c];
        best[c] = rank > best[c] ? rank : best[c];
      }
    }
  }
  for (size_t c = 0; c < band; c++) {
    float* to = dx + place[c] * channels + c;
    *to = *to + load(dy[c]);
  }
}
BT_CLONES(void, choose_window,
          (const float* image, size_t width, size_t channels, size_t band, const Window& w,
           const float* dy, float* dx),
          (image, width, channels, band, w, dy, dx))

size_t bands(const Call& c) { return (c.out.shape.last() + kBand - 1) / kBand; }
size_t grad_units(const Call& c) { return c.out.shape.dims[0] * bands(c); }
size_t grad_slab(const Call&) { return 1; }

void maxpool2d_grad_f32(const Call& c, size_t first, size_t last) {
  const Shape& x = c.args[0].shape;
  const Shape& dy = c.args[1].shape;
  const size_t channels = x.dims[3];
  const size_t pixels = size_t{1} * x.dims[1] * x.dims[2];
  for (size_t unit = first; unit < last; unit++) {
    const size_t n = unit / bands(c);
    const size_t channel = unit % bands(c) * kBand;
    const size_t band = std::min(kBand, channels - channel);
    const float* image = c.args[0].f32() + n * pixels * channels + channel;
    float* dx = c.out.f32() + n * pixels * channels + channel;
    for (size_t i = 0; i < pixels; i++) {
      for (size_t j = 0; j < band; j++) dx[i * channels + j] = 0.0f;
    }
    for (size_t oh = 0; oh < dy.dims[1]; oh++) {
      for (size_t ow = 0; ow < dy.dims[2]; ow++) {
        const size_t position = (n * dy.dims[1] + oh) * dy.dims[2] + ow;
        choose_window(image, x.dims[2], channels, band, window_of(c, oh, ow),
                      c.args[1].f32() + position * channels + channel, dx);
      }
    }
    for (size_t i = 0; i < pixels; i++) {
      for (size_t j = 0; j < band; j++) dx[i * channels + j] = store(dx[i * channels + j]);
    }
  }
}

constexpr Kernel kKernels[] = {
    {90, 1, "maxpool2d_f32", rule::maxpool2d_f32, positions_of, position_slab, maxpool2d_f32},
    {91, 1, "avgpool2d_f32", rule::avgpool2d_f32, positions_of, position_slab, avgpool2d_f32},
    {92, 1, "maxpool2d_grad_f32", rule::maxpool2d_grad_f32, grad_units, grad_slab,
     maxpool2d_grad_f32},
};

}  // namespace

std::span<const Kernel> pools() { return kKernels; }

}  // namespace kernels::cpu
