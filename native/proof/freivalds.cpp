#include "proof/freivalds.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "proof/goldilocks.h"
#include "tensor/isa.h"

namespace freivalds {
namespace {

constexpr size_t kSlabRows = 32;
constexpr size_t kNowhere = ~static_cast<size_t>(0);
// |c| <= 2^31 and pieces below 2^22 leave room for 512 products in 63 bits.
constexpr size_t kWideRun = 512;
constexpr uint64_t kPieceMask = (1u << 22) - 1;

uint64_t join_halves(int64_t low, int64_t high) {
  const uint64_t shifted = goldilocks::multiply(goldilocks::from_signed(high), 1ULL << 32);
  return goldilocks::add(goldilocks::from_signed(low), shifted);
}

// sums[k] += sum over rows of b[row][k] * coin[row], in halves of 32 bits.
BT_INLINE void fold_rows_body(const int8_t* b, size_t rows, size_t k, const uint64_t* coins,
                              int64_t* low, int64_t* high) {
  for (size_t row = 0; row < rows; row++) {
    const int8_t* values = b + row * k;
    const int64_t coin_low = static_cast<int64_t>(coins[row] & 0xFFFFFFFFu);
    const int64_t coin_high = static_cast<int64_t>(coins[row] >> 32);
    for (size_t i = 0; i < k; i++) {
      low[i] += static_cast<int64_t>(values[i]) * coin_low;
      high[i] += static_cast<int64_t>(values[i]) * coin_high;
    }
  }
}
BT_CLONES(void, fold_rows,
          (const int8_t* b, size_t rows, size_t k, const uint64_t* coins, int64_t* low,
           int64_t* high),
          (b, rows, k, coins, low, high))

struct Halves {
  int64_t low;
  int64_t high;
};

BT_INLINE Halves dot_s8_body(const int8_t* a, const int64_t* low, const int64_t* high, size_t k) {
  int64_t sum_low = 0;
  int64_t sum_high = 0;
  for (size_t i = 0; i < k; i++) {
    sum_low += static_cast<int64_t>(a[i]) * low[i];
    sum_high += static_cast<int64_t>(a[i]) * high[i];
  }
  return {sum_low, sum_high};
}
BT_CLONES(Halves, dot_s8, (const int8_t* a, const int64_t* low, const int64_t* high, size_t k),
          (a, low, high, k))

struct Thirds {
  int64_t part[3];
};

BT_INLINE Thirds dot_s32_body(const int32_t* c, const int64_t* const* pieces, size_t count) {
  Thirds sum{{0, 0, 0}};
  for (size_t i = 0; i < count; i++) {
    const int64_t value = c[i];
    sum.part[0] += value * pieces[0][i];
    sum.part[1] += value * pieces[1][i];
    sum.part[2] += value * pieces[2][i];
  }
  return sum;
}
BT_CLONES(Thirds, dot_s32, (const int32_t* c, const int64_t* const* pieces, size_t count),
          (c, pieces, count))

// A vector of field elements cut into signed pieces that a machine word can accumulate.
struct Halved {
  std::vector<int64_t> low;
  std::vector<int64_t> high;

  explicit Halved(const std::vector<uint64_t>& values) : low(values.size()), high(values.size()) {
    for (size_t i = 0; i < values.size(); i++) {
      low[i] = static_cast<int64_t>(values[i] & 0xFFFFFFFFu);
      high[i] = static_cast<int64_t>(values[i] >> 32);
    }
  }
};

struct Pieces {
  std::vector<int64_t> part[3];

