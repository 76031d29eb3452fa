// The experimental kernel of attention_f32: query blocks against packed key and value tiles.
//
// Built only with ORCHARD_BUILD_EXPERIMENTAL=ON, used only with USE_FLASH_ATTN=2 in the
// environment. It computes what docs/reference/numerics.md says of op 7, bit for bit, as every
// kernel does.
//
// Source of the blocking: T. Dao, "FlashAttention-2" (2023), section 3.2: the outer loop runs over
// queries, so that a block keeps its running maximum, sum and output to itself.

#pragma once

#include "kernels/kernel.h"

namespace experimental {

extern const kernels::Kernel kFlashAttention;

// USE_FLASH_ATTN=2, read once.
bool flash_attention_asked();

}  // namespace experimental
