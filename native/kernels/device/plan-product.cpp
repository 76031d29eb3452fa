// matmul and bmm: tiles for many weak processors, panels for few strong ones.

#include "kernels/device/plan.h"

namespace device {
namespace {

using kernels::Call;
using tensor::Shape;

constexpr uint32_t kChunk = 512;
constexpr uint32_t kTile = 128;
// Rows up to which an element for each item beats a tile that is mostly empty.
constexpr uint32_t kThinRows = 8;
constexpr uint64_t kElementsMax = uint64_t{1} << 31;
// Work of one launch of the GPU shape over the whole depth that is still within some milliseconds.
constexpr uint64_t kGroupWorkMax = uint64_t{1} << 30;

struct Product {
  bool is_s8;
  uint32_t batches;
  uint32_t m;
  uint32_t n;
  uint32_t k;

  uint64_t width() const { return is_s8 ? 1 : 4; }
};

Product product_of(uint32_t id, const Call& call) {
  const Shape& a = call.args[0].shape;
  const Shape& y = call.out.shape;
  const uint32_t at = id == 3 ? 1 : 0;
  return {id == 2, id == 3 ? a.dims[0] : 1, y.dims[at], y.dims[at + 1], a.dims[at + 1]};
}

uint64_t up(uint64_t value, uint64_t step) { return (value + step - 1) / step; }

void plan_thin(const Product& product, Plan& plan) {
  BtThin params{};
  params.count = word(uint64_t{product.batches} * product.m * product.n);
  params.n = divisor(product.n);
  params.m = divisor(product.m);
  params.k = product.k;
  launch_each(plan, product.is_s8 ? "matmul_s8_thin" : "matmul_f32_thin", {arg(0), arg(1), kOut},
              params, 64, 4ull * product.k);
}

// An operand whose rows are a whole number of four words long: itself, or a copy in scratch.
Place lengthened(const Product& product, uint8_t operand, uint32_t depth, Plan& plan) {
  if (depth == product.k) return arg(operand);
  BtJoin params{};
  const uint64_t rows = uint64_t{product.batches} * (operand == 0 ? product.m : product.n);
  params.count = word(rows * depth);
  params.joined = divisor(depth);
  params.head = product.k;
  const Place made = scratch(static_cast<uint8_t>(plan.scratch.size()));
  plan.scratch.push_back(rows * depth * product.width());
  launch_each(plan, product.is_s8 ? "lengthen_s8" : "lengthen_f32", {arg(operand), made}, params,
              256, 4);
  return made;
}

void plan_tiles(const Product& product, Plan& plan) {
  const uint32_t four_words = product.is_s8 ? 16 : 4;
  const uint64_t depth = up(product.k, four_words) * four_words;
  const uint64_t rows = uint64_t{product.batches} * (product.m > product.n ? product.m : product.n);
  if (product.m <= kThinRows || rows * depth > kElementsMax) return plan_thin(product, plan);
  const Place a = lengthened(product, 0, word(depth), plan);
  const Place b = lengthened(product, 1, word(depth), plan);
  BtMatmul params{};
  params.m = product.m;
  params.n = product.n;
  params.k = word(depth);
  const uint64_t tiles_m = up(product.m, kTile);
  const uint64_t tiles = tiles_m * up(product.n, kTile);
  params.tiles_m = divisor(tiles_m);
  params.tiles = divisor(tiles);
  // Sums of bytes do not wait in the output.
  const uint64_t part = kGroupWorkMax / (2 * kTile * kTile) / kChunk * kChunk;
  for (uint64_t k = 0; k < depth; k += product.is_s8 ? depth : part) {
    params.k_first = word(k);
    params.k_last = word(product.is_s8 || depth - k < part ? depth : k + part);
    launch(plan, product.is_s8 ? "matmul_s8_tile" : "matmul_f32_tile", {a, b, kOut}, params,
           product.batches * tiles, 256, 2ull * kTile * kTile * (params.k_last - params.k_first));
  }
}

void plan_panels(const Traits& traits, const Product& product, Plan& plan) {
  // As in matmul-item.inc.
  const uint32_t tile_rows = traits.vector == 16 ? 12 : 6;
  const uint32_t tile_columns = 2 * traits.vector;
  const uint32_t tiles_of_item = 8;
  const uint64_t tiles_m = up(product.m, tile_rows);
  const uint64_t tiles_n = up(product.n, tile_columns);
  const uint64_t blocks = up(tiles_m, tiles_of_item);
  const uint64_t depth_max = product.k < kChunk ? product.k : kChunk;
  plan.scratch.push_back(product.batches * tiles_m * tile_rows * depth_max * 4);
  plan.scratch.push_back(product.batches * tiles_n * tile_columns * depth_max * 4);
  BtMatmul params{};
  params.m = product.m;
  params.n = product.n;
  params.k = product.k;
  params.tiles_m = divisor(tiles_m);
  params.tiles_n = divisor(tiles_n);
  params.tiles = divisor(blocks * tiles_n);
  for (uint64_t k = 0; k < product.k; k += kChunk) {
    params.k_first = word(k);
    params.k_last = word(product.k - k < kChunk ? product.k : k + kChunk);
    const uint64_t depth = params.k_last - params.k_first;
    BtPack pack{};
    pack.k = product.k;
    pack.k_first = params.k_first;
    pack.k_last = params.k_last;
    const char* packer = product.is_s8 ? "pack_s8" : "pack_f32";
    pack.rows = product.m;
    pack.width = tile_rows;
    pack.panels = divisor(tiles_m);
    launch(plan, packer, {arg(0), scratch(0)}, pack, product.batches * tiles_m, 1,
           4 * depth * tile_rows);
    pack.rows = product.n;
    pack.width = tile_columns;
    pack.panels = divisor(tiles_n);
    launch(plan, packer, {arg(1), scratch(1)}, pack, product.batches * tiles_n, 1,
           4 * depth * tile_columns);
    launch(plan, product.is_s8 ? "matmul_s8_item" : "matmul_f32_item",
           {scratch(0), scratch(1), kOut}, params, product.batches * blocks * tiles_n, 1,
           2 * depth * tile_rows * tile_columns * tiles_of_item);
  }
}

}  // namespace

bool plan_product(const Traits& traits, uint32_t id, const Call& call, Plan& plan) {
  if (id < 1 || id > 3) return false;
  const Product product = product_of(id, call);
  if (traits.tiling == Tiling::cpu) {
    plan_panels(traits, product, plan);
  } else {
    plan_tiles(product, plan);
  }
  return true;
}

}  // namespace device
