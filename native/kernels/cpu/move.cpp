// reshape, expand, slice, flip: walks over the source. pad, concat, dilate2d: runs of the source
// and what lies between them. A unit is one element of the output.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/walk.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using tensor::kRankMax;
using tensor::Shape;

Walk slice_walk(const Call& c) {
  const Shape& a = c.args[0].shape;
  Walk walk;
  for (uint32_t axis = 0; axis < a.rank; axis++) {
    walk.start += c.integer(axis) * stride_of(a, axis);
    walk.add(c.out.shape.dims[axis], stride_of(a, axis));
  }
  walk.close();
  return walk;
}

Walk expand_walk(const Call& c) {
  const Shape& a = c.args[0].shape;
  const uint32_t offset = c.out.shape.rank - a.rank;
  Walk walk;
  for (uint32_t axis = 0; axis < c.out.shape.rank; axis++) {
    const bool repeated = axis < offset || a.dims[axis - offset] == 1;
    walk.add(c.out.shape.dims[axis], repeated ? 0 : stride_of(a, axis - offset));
  }
  walk.close();
  return walk;
}

Walk flip_walk(const Call& c) {
  const Shape& a = c.args[0].shape;
  Walk walk;
  for (uint32_t axis = 0; axis < a.rank; axis++) {
    const int64_t stride = stride_of(a, axis);
    const bool reversed = c.attrs[axis] == 1;
    if (reversed) walk.start += (int64_t{a.dims[axis]} - 1) * stride;
    walk.add(a.dims[axis], reversed ? -stride : stride);
  }
  walk.close();
  return walk;
}

Walk straight_walk(const Call& c) {
  Walk walk;
  walk.add(c.out.shape.elements(), 1);
  walk.close();
  return walk;
}

template <Walk (*plan)(const Call&)>
void walk_f32(const Call& c, size_t first, size_t last) {
  walk_over(plan(c), c.args[0].f32(), c.out.f32(), first, last);
}
template <Walk (*plan)(const Call&)>
void walk_s8(const Call& c, size_t first, size_t last) {
  walk_over(plan(c), c.args[0].s8(), c.out.s8(), first, last);
}
template <Walk (*plan)(const Call&)>
void walk_s32(const Call& c, size_t first, size_t last) {
  walk_over(plan(c), c.args[0].s32(), c.out.s32(), first, last);
}

BT_INLINE void moved_body(const float* from, float* to, size_t count) { move_run(from, to, count); }
BT_CLONES(void, moved, (const float* from, float* to, size_t count), (from, to, count))

// Pads joined where they allow it: an axis without pads becomes a part of the one around it.
struct Padding {
  uint32_t rank = 0;
  size_t before[kRankMax], size[kRankMax], full[kRankMax];

  void add(size_t first, size_t count, size_t after) {
    if (rank > 0 && first == 0 && after == 0) {
      before[rank - 1] *= count;
      size[rank - 1] *= count;
      full[rank - 1] *= count;
      return;
    }
    before[rank] = first;
    size[rank] = count;
    full[rank++] = first + count + after;
  }
};

void pad_f32(const Call& c, size_t first, size_t last) {
  const Shape& a = c.args[0].shape;
  Padding pads;
  for (uint32_t axis = 0; axis < a.rank; axis++) {
    pads.add(c.attrs[axis], a.dims[axis], c.attrs[axis + kRankMax]);
  }
  const uint32_t inner = pads.rank - 1;
  const size_t row = pads.full[inner];
  for (size_t i = first; i < last;) {
    // Which row of the source this row of the output holds, if any.
    size_t rest = i / row;
    size_t source = 0, rows = 1;
    bool inside = true;
    for (uint32_t axis = inner; axis-- > 0;) {
      const size_t at = rest % pads.full[axis] - pads.before[axis];
      inside = inside && at < pads.size[axis];
      source += at * rows;
      rows *= pads.size[axis];
      rest /= pads.full[axis];
    }
    const size_t column = i % row;
    const size_t count = row - column < last - i ? row - column : last - i;
    const size_t begin = pads.before[inner];
    const size_t end = inside ? begin + pads.size[inner] : 0;
    for (size_t at = column; at < column + count;) {
      const size_t stop = at >= begin && at < end ? end : at < begin && inside ? begin : row;
      const size_t run = (stop < column + count ? stop : column + count) - at;
      float* to = c.out.f32() + i + at - column;
      if (at >= begin && at < end) {
        moved(c.args[0].f32() + source * pads.size[inner] + at - begin, to, run);
      } else {
        fill_run(0.0f, to, run);
      }
      at += run;
    }
    i += count;
  }
}

