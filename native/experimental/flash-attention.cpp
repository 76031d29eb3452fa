#include "experimental/flash-attention.h"

#include <cstdlib>
#include <cstring>

#include "kernels/cpu/attention-blocks.h"
#include "kernels/ops.h"

namespace experimental {
namespace {

// Twice the rows of the default kernel: a tile is packed half as often, and there are half as many
// units for the threads to share.
using Blocks = kernels::cpu::Attention<192>;

}  // namespace

extern const kernels::Kernel kFlashAttention = {
    7, 1, "attention_f32", kernels::rule::attention_f32, Blocks::units, Blocks::slab, Blocks::run};

bool flash_attention_asked() {
  static const bool asked = [] {
    const char* value = std::getenv("USE_FLASH_ATTN");
    return value != nullptr && std::strcmp(value, "2") == 0;
  }();
  return asked;
}

}  // namespace experimental
