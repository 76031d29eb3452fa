// transpose and permute.
//
// Where the innermost axis of the output is that of the source, runs are moved and a unit is one
// element. Where it is another one, squares are transposed in registers: along the axis that is
// contiguous in the source and the one that is contiguous in the output. A unit is then a band of
// 32 rows of the output.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/walk.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

constexpr size_t kBand = 32;

// A register of 16 bytes, which every instruction set has.
template <typename T>
struct Register {
  typedef T Lanes __attribute__((vector_size(16)));
  static constexpr size_t kLanes = 16 / sizeof(T);
};

#if defined(__clang__) || __GNUC__ >= 12
#define BT_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define BT_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, decltype(indices_of(a)){__VA_ARGS__})
typedef int32_t Four32 __attribute__((vector_size(16)));
typedef int8_t Sixteen8 __attribute__((vector_size(16)));
Four32 indices_of(Register<float>::Lanes);
Four32 indices_of(Register<int32_t>::Lanes);
Sixteen8 indices_of(Register<int8_t>::Lanes);
#endif

// a0 b0 a1 b1 ... of the lower and of the upper halves.
template <typename Lanes>
BT_INLINE Lanes lower_pairs(Lanes a, Lanes b) {
  if constexpr (sizeof a[0] == 4) {
    return BT_SHUFFLE(a, b, 0, 4, 1, 5);
  } else {
    return BT_SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
}
template <typename Lanes>
BT_INLINE Lanes upper_pairs(Lanes a, Lanes b) {
  if constexpr (sizeof a[0] == 4) {
    return BT_SHUFFLE(a, b, 2, 6, 3, 7);
  } else {
    return BT_SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
}

// to[i][j] = from[j][i] for one register by one register: interleaving row i with row i + half, as
// often as a row has bits of index, transposes.
template <typename T>
BT_INLINE void square(const T* from, size_t from_step, T* to, size_t to_step) {
  using Lanes = typename Register<T>::Lanes;
  constexpr size_t side = Register<T>::kLanes;
  Lanes row[side], next[side];
  for (size_t j = 0; j < side; j++) __builtin_memcpy(&row[j], from + j * from_step, sizeof row[j]);
  for (size_t round = 1; round < side; round *= 2) {
    for (size_t i = 0; i < side / 2; i++) {
      next[2 * i] = lower_pairs(row[i], row[i + side / 2]);
      next[2 * i + 1] = upper_pairs(row[i], row[i + side / 2]);
    }
    for (size_t i = 0; i < side; i++) row[i] = next[i];
  }
  for (size_t i = 0; i < side; i++) __builtin_memcpy(to + i * to_step, &row[i], sizeof row[i]);
}

// Elements of a tile's side: of 4 bytes, they fill a line of the cache. Rows of a large tensor lie
// where they drive each other out of the cache; over a tile each line is touched at one time only.
constexpr size_t kTile = 16;

template <typename T>
BT_INLINE void transpose_tile(const T* from, size_t from_step, T* to, size_t to_step) {
  constexpr size_t side = Register<T>::kLanes;
  T tile[kTile][kTile];
  for (size_t j = 0; j < kTile; j++) move_run(from + j * from_step, tile[j], kTile);
  for (size_t i = 0; i < kTile; i += side) {
    for (size_t j = 0; j < kTile; j += side) {
      square(&tile[j][i], kTile, to + i * to_step + j, to_step);
    }
  }
}

// to[i][j] = from[j][i] for i < rows, j < columns; rows of `to` are contiguous in j, those of
// `from` in i.
template <typename T>
BT_INLINE void transpose_band(const T* from, size_t from_step, T* to, size_t to_step, size_t rows,
                              size_t columns) {
  const size_t whole_rows = rows / kTile * kTile;
  const size_t whole_columns = columns / kTile * kTile;
  for (size_t j = 0; j < whole_columns; j += kTile) {
    for (size_t i = 0; i < whole_rows; i += kTile) {
      transpose_tile(from + j * from_step + i, from_step, to + i * to_step + j, to_step);
    }
  }
  for (size_t i = 0; i < rows; i++) {
    const size_t done = i < whole_rows ? whole_columns : 0;
    for (size_t j = done; j < columns; j++) to[i * to_step + j] = settled(from[j * from_step + i]);
  }
}

#define BT_BAND(name, T)                                                                           \
  BT_INLINE void name##_body(const T* from, size_t from_step, T* to, size_t to_step, size_t rows,  \
                             size_t columns) {                                                     \
    transpose_band(from, from_step, to, to_step, rows, columns);                                   \
  }                                                                                                \
  BT_CLONES(void, name,                                                                            \
            (const T* from, size_t from_step, T* to, size_t to_step, size_t rows, size_t columns), \
            (from, from_step, to, to_step, rows, columns))

BT_BAND(band_f32, float)
BT_BAND(band_s8, int8_t)
BT_BAND(band_s32, int32_t)

// How the output is made: by runs, or by bands of the axis `across`.
struct Plan {
  Walk walk;
  uint32_t across;
  bool bands;
};

Plan plan_of(const Call& c, const uint64_t* order) {
  const tensor::Shape& a = c.args[0].shape;
  Plan plan;
  for (uint32_t axis = 0; axis < a.rank; axis++) {
    const auto from = static_cast<uint32_t>(order[axis]);
    plan.walk.add(a.dims[from], stride_of(a, from));
  }
  plan.walk.close();
  plan.across = 0;
  while (plan.across + 1 < plan.walk.rank && plan.walk.axes[plan.across].step != 1) plan.across++;
  plan.bands = plan.across + 1 < plan.walk.rank;
  return plan;
}

size_t bands_across(const Plan& plan) {
  return (plan.walk.axes[plan.across].size + kBand - 1) / kBand;
}

size_t units_of(const Call& c, const uint64_t* order) {
  const Plan plan = plan_of(c, order);
  const size_t all = c.out.shape.elements();
  if (!plan.bands) return all;
  return all / plan.walk.axes[plan.across].size / plan.walk.last().size * bands_across(plan);
}

size_t slab_of(const Call& c, const uint64_t* order) {
  const Plan plan = plan_of(c, order);
  if (!plan.bands) return element_slab(c);
  const size_t count = (size_t{1} << 15) / (plan.walk.last().size * kBand);
  return count == 0 ? 1 : count;
}

template <typename T, typename Band>
void permute(const Call& c, const uint64_t* order, const T* from, T* to, size_t first, size_t last,
             Band band) {
  const Plan plan = plan_of(c, order);
  if (!plan.bands) return walk_over(plan.walk, from, to, first, last);
  const Walk& walk = plan.walk;
  const size_t bands = bands_across(plan);
  for (size_t unit = first; unit < last; unit++) {
    // Where the band begins, in the source and in the output.
    size_t rest = unit / bands;
    size_t source = 0, target = 0, step = 1, across_step = 0;
    for (uint32_t axis = walk.rank; axis-- > 0;) {
      const Axis& at = walk.axes[axis];
      if (axis == plan.across) across_step = step;
      if (axis != plan.across && axis != walk.rank - 1) {
        source += rest % at.size * static_cast<size_t>(at.step);
        target += rest % at.size * step;
        rest /= at.size;
      }
      step *= at.size;
    }
    const size_t row = unit % bands * kBand;
    const size_t left = walk.axes[plan.across].size - row;
    band(from + source + row, static_cast<size_t>(walk.last().step),
         to + target + row * across_step, across_step, left < kBand ? left : kBand,
         walk.last().size);
  }
}

constexpr uint64_t kSwapped[] = {1, 0};

size_t permute_units(const Call& c) { return units_of(c, c.attrs); }
size_t permute_slab(const Call& c) { return slab_of(c, c.attrs); }
size_t transpose_units(const Call& c) { return units_of(c, kSwapped); }
size_t transpose_slab(const Call& c) { return slab_of(c, kSwapped); }

void permute_f32(const Call& c, size_t first, size_t last) {
  permute(c, c.attrs, c.args[0].f32(), c.out.f32(), first, last, band_f32);
}
void permute_s8(const Call& c, size_t first, size_t last) {
  permute(c, c.attrs, c.args[0].s8(), c.out.s8(), first, last, band_s8);
}
void permute_s32(const Call& c, size_t first, size_t last) {
  permute(c, c.attrs, c.args[0].s32(), c.out.s32(), first, last, band_s32);
}
void transpose_f32(const Call& c, size_t first, size_t last) {
  permute(c, kSwapped, c.args[0].f32(), c.out.f32(), first, last, band_f32);
}
void transpose_s8(const Call& c, size_t first, size_t last) {
  permute(c, kSwapped, c.args[0].s8(), c.out.s8(), first, last, band_s8);
}

constexpr Kernel kKernels[] = {
    {60, 1, "transpose_f32", rule::transpose_f32, transpose_units, transpose_slab, transpose_f32},
    {61, 1, "transpose_s8", rule::transpose_s8, transpose_units, transpose_slab, transpose_s8},
    {100, 1, "permute_f32", rule::permute_f32, permute_units, permute_slab, permute_f32},
    {101, 1, "permute_s8", rule::permute_s8, permute_units, permute_slab, permute_s8},
    {102, 1, "permute_s32", rule::permute_s32, permute_units, permute_slab, permute_s32},
};

}  // namespace

std::span<const Kernel> permutes() { return kKernels; }

}  // namespace kernels::cpu
