// Ops that only move elements.

#include "kernels/device/plan.h"

namespace device {
namespace {

using kernels::Call;
using tensor::kRankMax;
using tensor::Shape;

// How y is read from a: for each axis of y, the last first, its size and the step along a.
struct Walk {
  uint32_t rank = 0;
  uint32_t base = 0;
  uint32_t sizes[kRankMax] = {};
  uint32_t steps[kRankMax] = {};

  // The next axis outwards. One that goes on where the axis within it ends is the same axis.
  void add(uint32_t size, uint32_t step) {
    if (rank > 0 && step == steps[rank - 1] * sizes[rank - 1]) {
      sizes[rank - 1] *= size;
      return;
    }
    sizes[rank] = size;
    steps[rank] = step;
    rank++;
  }
};

struct Strides {
  explicit Strides(const Shape& shape) {
    uint32_t step = 1;
    for (uint32_t axis = shape.rank; axis-- > 0;) {
      of[axis] = step;
      step *= shape.dims[axis];
    }
  }
  uint32_t of[kRankMax] = {};
};

Walk permuted(const Call& call, const uint64_t* order) {
  const Strides strides(call.args[0].shape);
  Walk walk;
  for (uint32_t axis = call.out.shape.rank; axis-- > 0;) {
    walk.add(call.out.shape.dims[axis], strides.of[order[axis]]);
  }
  return walk;
}

Walk transposed(const Call& call) {
  static constexpr uint64_t order[] = {1, 0};
  return permuted(call, order);
}

Walk reshaped(const Call& call) {
  Walk walk;
  walk.add(elements(call.out.shape), 1);
  return walk;
}

Walk expanded(const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  const Strides strides(a);
  Walk walk;
  for (uint32_t axis = y.rank; axis-- > 0;) {
    const uint32_t missing = y.rank - a.rank;
    const bool repeats = axis < missing || a.dims[axis - missing] == 1;
    walk.add(y.dims[axis], repeats ? 0 : strides.of[axis - missing]);
  }
  return walk;
}

Walk sliced(const Call& call) {
  const Strides strides(call.args[0].shape);
  Walk walk;
  for (uint32_t axis = call.out.shape.rank; axis-- > 0;) {
    walk.base += word(call.attrs[axis]) * strides.of[axis];
    walk.add(call.out.shape.dims[axis], strides.of[axis]);
  }
  return walk;
}

Walk flipped(const Call& call) {
  const Shape& y = call.out.shape;
  const Strides strides(y);
  Walk walk;
  for (uint32_t axis = y.rank; axis-- > 0;) {
    const bool turns = call.attrs[axis] == 1;
    if (turns) walk.base += (y.dims[axis] - 1) * strides.of[axis];
    walk.add(y.dims[axis], turns ? 0 - strides.of[axis] : strides.of[axis]);
  }
  return walk;
}

void plan_walk(const Call& call, const Walk& walk, Plan& plan) {
  BtMove params{};
  params.count = elements(call.out.shape);
  params.rank = walk.rank;
  params.base = walk.base;
  for (uint32_t axis = 0; axis < walk.rank; axis++) {
    params.axis[axis] = divisor(walk.sizes[axis]);
    params.step[axis] = walk.steps[axis];
  }
  const tensor::Dtype dtype = call.out.shape.dtype;
  const char* kernel = dtype == tensor::Dtype::f32  ? "move_f32"
                       : dtype == tensor::Dtype::s8 ? "move_s8"
                                                    : "move_s32";
  launch_each(plan, kernel, {arg(0), kOut}, params, 256, 4 + 6 * walk.rank);
}

void plan_pad(const Call& call, Plan& plan) {
  const Shape& a = call.args[0].shape;
  const Strides strides(a);
  BtPad params{};
  params.count = elements(call.out.shape);
  params.rank = a.rank;
  for (uint32_t place = 0; place < a.rank; place++) {
    const uint32_t axis = a.rank - 1 - place;
    params.axis[place] = divisor(call.out.shape.dims[axis]);
    params.step[place] = strides.of[axis];
    params.before[place] = word(call.attrs[axis]);
    params.inside[place] = a.dims[axis];
  }
  launch_each(plan, "pad_f32", {arg(0), kOut}, params, 256, 4 + 8 * a.rank);
}

void plan_concat(uint32_t id, const Call& call, Plan& plan) {
  const Shape& a = call.args[0].shape;
  const auto axis = static_cast<uint32_t>(call.attrs[0]);
  const uint32_t inner = Strides(a).of[axis];
  BtJoin params{};
  params.count = elements(call.out.shape);
  params.joined = divisor(uint64_t{call.out.shape.dims[axis]} * inner);
  params.head = a.dims[axis] * inner;
  launch_each(plan, id == 111 ? "concat_f32" : "concat_s8", {arg(0), arg(1), kOut}, params, 256,
              10);
}

void plan_gather(const Call& call, Plan& plan) {
  const Shape& a = call.args[0].shape;
  BtJoin params{};
  params.count = elements(call.out.shape);
  params.joined = divisor(a.elements() / a.dims[0]);
  params.limit = a.dims[0];
  launch_each(plan, "gather_f32", {arg(0), arg(1), kOut}, params, 256, 10);
}

void plan_one_hot(const Call& call, Plan& plan) {
  BtJoin params{};
  params.count = elements(call.out.shape);
  params.joined = divisor(call.out.shape.last());
  params.limit = call.out.shape.last();
  launch_each(plan, "one_hot_f32", {arg(0), kOut}, params, 256, 10);
}

}  // namespace

bool plan_move(uint32_t id, const Call& call, Plan& plan) {
  switch (id) {
    case 60:
    case 61:
      plan_walk(call, transposed(call), plan);
      return true;
    case 100:
    case 101:
    case 102:
      plan_walk(call, permuted(call, call.attrs), plan);
      return true;
    case 103:
    case 104:
    case 105:
      plan_walk(call, reshaped(call), plan);
      return true;
    case 106:
      plan_walk(call, expanded(call), plan);
      return true;
    case 107:
    case 108:
    case 109:
      plan_walk(call, sliced(call), plan);
      return true;
    case 110:
      plan_pad(call, plan);
      return true;
    case 111:
    case 112:
      plan_concat(id, call, plan);
      return true;
    case 113:
      plan_gather(call, plan);
      return true;
    case 114:
      plan_one_hot(call, plan);
      return true;
    case 115:
      plan_walk(call, flipped(call), plan);
      return true;
    default:
      return false;
  }
}

}  // namespace device
