// attention_f32, mask_causal_f32 and rope_f32 equal their reference bit for bit: fewer and more
// keys than a tile, widths that are no multiple of a vector, hidden keys.

#include "test/compare.h"

namespace {

using compare::both;
using compare::f32;

void attention(uint32_t groups, uint32_t t, uint32_t s, uint32_t d, uint32_t e) {
  const compare::Shape q = f32({groups, t, d});
  const compare::Shape k = f32({groups, s, d});
  const compare::Shape v = f32({groups, s, e});
  for (const uint64_t scale : {0x3e000000u, 0xbf8ccccdu, 0x00000001u, 0x7f7fffffu}) {
    both({7, {q, k, v}, {scale, 0}, f32({groups, t, e})}, 1);
    if (s >= t) both({7, {q, k, v}, {scale, 1}, f32({groups, t, e})}, 1);
  }
}

void masks_and_rotations() {
  for (const std::vector<uint32_t>& lead : {std::vector<uint32_t>{}, {1}, {3}, {2, 1, 3}}) {
    for (const auto& [t, n] : {std::pair{1u, 2u}, {5u, 34u}, {33u, 66u}, {7u, 1024u}}) {
      std::vector<uint32_t> dims = lead;
      dims.insert(dims.end(), {t, n});
      both({8, {f32(dims)}, {}, f32(dims)});
      both({9, {f32(dims), f32({t, n / 2}), f32({t, n / 2})}, {}, f32(dims)});
    }
  }
  both({8, {f32({65, 65})}, {}, f32({65, 65})});
}

}  // namespace

int main() {
  attention(1, 1, 1, 1, 1);
  attention(2, 7, 64, 8, 8);
  attention(1, 6, 65, 64, 64);
  attention(2, 33, 130, 33, 17);
  attention(1, 129, 200, 64, 64);
  attention(1, 70, 70, 128, 80);
  attention(1, 3, 257, 512, 3);
  attention(3, 20, 5, 16, 130);
  masks_and_rotations();
  return 0;
}
