#include "experimental/flash-attention.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/numeric.h"
#include "kernels/ops.h"

#if BT_X86
#include <immintrin.h>
#endif

namespace experimental {
namespace {

using kernels::Call;
using numeric::floored;
using numeric::fused;
using numeric::store;

// Keys of a tile: a constant of the specification.
constexpr size_t kTile = 64;
// Rows that share a packed tile, and rows that a step holds in registers.
constexpr size_t kBlockRows = 96;
constexpr size_t kStepRows = 6;

static_assert(kBlockRows % kStepRows == 0, "a block is whole steps");

// out[row][j] = chain over k of left[row][k] * right[k][j], begun with out[row][j] where `begins`.
// left: rows `left_stride` apart; right: [depth][kTile]; out: rows `out_stride` apart.
struct Panel {
  const float* left;
  size_t left_stride;
  const float* right;
  size_t depth;
  float* out;
  size_t out_stride;
  bool begins;
};

typedef void (*Step)(const Panel& panel, size_t rows);

void step_scalar(const Panel& p, size_t rows) {
  for (size_t row = 0; row < rows; row++) {
    float* out = p.out + row * p.out_stride;
    for (size_t j = 0; j < kTile; j++) {
      float acc = p.begins ? out[j] : 0.0f;
      for (size_t k = 0; k < p.depth; k++) {
        acc = fused(p.left[row * p.left_stride + k], p.right[k * kTile + j], acc);
      }
      out[j] = acc;
    }
  }
}

#if BT_X86
template <size_t rows>
BT_TARGET_AVX512 void step_rows_avx512(const Panel& p) {
  __m512 acc[rows][4];
  for (size_t row = 0; row < rows; row++) {
    for (size_t part = 0; part < 4; part++) {
      acc[row][part] =
          p.begins ? _mm512_loadu_ps(p.out + row * p.out_stride + 16 * part) : _mm512_setzero_ps();
    }
  }
  for (size_t k = 0; k < p.depth; k++) {
    __m512 right[4];
    for (size_t part = 0; part < 4; part++) {
      right[part] = _mm512_loadu_ps(p.right + k * kTile + 16 * part);
    }
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++) {
      const __m512 value = _mm512_set1_ps(p.left[row * p.left_stride + k]);
#pragma GCC unroll 4
      for (size_t part = 0; part < 4; part++) {
        acc[row][part] = _mm512_fmadd_ps(value, right[part], acc[row][part]);
      }
    }
  }
  for (size_t row = 0; row < rows; row++) {
    for (size_t part = 0; part < 4; part++) {
      _mm512_storeu_ps(p.out + row * p.out_stride + 16 * part, acc[row][part]);
    }
  }
}

// 16 columns at a time: 6 rows of two registers fit the 16 that there are.
template <size_t rows>
BT_TARGET_AVX2 void step_rows_avx2(const Panel& p) {
  for (size_t column = 0; column < kTile; column += 16) {
    __m256 acc[rows][2];
    for (size_t row = 0; row < rows; row++) {
      for (size_t part = 0; part < 2; part++) {
        acc[row][part] = p.begins ? _mm256_loadu_ps(p.out + row * p.out_stride + column + 8 * part)
                                  : _mm256_setzero_ps();
      }
    }
    for (size_t k = 0; k < p.depth; k++) {
      const __m256 left = _mm256_loadu_ps(p.right + k * kTile + column);
      const __m256 right = _mm256_loadu_ps(p.right + k * kTile + column + 8);
#pragma GCC unroll 6
      for (size_t row = 0; row < rows; row++) {
        const __m256 value = _mm256_set1_ps(p.left[row * p.left_stride + k]);
        acc[row][0] = _mm256_fmadd_ps(value, left, acc[row][0]);
        acc[row][1] = _mm256_fmadd_ps(value, right, acc[row][1]);
      }
    }
    for (size_t row = 0; row < rows; row++) {
      for (size_t part = 0; part < 2; part++) {
        _mm256_storeu_ps(p.out + row * p.out_stride + column + 8 * part, acc[row][part]);
      }
    }
  }
}

void step_avx512(const Panel& p, size_t rows) {
  static constexpr void (*steps[])(const Panel&) = {step_rows_avx512<1>, step_rows_avx512<2>,
                                                    step_rows_avx512<3>, step_rows_avx512<4>,
                                                    step_rows_avx512<5>, step_rows_avx512<6>};
  steps[rows - 1](p);
}

void step_avx2(const Panel& p, size_t rows) {
  static constexpr void (*steps[])(const Panel&) = {step_rows_avx2<1>, step_rows_avx2<2>,
                                                    step_rows_avx2<3>, step_rows_avx2<4>,
                                                    step_rows_avx2<5>, step_rows_avx2<6>};
  steps[rows - 1](p);
}
#endif

Step chosen_step() {
#if BT_X86
  if (isa::level() == isa::Level::avx512) return step_avx512;
  if (isa::level() == isa::Level::avx2) return step_avx2;
#endif
  return step_scalar;
}

// Rows of `from`, side by side in `to` as [column][kTile]; absent rows are +0.
BT_INLINE void pack_transposed_body(const float* from, size_t stride, size_t rows, size_t columns,
                                    float* to) {
  // Sixteen rows at a time stay in the first cache while their columns are written.
  for (size_t part = 0; part < kTile; part += 16) {
    const size_t last = rows < part + 16 ? rows : part + 16;
    for (size_t k = 0; k < columns; k++) {
      for (size_t row = part; row < last; row++) {
        to[k * kTile + row] = floored(from[row * stride + k]);
      }
      for (size_t row = last < part ? part : last; row < part + 16; row++) {
        to[k * kTile + row] = 0.0f;
      }
    }
  }
}
BT_CLONES(void, pack_transposed,
          (const float* from, size_t stride, size_t rows, size_t columns, float* to),
          (from, stride, rows, columns, to))

// Columns [0, columns) of `rows` rows into to[row][kTile]; absent columns are +0.
BT_INLINE void pack_rows_body(const float* from, size_t stride, size_t rows, size_t columns,
                              float* to) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t j = 0; j < columns; j++) to[row * kTile + j] = floored(from[row * stride + j]);
    for (size_t j = columns; j < kTile; j++) to[row * kTile + j] = 0.0f;
  }
}
BT_CLONES(void, pack_rows,
          (const float* from, size_t stride, size_t rows, size_t columns, float* to),
          (from, stride, rows, columns, to))

