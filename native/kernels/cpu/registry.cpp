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
  static const Kernel* const all[] = {
      &kMatmulF32, &kMatmulS8,     &kBmmF32,      &kAddF32,      &kSubF32,       &kMulF32,
      &kScaleF32,  &kAddS32,       &kRequantise,  &kQuantiseF32, &kDequantiseS8, &kDequantiseS32,
      &kReluF32,   &kReluS8,       &kReluGradF32, &kSoftmaxF32,  &kArgmaxF32,    &kArgmaxS32,
      &kArgmaxS8,  &kTransposeF32, &kTransposeS8, &kSumRowsF32,  &kSumLastF32,   &kSgdF32,
  };
  for (const Kernel* kernel : all) {
    if (kernel->id == id && kernel->version == version) return kernel;
  }
  // An op without a tuned loop runs the plain one: the bytes are the same.
  return find_reference(id, version);
}

}  // namespace kernels