// Both operands as rows over the joined axis and all inside it.
template <typename T, typename Move>
void concat(const Call& c, const T* a, const T* b, T* y, size_t first, size_t last, Move move) {
  const auto axis = static_cast<uint32_t>(c.attrs[0]);
  const auto inner = static_cast<size_t>(stride_of(c.out.shape, axis));
  const size_t head = c.args[0].shape.dims[axis] * inner;
  const size_t tail = c.args[1].shape.dims[axis] * inner;
  const size_t row = head + tail;
  for (size_t i = first; i < last;) {
    const size_t column = i % row;
    const size_t stop = column < head ? head : row;
    const size_t count = stop - column < last - i ? stop - column : last - i;
    const T* from =
        column < head ? a + i / row * head + column : b + i / row * tail + column - head;
    move(from, y + i, count);
    i += count;
  }
}

void concat_f32(const Call& c, size_t first, size_t last) {
  concat(c, c.args[0].f32(), c.args[1].f32(), c.out.f32(), first, last, moved);
}
void concat_s8(const Call& c, size_t first, size_t last) {
  const auto move = [](const int8_t* from, int8_t* to, size_t count) {
    __builtin_memcpy(to, from, count);
  };
  concat(c, c.args[0].s8(), c.args[1].s8(), c.out.s8(), first, last, move);
}

// A unit is one position of the output with all its channels.
size_t pixels(const Call& c) { return elements(c) / c.out.shape.last(); }
size_t pixel_slab(const Call& c) { return (1u << 15) / c.out.shape.last() + 1; }

void dilate2d_f32(const Call& c, size_t first, size_t last) {
  const Shape& x = c.args[0].shape;
  const Shape& y = c.out.shape;
  const size_t channels = x.dims[3];
  const size_t step_h = c.attrs[0], step_w = c.attrs[1];
  size_t w = first % y.dims[2];
  size_t h = first / y.dims[2] % y.dims[1];
  size_t n = first / y.dims[2] / y.dims[1];
  for (size_t unit = first; unit < last; unit++) {
    float* to = c.out.f32() + unit * channels;
    if (h % step_h == 0 && w % step_w == 0) {
      const size_t place = (n * x.dims[1] + h / step_h) * x.dims[2] + w / step_w;
      moved(c.args[0].f32() + place * channels, to, channels);
    } else {
      fill_run(0.0f, to, channels);
    }
    if (++w < y.dims[2]) continue;
    w = 0;
    if (++h < y.dims[1]) continue;
    h = 0;
    n++;
  }
}

constexpr Kernel kKernels[] = {
    {103, 1, "reshape_f32", rule::reshape_f32, elements, element_slab, walk_f32<straight_walk>},
    {104, 1, "reshape_s8", rule::reshape_s8, elements, element_slab, walk_s8<straight_walk>},
    {105, 1, "reshape_s32", rule::reshape_s32, elements, element_slab, walk_s32<straight_walk>},
    {106, 1, "expand_f32", rule::expand_f32, elements, element_slab, walk_f32<expand_walk>},
    {107, 1, "slice_f32", rule::slice_f32, elements, element_slab, walk_f32<slice_walk>},
    {108, 1, "slice_s8", rule::slice_s8, elements, element_slab, walk_s8<slice_walk>},
    {109, 1, "slice_s32", rule::slice_s32, elements, element_slab, walk_s32<slice_walk>},
    {110, 1, "pad_f32", rule::pad_f32, elements, element_slab, pad_f32},
    {111, 1, "concat_f32", rule::concat_f32, elements, element_slab, concat_f32},
    {112, 1, "concat_s8", rule::concat_s8, elements, element_slab, concat_s8},
    {115, 1, "flip_f32", rule::flip_f32, elements, element_slab, walk_f32<flip_walk>},
    {116, 1, "dilate2d_f32", rule::dilate2d_f32, pixels, pixel_slab, dilate2d_f32},
};

}  // namespace

std::span<const Kernel> moves() { return kKernels; }

}  // namespace kernels::cpu
