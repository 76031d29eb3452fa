// Convolutions and pools equal their reference bit for bit: strides, pads, dilation, groups,
// windows that hang over every edge.

#include "test/compare.h"

namespace {

using compare::both;
using compare::f32;
using compare::s32;
using compare::s8;
using compare::Shape;

uint32_t steps(uint32_t size, uint64_t pads, uint64_t extent, uint64_t stride) {
  return static_cast<uint32_t>((size + pads - extent) / stride + 1);
}

// attrs: stride h, w; pad top, left, bottom, right; dilation h, w; groups.
void conv(const std::vector<uint32_t>& x, const std::vector<uint32_t>& w,
          const std::vector<uint64_t>& attrs) {
  const uint64_t eh = attrs[6] * (w[1] - 1) + 1;
  const uint64_t ew = attrs[7] * (w[2] - 1) + 1;
  const std::vector<uint32_t> y = {x[0], steps(x[1], attrs[2] + attrs[4], eh, attrs[0]),
                                   steps(x[2], attrs[3] + attrs[5], ew, attrs[1]), w[0]};
  both({4, {f32(x), f32(w)}, attrs, f32(y)}, 1);
  both({5, {s8(x), s8(w)}, attrs, s32(y)}, 1);
}

// attrs: kernel h, w; stride h, w; pad top, left, bottom, right.
void pool(const std::vector<uint32_t>& x, const std::vector<uint64_t>& attrs) {
  const std::vector<uint32_t> y = {x[0], steps(x[1], attrs[4] + attrs[6], attrs[0], attrs[2]),
                                   steps(x[2], attrs[5] + attrs[7], attrs[1], attrs[3]), x[3]};
  both({90, {f32(x)}, attrs, f32(y)});
  both({92, {f32(x), f32(y)}, attrs, f32(x)});
  for (const uint64_t counted : {0, 1}) {
    std::vector<uint64_t> average = attrs;
    average.push_back(counted);
    both({91, {f32(x)}, average, f32(y)});
  }
}

}  // namespace

int main() {
  conv({1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 0, 0, 0, 0, 1, 1, 1});
  conv({2, 8, 9, 3}, {5, 3, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1});
  conv({1, 14, 14, 16}, {33, 3, 3, 16}, {2, 2, 1, 1, 0, 0, 1, 1, 1});
  conv({1, 7, 11, 64}, {20, 3, 3, 64}, {1, 2, 0, 1, 2, 0, 2, 3, 1});
  conv({2, 6, 6, 6}, {6, 3, 3, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 6});
  conv({1, 5, 5, 8}, {12, 5, 4, 4}, {3, 1, 7, 9, 2, 0, 1, 1, 2});
  conv({3, 4, 4, 70}, {65, 1, 1, 70}, {1, 1, 0, 0, 0, 0, 65535, 65535, 1});
  conv({1, 2, 2, 1}, {3, 2, 2, 1}, {65535, 1, 3, 65535, 1, 1, 4, 2, 1});
  pool({1, 1, 1, 1}, {1, 1, 1, 1, 0, 0, 0, 0});
  pool({2, 8, 8, 16}, {2, 2, 2, 2, 0, 0, 0, 0});
  pool({1, 7, 9, 5}, {3, 3, 2, 2, 1, 1, 1, 1});
  pool({2, 5, 6, 67}, {3, 2, 1, 1, 2, 1, 2, 0});
  pool({1, 13, 4, 130}, {13, 4, 1, 1, 0, 0, 0, 0});
  pool({1, 3, 3, 2}, {65535, 40000, 9000, 7777, 65534, 39999, 65534, 39999});
  pool({1, 9, 9, 33}, {2, 2, 5, 4, 1, 0, 0, 1});
  return 0;
}