  explicit Pieces(std::span<const uint64_t> values) {
    for (int p = 0; p < 3; p++) {
      part[p].resize(values.size());
      for (size_t i = 0; i < values.size(); i++) {
        part[p][i] = static_cast<int64_t>((values[i] >> (22 * p)) & kPieceMask);
      }
    }
  }
};

uint64_t row_times_coins(const int32_t* row, const Pieces& coins, size_t n) {
  uint64_t total = 0;
  for (size_t first = 0; first < n; first += kWideRun) {
    const int64_t* at[3] = {coins.part[0].data() + first, coins.part[1].data() + first,
                            coins.part[2].data() + first};
    const Thirds sum = dot_s32(row + first, at, std::min(kWideRun, n - first));
    for (int p = 0; p < 3; p++) {
      const uint64_t value = goldilocks::from_signed(sum.part[p]);
      total = goldilocks::add(total, goldilocks::multiply(value, 1ULL << (22 * p)));
    }
  }
  return total;
}

// B^T r. 2^16 rows of |b| <= 2^7 times 32-bit halves stay below 2^55; longer sums are cut there.
std::vector<uint64_t> fold_columns(const Claim& claim, std::span<const uint64_t> coins,
                                   runtime::Pool& pool) {
  constexpr size_t kRowsMax = 1u << 16;
  std::vector<uint64_t> out(claim.k, 0);
  const size_t parts = std::min<size_t>(pool.threads(), (claim.n + kSlabRows - 1) / kSlabRows);
  const size_t rows_per_part = (claim.n + parts - 1) / parts;
  std::vector<std::vector<uint64_t>> partial(parts, std::vector<uint64_t>(claim.k, 0));
  const std::atomic<bool> never{false};
  pool.run(parts, 1, never, [&](size_t first_part, size_t last_part) {
    for (size_t part = first_part; part < last_part; part++) {
      const size_t end = std::min(claim.n, (part + 1) * rows_per_part);
      for (size_t row = part * rows_per_part; row < end; row += kRowsMax) {
        std::vector<int64_t> low(claim.k, 0);
        std::vector<int64_t> high(claim.k, 0);
        fold_rows(claim.b + row * claim.k, std::min(kRowsMax, end - row), claim.k,
                  coins.data() + row, low.data(), high.data());
        for (size_t i = 0; i < claim.k; i++) {
          partial[part][i] = goldilocks::add(partial[part][i], join_halves(low[i], high[i]));
        }
      }
    }
  });
  for (const auto& values : partial) {
    for (size_t i = 0; i < claim.k; i++) out[i] = goldilocks::add(out[i], values[i]);
  }
  return out;
}

// The first element of `row` that differs from the exact product.
size_t wrong_column(const Claim& claim, size_t row) {
  for (size_t column = 0; column < claim.n; column++) {
    int64_t sum = 0;
    for (size_t i = 0; i < claim.k; i++) {
      sum += static_cast<int64_t>(claim.a[row * claim.k + i]) * claim.b[column * claim.k + i];
    }
    if (sum != claim.c[row * claim.n + column]) return column;
  }
  return kNowhere;
}

}  // namespace

std::vector<uint64_t> draw_coins(blake3::Key secret, std::span<const uint8_t, 32> receipt_id,
                                 uint32_t op_index, size_t count) {
  constexpr char kLabel[] = "bt/fold/1";
  uint8_t message[9 + 32 + 4];
  std::memcpy(message, kLabel, 9);
  std::memcpy(message + 9, receipt_id.data(), 32);
  for (int i = 0; i < 4; i++) message[41 + i] = static_cast<uint8_t>(op_index >> (8 * i));
  std::vector<uint64_t> coins;
  coins.reserve(count);
  const blake3::Digest seed = blake3::keyed(secret, message);
  for (uint32_t block = 0; coins.size() < count; block++) {
    uint8_t number[4];
    for (int i = 0; i < 4; i++) number[i] = static_cast<uint8_t>(block >> (8 * i));
    const blake3::Digest words = blake3::keyed(seed, number);
    for (size_t i = 0; i < 4 && coins.size() < count; i++) {
      uint64_t word = 0;
      std::memcpy(&word, words.data() + 8 * i, 8);
      if (word < goldilocks::kModulus) coins.push_back(word);
    }
  }
  return coins;
}

std::optional<size_t> find_fault(const Claim& claim, std::span<const uint64_t> coins,
                                 runtime::Pool& pool) {
  const Halved folded(fold_columns(claim, coins, pool));
  const Pieces pieces(coins);
  std::atomic<size_t> first_bad{kNowhere};
  const std::atomic<bool> never{false};
  pool.run(claim.m, kSlabRows, never, [&](size_t first, size_t last) {
    for (size_t row = first; row < last; row++) {
      const Halves right =
          dot_s8(claim.a + row * claim.k, folded.low.data(), folded.high.data(), claim.k);
      const uint64_t left = row_times_coins(claim.c + row * claim.n, pieces, claim.n);
      if (left == join_halves(right.low, right.high)) continue;
      size_t seen = first_bad.load();
      while (row < seen && !first_bad.compare_exchange_weak(seen, row)) {
      }
    }
  });
  const size_t row = first_bad.load();
  if (row == kNowhere) return std::nullopt;
  return row * claim.n + wrong_column(claim, row);
}

}  // namespace freivalds
