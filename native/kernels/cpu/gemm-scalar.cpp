// Tiles of 4 rows by 16 columns in plain loops, for processors without AVX2 and for comparison.
//
// The loops have fixed lengths, so that a compiler for a processor with vectors and fused
// multiply-add, such as AArch64, makes vectors of them.

#include "kernels/cpu/gemm-micro.h"
#include "kernels/numeric.h"

namespace kernels::gemm {
namespace {

constexpr size_t kRows = 4;
constexpr size_t kColumns = 16;

struct Reals {
  using Number = float;
  using Element = float;

  BT_INLINE float step(float a, float b, float acc) { return numeric::fused(a, b, acc); }
  BT_INLINE float settle(float y) { return numeric::store(y); }
  BT_INLINE float take(float x) { return numeric::floored(x); }
};

struct Integers {
  using Number = int32_t;
  using Element = int8_t;

  BT_INLINE int32_t step(int32_t a, int32_t b, int32_t acc) { return acc + a * b; }
  BT_INLINE int32_t settle(int32_t y) { return y; }
  BT_INLINE int32_t take(int8_t x) { return x; }
};

template <typename Math>
void pack(const Rows& rows, uint32_t* to, size_t stride) {
  for (size_t lane = 0; lane < rows.count; lane++) {
    const auto* from = static_cast<const typename Math::Element*>(rows.at[lane]);
    for (size_t k = 0; k < rows.depth; k++) {
      const typename Math::Number word = Math::take(from[k]);
      to[k * stride + lane] = std::bit_cast<uint32_t>(word);
    }
  }
  for (size_t lane = rows.count; lane < rows.width; lane++) {
    for (size_t k = 0; k < rows.depth; k++) to[k * stride + lane] = 0;
  }
}

template <typename Math>
void pack_b(const Rows& rows, uint32_t* to, size_t stride, uint32_t*) {
  pack<Math>(rows, to, stride);
}

template <typename Math>
void tile(const Tile& t) {
  using Number = typename Math::Number;
  Number acc[kRows][kColumns] = {};
  for (size_t k = 0; k < t.depth; k++) {
    for (size_t i = 0; i < kRows; i++) {
      // Rows beyond the last repeat it; what they make is not written.
      const size_t row = i < t.rows ? i : t.rows - 1;
      const auto left = std::bit_cast<Number>(t.a[k * t.height + row]);
      for (size_t j = 0; j < kColumns; j++) {
        acc[i][j] = Math::step(left, std::bit_cast<Number>(t.b[k * kColumns + j]), acc[i][j]);
      }
    }
  }
  for (size_t i = 0; i < t.rows; i++) {
    Number* y = static_cast<Number*>(t.y) + i * t.y_row;
    for (size_t j = 0; j < t.columns; j++) {
      const Number sum = t.is_first ? acc[i][j] : y[j] + acc[i][j];
      y[j] = t.is_last ? Math::settle(sum) : sum;
    }
  }
}

template <typename Math>
constexpr Micro micro() {
  return {kRows,
          kColumns,
          kColumns,
          1,
          sizeof(typename Math::Element),
          size_t{1} << 17,
          4 * kRows,
          pack<Math>,
          pack_b<Math>,
          false,
          tile<Math>};
}

}  // namespace

const Micro kScalarF32 = micro<Reals>();
const Micro kScalarS8 = micro<Integers>();

}  // namespace kernels::gemm