// One row of scores to its weights. `score` holds chains on entry, floored weights on leaving, +0
// from `count` on; `rescale` is what the row's sum and output so far are multiplied by. False where
// the tile contributes nothing.
BT_INLINE bool weigh_body(float* score, size_t count, float scale, float& top, float& sum,
                          float& rescale) {
  // Fixed lengths and no branch inside a loop, so that every loop is vectors.
  const uint32_t present = static_cast<uint32_t>(count);
  const float lowest = numeric::from_bits(0xff800000u);
  float lane[kTile];
  for (uint32_t j = 0; j < kTile; j++) {
    const float scaled = store(floored(score[j]) * scale);
    score[j] = j < present ? scaled : lowest;
    lane[j] = score[j];
  }
  for (size_t span = kTile / 2; span > 0; span /= 2) {
    for (size_t l = 0; l < span; l++) lane[l] = numeric::higher(lane[l], lane[l + span]);
  }
  const float highest = numeric::higher(top, lane[0]);
  if (highest == lowest) return false;
  for (uint32_t j = 0; j < kTile; j++) {
    const float weight = store(numeric::exponential(score[j] - highest));
    lane[j] = j < present ? weight : 0.0f;
    score[j] = floored(lane[j]);
  }
  for (size_t span = kTile / 2; span > 0; span /= 2) {
    for (size_t l = 0; l < span; l++) lane[l] = lane[l] + lane[l + span];
  }
  rescale = floored(store(numeric::exponential(top - highest)));
  sum = store(fused(floored(sum), rescale, lane[0]));
  top = highest;
  return true;
}
BT_CLONES(bool, weigh,
          (float* score, size_t count, float scale, float& top, float& sum, float& rescale),
          (score, count, scale, top, sum, rescale))

BT_INLINE void rescale_row_body(float* row, float by) {
  for (size_t j = 0; j < kTile; j++) row[j] = floored(row[j]) * by;
}
BT_CLONES(void, rescale_row, (float* row, float by), (row, by))

BT_INLINE void settle_row_body(float* row) {
  for (size_t j = 0; j < kTile; j++) row[j] = store(row[j]);
}
BT_CLONES(void, settle_row, (float* row), (row))

struct Shape {
  size_t queries, keys, depth, width;
  bool causal;

  explicit Shape(const Call& c)
      : queries(c.args[0].shape.dims[1]),
        keys(c.args[1].shape.dims[1]),
        depth(c.args[0].shape.dims[2]),
        width(c.args[2].shape.dims[2]),
        causal(c.integer(1) == 1) {}

  size_t blocks() const { return (queries + kBlockRows - 1) / kBlockRows; }
  // Keys that query `row` sees.
  size_t seen(size_t row) const { return causal ? row + keys - queries + 1 : keys; }
  size_t panels() const { return (width + kTile - 1) / kTile; }
};

