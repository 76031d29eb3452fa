// Ops that place elements elsewhere: for each element of the output, where it comes from. A unit is
// one element of the output.

#include <array>
#include <optional>

#include "kernels/ops.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/scalar.h"

namespace kernels::reference {
namespace {

using Index = std::array<size_t, tensor::kRankMax>;

Index index_of(const tensor::Shape& shape, size_t number) {
  Index index = {};
  for (uint32_t axis = shape.rank; axis-- > 0;) {
    index[axis] = number % shape.dims[axis];
    number /= shape.dims[axis];
  }
  return index;
}

size_t number_of(const tensor::Shape& shape, const Index& index) {
  size_t number = 0;
  for (uint32_t axis = 0; axis < shape.rank; axis++) {
    number = number * shape.dims[axis] + index[axis];
  }
  return number;
}

// An element of a call: operand and row-major number; none is +0.
struct Place {
  uint32_t arg;
  size_t number;
};
using From = std::optional<Place> (*)(const Call&, const Index&);

template <From from>
void move_f32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const std::optional<Place> place = from(c, index_of(c.out.shape, i));
    const float x = place ? c.args[place->arg].f32()[place->number] : 0.0f;
    c.out.f32()[i] = scalar::store(scalar::load(x));
  }
}

template <From from>
void move_s8(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const Place place = *from(c, index_of(c.out.shape, i));
    c.out.s8()[i] = c.args[place.arg].s8()[place.number];
  }
}

template <From from>
void move_s32(const Call& c, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) {
    const Place place = *from(c, index_of(c.out.shape, i));
    c.out.s32()[i] = c.args[place.arg].s32()[place.number];
  }
}

std::optional<Place> transposed(const Call& c, const Index& y) {
  return Place{0, number_of(c.args[0].shape, {y[1], y[0]})};
}

std::optional<Place> permuted(const Call& c, const Index& y) {
  Index a = {};
  for (uint32_t axis = 0; axis < c.out.shape.rank; axis++) a[c.attrs[axis]] = y[axis];
  return Place{0, number_of(c.args[0].shape, a)};
}

std::optional<Place> reshaped(const Call& c, const Index& y) {
  return Place{0, number_of(c.out.shape, y)};
}

std::optional<Place> expanded(const Call& c, const Index& y) {
  const tensor::Shape& shape = c.args[0].shape;
  const uint32_t offset = c.out.shape.rank - shape.rank;
  Index a = {};
  for (uint32_t axis = 0; axis < shape.rank; axis++) {
    a[axis] = shape.dims[axis] == 1 ? 0 : y[axis + offset];
  }
  return Place{0, number_of(shape, a)};
}

std::optional<Place> sliced(const Call& c, const Index& y) {
  Index a = {};
  for (uint32_t axis = 0; axis < c.out.shape.rank; axis++) a[axis] = c.attrs[axis] + y[axis];
  return Place{0, number_of(c.args[0].shape, a)};
}

std::optional<Place> padded(const Call& c, const Index& y) {
  const tensor::Shape& shape = c.args[0].shape;
  Index a = {};
  for (uint32_t axis = 0; axis < shape.rank; axis++) {
    const size_t before = c.attrs[axis];
    if (y[axis] < before || y[axis] >= before + shape.dims[axis]) return std::nullopt;
    a[axis] = y[axis] - before;
  }
  return Place{0, number_of(shape, a)};
}

std::optional<Place> joined(const Call& c, const Index& y) {
  const uint64_t axis = c.attrs[0];
  const size_t head = c.args[0].shape.dims[axis];
  if (y[axis] < head) return Place{0, number_of(c.args[0].shape, y)};
  Index b = y;
  b[axis] = y[axis] - head;
  return Place{1, number_of(c.args[1].shape, b)};
}

size_t clamped(int32_t index, size_t count) {
  if (index < 0) return 0;
  return static_cast<size_t>(index) < count ? static_cast<size_t>(index) : count - 1;
}

std::optional<Place> gathered(const Call& c, const Index& y) {
  const tensor::Shape& rows = c.args[0].shape;
  const tensor::Shape& index = c.args[1].shape;
  const int32_t row = c.args[1].s32()[number_of(index, y)];
  Index a = {clamped(row, rows.dims[0])};
  for (uint32_t axis = 1; axis < rows.rank; axis++) a[axis] = y[index.rank + axis - 1];
  return Place{0, number_of(rows, a)};
}

std::optional<Place> flipped(const Call& c, const Index& y) {
  Index a = y;
  for (uint32_t axis = 0; axis < c.out.shape.rank; axis++) {
    if (c.attrs[axis] == 1) a[axis] = c.out.shape.dims[axis] - 1 - y[axis];
  }
  return Place{0, number_of(c.args[0].shape, a)};
}

std::optional<Place> dilated(const Call& c, const Index& y) {
  if (y[1] % c.attrs[0] != 0 || y[2] % c.attrs[1] != 0) return std::nullopt;
  const Index x = {y[0], y[1] / c.attrs[0], y[2] / c.attrs[1], y[3]};
  return Place{0, number_of(c.args[0].shape, x)};
}

void one_hot_f32(const Call& c, size_t first, size_t last) {
  const size_t classes = c.out.shape.last();
  for (size_t i = first; i < last; i++) {
    const size_t hot = clamped(c.args[0].s32()[i / classes], classes);
    c.out.f32()[i] = i % classes == hot ? 1.0f : 0.0f;
  }
}

constexpr Kernel kKernels[] = {
    {60, 1, "transpose_f32", rule::transpose_f32, elements, slab, move_f32<transposed>},
    {61, 1, "transpose_s8", rule::transpose_s8, elements, slab, move_s8<transposed>},
    {100, 1, "permute_f32", rule::permute_f32, elements, slab, move_f32<permuted>},
    {101, 1, "permute_s8", rule::permute_s8, elements, slab, move_s8<permuted>},
    {102, 1, "permute_s32", rule::permute_s32, elements, slab, move_s32<permuted>},
    {103, 1, "reshape_f32", rule::reshape_f32, elements, slab, move_f32<reshaped>},
    {104, 1, "reshape_s8", rule::reshape_s8, elements, slab, move_s8<reshaped>},
    {105, 1, "reshape_s32", rule::reshape_s32, elements, slab, move_s32<reshaped>},
    {106, 1, "expand_f32", rule::expand_f32, elements, slab, move_f32<expanded>},
    {107, 1, "slice_f32", rule::slice_f32, elements, slab, move_f32<sliced>},
    {108, 1, "slice_s8", rule::slice_s8, elements, slab, move_s8<sliced>},
    {109, 1, "slice_s32", rule::slice_s32, elements, slab, move_s32<sliced>},
    {110, 1, "pad_f32", rule::pad_f32, elements, slab, move_f32<padded>},
    {111, 1, "concat_f32", rule::concat_f32, elements, slab, move_f32<joined>},
    {112, 1, "concat_s8", rule::concat_s8, elements, slab, move_s8<joined>},
    {113, 1, "gather_f32", rule::gather_f32, elements, slab, move_f32<gathered>},
    {114, 1, "one_hot_f32", rule::one_hot_f32, elements, slab, one_hot_f32},
    {115, 1, "flip_f32", rule::flip_f32, elements, slab, move_f32<flipped>},
    {116, 1, "dilate2d_f32", rule::dilate2d_f32, elements, slab, move_f32<dilated>},
};

}  // namespace

std::span<const Kernel> moves() { return kKernels; }

}  // namespace kernels::reference
