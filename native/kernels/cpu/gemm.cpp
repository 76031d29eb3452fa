#include "kernels/cpu/gemm.h"

#include <algorithm>

#include "kernels/cpu/gemm-micro.h"
#include "tensor/isa.h"

namespace kernels::gemm {
namespace {

// Words of a that stay in the second cache beside a panel of b.
constexpr size_t kResidentWords = size_t{256} * kChunkWords;
constexpr size_t kResidentBlocks = 4;
constexpr size_t kResidentUnits = 4;
// Columns of a block of b: with a chunk it stays in the third cache.
constexpr size_t kBlockColumns = 2048;
// Words that make a slab of packing.
constexpr size_t kPackSlabWords = size_t{1} << 16;
// Units that a step is cut into where its work is small.
constexpr size_t kUnitsWanted = 16;
constexpr size_t kUnitWordsMin = size_t{1} << 18;
constexpr size_t kTagBytes = 64;

size_t ceiling(size_t value, size_t by) { return (value + by - 1) / by; }
size_t rounded(size_t value, size_t to) { return ceiling(value, to) * to; }

// How a product is cut; a function of its sizes and of the instruction set alone.
struct Plan {
  const Product& p;
  const Micro& micro;
  size_t words;          // of k
  size_t chunks;         // of k
  size_t height;         // rows of a panel of a
  size_t block_rows;     // of a, whole panels
  size_t block_columns;  // of b, whole panels
  size_t slice;          // columns of a unit, whole panels
  bool is_resident;

  explicit Plan(const Product& product) : p(product), micro(*product.micro) {
    words = ceiling(p.k, micro.per_word);
    chunks = ceiling(words, kChunkWords);
    // Panels of equal height: 16 rows are two of 8 rather than one of 14 and one of 2.
    height = ceiling(p.m, ceiling(p.m, micro.rows));
    const size_t deepest = std::min(words, kChunkWords);
    // A panel of b by all of a must not be more than a few units, or a run could not end soon.
    is_resident = p.m * deepest <= kResidentWords && p.m <= kResidentBlocks * micro.block_rows &&
                  p.m * micro.columns * words <= kResidentUnits * micro.unit_words;
    const size_t blocks = is_resident ? 1 : ceiling(p.m, micro.block_rows);
    block_rows = rounded(ceiling(p.m, blocks), height);
    block_columns = is_resident ? p.n : ceiling(p.n, ceiling(p.n, kBlockColumns));
    block_columns = rounded(block_columns, micro.columns);
    // Columns whose tiles make a unit; fewer where the whole step is small.
    const size_t depth = is_resident ? words : deepest;
    const size_t step = (is_resident ? p.batches : 1) * p.m * std::min(p.n, block_columns) * depth;
    const size_t unit = std::min(micro.unit_words, std::max(step / kUnitsWanted, kUnitWordsMin));
    const size_t panel = std::min(p.m, block_rows) * micro.columns * depth;
    slice = std::min(std::max<size_t>(unit / panel, 1) * micro.columns, block_columns);
  }

  size_t row_blocks() const { return ceiling(p.m, block_rows); }
  size_t column_blocks() const { return ceiling(p.n, block_columns); }
  size_t slices(size_t columns) const { return ceiling(columns, slice); }
  size_t depth_of(size_t chunk) const { return std::min(kChunkWords, words - chunk * kChunkWords); }
  // Words of a panel of b in one chunk, what its columns begin with included.
  size_t panel_words() const {
    return (std::min(words, kChunkWords) + (micro.begins ? 1 : 0)) * micro.columns;
  }
  size_t gathered_bytes() const { return micro.lanes * kChunkWords * sizeof(uint32_t); }
};

// The place of a step in the order of a blocked product.
struct Place {
  size_t batch;
  size_t column;   // first of the block
  size_t columns;  // of the block
  size_t chunk;
  bool is_packing;

