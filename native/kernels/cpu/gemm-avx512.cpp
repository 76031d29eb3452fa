#include "kernels/cpu/gemm-avx512.h"

#if BT_X86
namespace kernels::gemm {

const Micro kAvx512F32 = avx512::micro<avx512::Reals>(4);
const Micro kAvx512S8 = avx512::micro<avx512::Pairs>(1);
const Micro kAvx512VnniS8 = avx512::micro<avx512::Fours>(1);

}  // namespace kernels::gemm
#endif
