// Walks over the elements of an output in their order, while the source is stepped through by a
// stride for each axis: what permute, slice, expand, flip and reshape have in common.
//
// Axes of one element are dropped and axes that step as one are joined, so that the innermost run
// is as long as it can be.

#pragma once

#include <type_traits>

#include "kernels/kernel.h"
#include "kernels/numeric.h"

namespace kernels::cpu {

struct Axis {
  size_t size;
  // Elements of the source from one index to the next; negative when the axis is reversed.
  int64_t step;
};

struct Walk {
  // The first element of the source, and the axes of the output, outermost first; at least one.
  int64_t start = 0;
  uint32_t rank = 0;
  Axis axes[tensor::kRankMax];

  // Adds an axis inside all others.
  void add(size_t size, int64_t step) {
    if (size == 1) return;
    if (rank > 0) {
      Axis& outer = axes[rank - 1];
      if (outer.step == step * static_cast<int64_t>(size)) {
        outer = {outer.size * size, step};
        return;
      }
    }
    axes[rank++] = {size, step};
  }
  // Called once after all axes.
  void close() {
    if (rank == 0) axes[rank++] = {1, 1};
  }

  const Axis& last() const { return axes[rank - 1]; }
};

// Elements of a tensor from one index of `axis` to the next.
inline int64_t stride_of(const tensor::Shape& shape, uint32_t axis) {
  int64_t stride = 1;
  for (uint32_t inner = axis + 1; inner < shape.rank; inner++) stride *= shape.dims[inner];
  return stride;
}

// An element as it is written by an op that only moves it.
template <typename T>
BT_INLINE T settled(T x) {
  if constexpr (std::is_same_v<T, float>) {
    return numeric::store(x);
  } else {
    return x;
  }
}

template <typename T>
BT_INLINE void move_run(const T* from, T* __restrict to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = settled(from[i]);
}

template <typename T>
BT_INLINE void fill_run(T value, T* __restrict to, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = value;
}

// Elements [first, last) of the output at `to`, in its order.
void walk_over(const Walk& walk, const float* from, float* to, size_t first, size_t last);
void walk_over(const Walk& walk, const int8_t* from, int8_t* to, size_t first, size_t last);
void walk_over(const Walk& walk, const int32_t* from, int32_t* to, size_t first, size_t last);

}  // namespace kernels::cpu
