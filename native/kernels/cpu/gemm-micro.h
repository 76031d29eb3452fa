// What an instruction set gives to the product core: packing of rows into panels, and tiles.

#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/gemm.h"

namespace kernels::gemm {

// Words of k in a chunk. For f32 a constant of the specification: chains have 512 steps.
inline constexpr size_t kChunkWords = 512;
// Rows that `pack` takes at once, at most.
inline constexpr size_t kLanesMax = 16;

// Rows to be laid side by side: lane l of word w goes to to[w * stride + l].
struct Rows {
  const void* at[kLanesMax];
  // Rows there are; lanes from `count` to `width` are zero.
  size_t count;
  size_t width;
  // Elements of k.
  size_t depth;
};

// y [rows, columns] += a panel of a by a panel of b.
struct Tile {
  const uint32_t* a;
  // Words between one k and the next in `a`.
  size_t height;
  const uint32_t* b;
  // What each column begins with; null for Micro without `begin`.
  const uint32_t* begin;
  // Words of k.
  size_t depth;
  void* y;
  size_t y_row;
  size_t rows;
  size_t columns;
  // The first chunk of k overwrites y; after the last one elements are stored by the rules.
  bool is_first;
  bool is_last;
};

struct Micro {
  // Largest tile; panels of b have `columns` lanes.
  size_t rows;
  size_t columns;
  // Rows that the packers take at once.
  size_t lanes;
  // Elements of k in a word, and bytes of an element.
  size_t per_word;
  size_t element_bytes;
  // Products of words that make a unit worth handing to a thread: some 100 microseconds.
  size_t unit_words;
  // Rows of a block of a: with a chunk it stays in the second cache.
  size_t block_rows;
  void (*pack_a)(const Rows& rows, uint32_t* to, size_t stride);
  // `begin`, one word for each lane, is written where `begins`.
  void (*pack_b)(const Rows& rows, uint32_t* to, size_t stride, uint32_t* begin);
  bool begins;
  void (*tile)(const Tile& tile);
};

extern const Micro kScalarF32, kScalarS8;
#if defined(__x86_64__)
extern const Micro kAvx2F32, kAvx2S8, kAvx512F32, kAvx512S8, kAvx512VnniS8;
#endif

}  // namespace kernels::gemm
