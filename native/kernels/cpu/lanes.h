// Folds over the 64 lanes of the page, four groups at a time: each lane keeps its own order, and
// its partial result stays in a register over 256 elements.
//
// Source: docs/reference/numerics.md, section 3.

#pragma once

#include "kernels/numeric.h"

namespace kernels::cpu {

using numeric::kBlock;
using numeric::kLanes;

// lane[l] = fold(lane[l], at(i)) for i = first + l, first + l + 64, ... below last, ascending.
template <typename At, typename Fold>
BT_INLINE void fold_lanes(float* lane, size_t first, size_t last, const At& at, const Fold& fold) {
  size_t i = first;
  for (; i + 4 * kLanes <= last; i += 4 * kLanes) {
    for (size_t l = 0; l < kLanes; l++) {
      const float one = fold(lane[l], at(i + l));
      const float two = fold(one, at(i + kLanes + l));
      const float three = fold(two, at(i + 2 * kLanes + l));
      lane[l] = fold(three, at(i + 3 * kLanes + l));
    }
  }
  for (; i + kLanes <= last; i += kLanes) {
    for (size_t l = 0; l < kLanes; l++) lane[l] = fold(lane[l], at(i + l));
  }
  for (size_t l = 0; i + l < last; l++) lane[l] = fold(lane[l], at(i + l));
}

// Four lanes: every instruction set has such a register, so that the tree stays in registers.
typedef float Four __attribute__((vector_size(16)));

BT_INLINE Four four(const float* lane) {
  Four found;
  __builtin_memcpy(&found, lane, sizeof found);
  return found;
}

struct Plus {
  template <typename T>
  inline __attribute__((always_inline)) T operator()(T a, T b) const {
    return a + b;
  }
};

// The second where either is a NaN.
struct Higher {
  template <typename T>
  inline __attribute__((always_inline)) T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// The tree 32, 16, 8, 4, 2, 1.
template <typename Join>
BT_INLINE float fold_tree(const float* lane, const Join& join) {
  Four sum[8];
  for (size_t i = 0; i < 8; i++) sum[i] = join(four(lane + 4 * i), four(lane + 4 * i + 32));
  for (size_t i = 0; i < 4; i++) sum[i] = join(sum[i], sum[i + 4]);
  for (size_t i = 0; i < 2; i++) sum[i] = join(sum[i], sum[i + 2]);
  const Four last = join(sum[0], sum[1]);
  const float even = join(last[0], last[2]);
  const float odd = join(last[1], last[3]);
  return join(even, odd);
}

// Long vectors in blocks of 65,536, whose sums are added in order.
template <typename At, typename Fold>
BT_INLINE float fold_blocks(size_t count, const At& at, const Fold& fold) {
  float total = 0.0f;
  for (size_t first = 0; first < count; first += kBlock) {
    const size_t last = count - first < kBlock ? count : first + kBlock;
    float lane[kLanes] = {};
    fold_lanes(lane, first, last, at, fold);
    total = total + fold_tree(lane, Plus{});
  }
  return total;
}

template <typename At>
BT_INLINE float lane_sum(size_t count, const At& at) {
  return fold_blocks(count, at, [](float lane, float x) { return lane + x; });
}

// `at` gives floored elements of the one vector that is multiplied with itself.
template <typename At>
BT_INLINE float lane_square(size_t count, const At& at) {
  return fold_blocks(count, at, [](float lane, float x) { return numeric::fused(x, x, lane); });
}

}  // namespace kernels::cpu
