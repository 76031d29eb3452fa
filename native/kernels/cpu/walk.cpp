#include "kernels/cpu/walk.h"

namespace kernels::cpu {
namespace {

template <typename T>
BT_INLINE void step_run(const T* from, int64_t step, T* __restrict to, size_t count) {
  if (step == 1) {
    move_run(from, to, count);
  } else if (step == 0) {
    fill_run(settled(*from), to, count);
  } else if (step == -1) {
    for (size_t i = 0; i < count; i++) to[i] = settled(from[-static_cast<int64_t>(i)]);
  } else {
    for (size_t i = 0; i < count; i++) to[i] = settled(from[static_cast<int64_t>(i) * step]);
  }
}

template <typename T>
BT_INLINE void walk_run(const Walk& walk, const T* source, T* to, size_t first, size_t last) {
  size_t index[tensor::kRankMax] = {};
  int64_t place = walk.start;
  size_t rest = first;
  for (uint32_t axis = walk.rank; axis-- > 0;) {
    index[axis] = rest % walk.axes[axis].size;
    rest /= walk.axes[axis].size;
    place += static_cast<int64_t>(index[axis]) * walk.axes[axis].step;
  }
  const uint32_t inner = walk.rank - 1;
  const Axis run = walk.axes[inner];
  for (size_t i = first; i < last;) {
    const size_t left = run.size - index[inner];
    const size_t count = left < last - i ? left : last - i;
    step_run(source + place, run.step, to + i, count);
    i += count;
    place -= static_cast<int64_t>(index[inner]) * run.step;
    index[inner] = 0;
    for (uint32_t axis = inner; axis-- > 0;) {
      place += walk.axes[axis].step;
      if (++index[axis] < walk.axes[axis].size) break;
      place -= static_cast<int64_t>(walk.axes[axis].size) * walk.axes[axis].step;
      index[axis] = 0;
    }
  }
}

BT_INLINE void walk_f32_body(const Walk& walk, const float* from, float* to, size_t a, size_t b) {
  walk_run(walk, from, to, a, b);
}
BT_CLONES(void, walk_f32, (const Walk& walk, const float* from, float* to, size_t a, size_t b),
          (walk, from, to, a, b))
BT_INLINE void walk_s8_body(const Walk& walk, const int8_t* from, int8_t* to, size_t a, size_t b) {
  walk_run(walk, from, to, a, b);
}
BT_CLONES(void, walk_s8, (const Walk& walk, const int8_t* from, int8_t* to, size_t a, size_t b),
          (walk, from, to, a, b))
BT_INLINE void walk_s32_body(const Walk& walk, const int32_t* from, int32_t* to, size_t a,
                             size_t b) {
  walk_run(walk, from, to, a, b);
}
BT_CLONES(void, walk_s32, (const Walk& walk, const int32_t* from, int32_t* to, size_t a, size_t b),
          (walk, from, to, a, b))

}  // namespace

void walk_over(const Walk& walk, const float* from, float* to, size_t first, size_t last) {
  walk_f32(walk, from, to, first, last);
}
void walk_over(const Walk& walk, const int8_t* from, int8_t* to, size_t first, size_t last) {
  walk_s8(walk, from, to, first, last);
}
void walk_over(const Walk& walk, const int32_t* from, int32_t* to, size_t first, size_t last) {
  walk_s32(walk, from, to, first, last);
}

}  // namespace kernels::cpu
