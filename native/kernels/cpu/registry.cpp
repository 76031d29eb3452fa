#include "kernels/cpu/cpu.h"

#if BT_EXPERIMENTAL
#include "experimental/flash-attention.h"
#endif

namespace kernels {

const Kernel* find_cpu(uint32_t id, uint32_t version) {
  using namespace cpu;
#if BT_EXPERIMENTAL
  if (id == 7 && version == 1 && experimental::flash_attention_asked()) {
    return &experimental::kFlashAttention;
  }
#endif
  static const std::span<const Kernel> families[] = {
      {&kMatmulF32, 1}, {&kMatmulS8, 1}, {&kBmmF32, 1}, {&kConv2dF32, 1}, {&kConv2dS8, 1},
      elementwise(),    unary(),         conversions(), reductions(),     softmax(),
      norms(),          permutes(),      moves(),       gathers(),        positions(),
      pools(),          attentions(),
  };
  for (const auto family : families) {
    for (const Kernel& kernel : family) {
      if (kernel.id == id && kernel.version == version) return &kernel;
    }
  }
  return nullptr;
}

}  // namespace kernels