  Place(const Plan& plan, size_t step) {
    is_packing = step % 2 == 0;
    const size_t pair = step / 2;
    chunk = pair % plan.chunks;
    const size_t block = pair / plan.chunks % plan.column_blocks();
    batch = pair / plan.chunks / plan.column_blocks();
    column = block * plan.block_columns;
    columns = std::min(plan.block_columns, plan.p.n - column);
  }
};

// Points `rows` at rows [first, first + count) of a chunk; rows made on demand go to `gathered`.
void find_rows(const Plan& plan, const Operand& operand, size_t batch, size_t first, size_t count,
               size_t chunk, uint8_t* gathered, Rows& rows) {
  const size_t k = chunk * kChunkWords * plan.micro.per_word;
  rows.count = count;
  rows.depth = std::min(plan.depth_of(chunk) * plan.micro.per_word, plan.p.k - k);
  const auto* data = static_cast<const uint8_t*>(operand.data);
  for (size_t i = 0; i < count; i++) {
    if (operand.gather == nullptr) {
      const size_t element = batch * operand.batch + (first + i) * operand.row + k;
      rows.at[i] = data + element * plan.micro.element_bytes;
    } else {
      uint8_t* to = gathered + i * kChunkWords * sizeof(uint32_t);
      operand.gather(operand.source, batch, first + i, k, rows.depth, to);
      rows.at[i] = to;
    }
  }
}

// Panels of a from row `first` on, one after another, each [depth][height].
void pack_a(const Plan& plan, size_t batch, size_t first, size_t last, size_t chunk,
            uint8_t* gathered, uint32_t* to) {
  const size_t depth = plan.depth_of(chunk);
  for (size_t row = first; row < last; row += plan.height) {
    const size_t count = std::min(plan.height, last - row);
    for (size_t lane = 0; lane < count; lane += plan.micro.lanes) {
      Rows rows;
      rows.width = std::min(plan.micro.lanes, count - lane);
      find_rows(plan, plan.p.a, batch, row + lane, rows.width, chunk, gathered, rows);
      plan.micro.pack_a(rows, to + lane, plan.height);
    }
    to += depth * plan.height;
  }
}

// One panel of b: what the columns begin with, where they do, then [depth][columns].
void pack_b(const Plan& plan, size_t batch, size_t column, size_t chunk, uint8_t* gathered,
            uint32_t* to) {
  uint32_t* begin = to;
  if (plan.micro.begins) to += plan.micro.columns;
  for (size_t lane = 0; lane < plan.micro.columns; lane += plan.micro.lanes) {
    const size_t left = plan.p.n - std::min(plan.p.n, column + lane);
    Rows rows;
    rows.width = plan.micro.lanes;
    find_rows(plan, plan.p.b, batch, column + lane, std::min(left, rows.width), chunk, gathered,
              rows);
    plan.micro.pack_b(rows, to + lane, plan.micro.columns, begin + lane);
  }
}

// All tiles of rows [row, row_end) by one panel of b.
void tiles(const Plan& plan, size_t batch, size_t row, size_t row_end, const uint32_t* a,
           size_t column, const uint32_t* b, size_t chunk) {
  const Product& p = plan.p;
  Tile tile;
  tile.height = plan.height;
  tile.begin = b;
  tile.b = b + (plan.micro.begins ? plan.micro.columns : 0);
  tile.depth = plan.depth_of(chunk);
  tile.y_row = p.y_row;
  tile.columns = std::min(plan.micro.columns, p.n - column);
  tile.is_first = chunk == 0;
  tile.is_last = chunk + 1 == plan.chunks;
  for (; row < row_end; row += plan.height) {
    tile.a = a;
    tile.rows = std::min(plan.height, row_end - row);
    tile.y = static_cast<uint32_t*>(p.y) + batch * p.y_batch + row * p.y_row + column;
    plan.micro.tile(tile);
    a += tile.depth * plan.height;
  }
}

// --- a fits the second cache ---------------------------------------------------------------------

// Words of a, packed, in chunks [0, chunk) of one batch.
size_t resident_words(const Plan& plan, size_t chunk) {
  return plan.block_rows * std::min(chunk * kChunkWords, plan.words);
}

void resident_pack(const Plan& plan, const Room& room, size_t first, size_t last) {
  auto* shared = reinterpret_cast<uint32_t*>(room.shared);
  const size_t panels = plan.block_rows / plan.height;
  for (size_t unit = first; unit < last; unit++) {
    const size_t panel = unit % panels;
    const size_t chunk = unit / panels % plan.chunks;
    const size_t batch = unit / panels / plan.chunks;
    const size_t row = panel * plan.height;
    uint32_t* to = shared + batch * resident_words(plan, plan.chunks) +
                   resident_words(plan, chunk) + row * plan.depth_of(chunk);
    pack_a(plan, batch, row, std::min(row + plan.height, plan.p.m), chunk, room.own + kTagBytes,
           to);
  }
}

void resident_tiles(const Plan& plan, const Room& room, size_t first, size_t last) {
  const auto* shared = reinterpret_cast<const uint32_t*>(room.shared);
  uint8_t* gathered = room.own + kTagBytes;
  auto* b = reinterpret_cast<uint32_t*>(gathered + plan.gathered_bytes());
  const size_t slices = plan.slices(plan.p.n);
  for (size_t unit = first; unit < last; unit++) {
    const size_t batch = unit / slices;
    const size_t from = unit % slices * plan.slice;
    const size_t end = std::min(from + plan.slice, plan.p.n);
    const uint32_t* a = shared + batch * resident_words(plan, plan.chunks);
    for (size_t chunk = 0; chunk < plan.chunks; chunk++) {
      for (size_t column = from; column < end; column += plan.micro.columns) {
        pack_b(plan, batch, column, chunk, gathered, b);
        tiles(plan, batch, 0, plan.p.m, a + resident_words(plan, chunk), column, b, chunk);
      }
    }
  }
}

// --- blocked -------------------------------------------------------------------------------------

void blocked_pack(const Plan& plan, const Place& place, const Room& room, size_t first,
                  size_t last) {
  auto* shared = reinterpret_cast<uint32_t*>(room.shared);
  for (size_t panel = first; panel < last; panel++) {
    pack_b(plan, place.batch, place.column + panel * plan.micro.columns, place.chunk,
           room.own + kTagBytes, shared + panel * plan.panel_words());
  }
}

void blocked_tiles(const Plan& plan, const Place& place, const Room& room, size_t step,
                   size_t first, size_t last) {
  const auto* shared = reinterpret_cast<const uint32_t*>(room.shared);
  // Which block of a `own` holds: its number among all blocks of all steps, from 1 on.
  auto* held = reinterpret_cast<uint64_t*>(room.own);
  uint8_t* gathered = room.own + kTagBytes;
  auto* a = reinterpret_cast<uint32_t*>(gathered + plan.gathered_bytes());
  const size_t slices = plan.slices(place.columns);
  for (size_t unit = first; unit < last; unit++) {
    const size_t block = unit / slices;
    const size_t row = block * plan.block_rows;
    const size_t row_end = std::min(row + plan.block_rows, plan.p.m);
    const uint64_t wanted = step / 2 * plan.row_blocks() + block + 1;
    if (*held != wanted) pack_a(plan, place.batch, row, row_end, place.chunk, gathered, a);
    *held = wanted;
    const size_t from = unit % slices * plan.slice;
    const size_t end = std::min(from + plan.slice, place.columns);
    for (size_t column = from; column < end; column += plan.micro.columns) {
      const uint32_t* b = shared + column / plan.micro.columns * plan.panel_words();
      tiles(plan, place.batch, row, row_end, a, place.column + column, b, place.chunk);
    }
  }
}

}  // namespace

const Micro& reals() {
#if BT_X86
  if (isa::level() == isa::Level::avx512) return kAvx512F32;
  if (isa::level() == isa::Level::avx2) return kAvx2F32;
#endif
  return kScalarF32;
}

const Micro& bytes() {
#if BT_X86
  if (isa::choice().vnni) return kAvx512VnniS8;
  if (isa::level() == isa::Level::avx512) return kAvx512S8;
  if (isa::level() == isa::Level::avx2) return kAvx2S8;
#endif
  return kScalarS8;
}

RoomBytes room(const Product& product) {
  const Plan plan(product);
  const size_t fixed = kTagBytes + plan.gathered_bytes();
  const size_t a_words = plan.block_rows * std::min(plan.words, kChunkWords);
  const size_t panels = plan.block_columns / plan.micro.columns;
  if (plan.is_resident) {
    return {plan.p.batches * resident_words(plan, plan.chunks) * sizeof(uint32_t),
            fixed + plan.panel_words() * sizeof(uint32_t)};
  }
  return {panels * plan.panel_words() * sizeof(uint32_t), fixed + a_words * sizeof(uint32_t)};
}

size_t count(const Product& product) {
  const Plan plan(product);
  return plan.is_resident ? 2 : 2 * plan.p.batches * plan.column_blocks() * plan.chunks;
}

size_t units(const Product& product, size_t step) {
  const Plan plan(product);
  if (plan.is_resident) {
    const size_t panels = plan.block_rows / plan.height;
    return plan.p.batches * (step == 0 ? panels * plan.chunks : plan.slices(plan.p.n));
  }
  const Place place(plan, step);
  if (place.is_packing) return ceiling(place.columns, plan.micro.columns);
  return plan.row_blocks() * plan.slices(place.columns);
}

size_t slab(const Product& product, size_t step) {
  const Plan plan(product);
  const size_t chunk_words = std::min(plan.words, kChunkWords);
  if (step % 2 == 0) {
    const size_t lanes = plan.is_resident ? plan.height : plan.micro.columns;
    return std::max<size_t>(kPackSlabWords / (lanes * chunk_words), 1);
  }
  const size_t depth = plan.is_resident ? plan.words : chunk_words;
  const size_t unit = std::min(plan.p.m, plan.block_rows) * plan.slice * depth;
  return std::max<size_t>(kUnitWordsMin / unit, 1);
}

void run(const Product& product, const Room& room, size_t step, size_t first, size_t last) {
  const Plan plan(product);
  if (plan.is_resident) {
    (step == 0 ? resident_pack : resident_tiles)(plan, room, first, last);
    return;
  }
  const Place place(plan, step);
  if (place.is_packing) {
    blocked_pack(plan, place, room, first, last);
  } else {
    blocked_tiles(plan, place, room, step, first, last);
  }
}

}  // namespace kernels::gemm
