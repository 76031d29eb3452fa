// attention_f32.

#include "kernels/cpu/attention-blocks.h"
#include "kernels/cpu/cpu.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

using Blocks = Attention<96>;

constexpr Kernel kKernels[] = {
    {7, 1, "attention_f32", rule::attention_f32, Blocks::units, Blocks::slab, Blocks::run},
};

}  // namespace

std::span<const Kernel> attentions() { return kKernels; }

}  // namespace kernels::cpu