// What a block of queries keeps while the tiles go by.
struct Block {
  std::vector<float> queries;  // [kBlockRows][depth], floored
  std::vector<float> keys;     // [depth][kTile]
  std::vector<float> values;   // [kTile][kTile], one panel of columns
  std::vector<float> scores;   // [kBlockRows][kTile]
  std::vector<float> output;   // [kBlockRows][panels * kTile]
  float top[kBlockRows];
  float sum[kBlockRows];
  float rescale[kBlockRows];
  size_t count[kBlockRows];

  explicit Block(const Shape& s)
      : queries(kBlockRows * s.depth),
        keys(s.depth * kTile),
        values(kTile * kTile),
        scores(kBlockRows * kTile),
        output(kBlockRows * s.panels() * kTile) {}
};

void score_tile(const Shape& s, Block& b, size_t rows, Step step) {
  for (size_t row = 0; row < rows; row += kStepRows) {
    const Panel panel{b.queries.data() + row * s.depth, s.depth, b.keys.data(), s.depth,
                      b.scores.data() + row * kTile,    kTile,   false};
    step(panel, std::min(kStepRows, rows - row));
  }
}

// Rows that see equally many keys of the tile go together.
void add_values(const Shape& s, Block& b, size_t rows, size_t panel_index, Step step) {
  const size_t stride = s.panels() * kTile;
  for (size_t row = 0; row < rows;) {
    size_t together = 1;
    while (together < kStepRows && row + together < rows &&
           b.count[row + together] == b.count[row]) {
      together++;
    }
    if (b.count[row] > 0) {
      float* out = b.output.data() + row * stride + panel_index * kTile;
      for (size_t i = 0; i < together; i++) rescale_row(out + i * stride, b.rescale[row + i]);
      step({b.scores.data() + row * kTile, kTile, b.values.data(), b.count[row], out, stride, true},
           together);
      for (size_t i = 0; i < together; i++) settle_row(out + i * stride);
    }
    row += together;
  }
}

void attend(const Call& c, const Shape& s, size_t group, size_t first_row, Block& b, Step step) {
  const size_t rows = std::min(kBlockRows, s.queries - first_row);
  const float* q = c.args[0].f32() + (group * s.queries + first_row) * s.depth;
  const float* k = c.args[1].f32() + group * s.keys * s.depth;
  const float* v = c.args[2].f32() + group * s.keys * s.width;
  const float scale = floored(numeric::load(c.real(0)));
  for (size_t i = 0; i < rows * s.depth; i++) b.queries[i] = floored(q[i]);
  std::fill(b.output.begin(), b.output.end(), 0.0f);
  std::fill(b.top, b.top + rows, numeric::from_bits(0xff800000u));
  std::fill(b.sum, b.sum + rows, 0.0f);
  for (size_t tile = 0; tile < s.seen(first_row + rows - 1); tile += kTile) {
    const size_t present = std::min(kTile, s.keys - tile);
    pack_transposed(k + tile * s.depth, s.depth, present, s.depth, b.keys.data());
    score_tile(s, b, rows, step);
    for (size_t row = 0; row < rows; row++) {
      const size_t seen = s.seen(first_row + row);
      const size_t count = seen <= tile ? 0 : std::min(kTile, seen - tile);
      const bool adds = count > 0 && weigh(b.scores.data() + row * kTile, count, scale, b.top[row],
                                           b.sum[row], b.rescale[row]);
      b.count[row] = adds ? count : 0;
    }
    for (size_t panel = 0; panel < s.panels(); panel++) {
      const size_t columns = std::min(kTile, s.width - panel * kTile);
      pack_rows(v + tile * s.width + panel * kTile, s.width, present, columns, b.values.data());
      add_values(s, b, rows, panel, step);
    }
  }
  const size_t stride = s.panels() * kTile;
  for (size_t row = 0; row < rows; row++) {
    float* y = c.out.f32() + (group * s.queries + first_row + row) * s.width;
    for (size_t e = 0; e < s.width; e++) y[e] = store(b.output[row * stride + e] / b.sum[row]);
  }
}

size_t units(const Call& c) { return c.args[0].shape.dims[0] * Shape(c).blocks(); }
size_t slab(const Call&) { return 1; }

void run(const Call& c, size_t first, size_t last) {
  const Shape shape(c);
  const Step step = chosen_step();
  Block block(shape);
  for (size_t unit = first; unit < last; unit++) {
    attend(c, shape, unit / shape.blocks(), unit % shape.blocks() * kBlockRows, block, step);
  }
}

}  // namespace

extern const kernels::Kernel kFlashAttention = {
    7, 1, "attention_f32", kernels::rule::attention_f32, units, slab, run};

bool flash_attention_asked() {
  static const bool asked = [] {
    const char* value = std::getenv("USE_FLASH_ATTN");
    return value != nullptr && std::strcmp(value, "2") == 0;
  }();
  return asked;
}

}  // namespace experimental
