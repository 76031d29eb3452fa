// The experimental kernel of attention_f32: larger blocks of queries than
// the default kernel takes.
//
// Built only with ORCHARD_BUILD_EXPERIMENTAL=ON, used only with USE_FLASH_ATTN=2 in the
// environment. It computes what docs/reference/numerics.md says of op 7, bit for bit, as every
// kernel does.

#pragma once

#include "kernels/kernel.h"

namespace experimental {

extern const kernels::Kernel kFlashAttention;

// USE_FLASH_ATTN=2, read once.
bool flash_attention_asked();

}  // namespace experimental
