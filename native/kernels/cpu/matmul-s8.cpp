// matmul_s8: the same product over bytes, exact in 32 bits.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

gemm::Product product_of(const Call& c) {
  gemm::Product p;
  p.micro = &gemm::bytes();
  p.m = c.args[0].shape.dims[0];
  p.n = c.args[1].shape.dims[0];
  p.k = c.args[0].shape.dims[1];
  p.a = {.data = c.args[0].data, .row = p.k};
  p.b = {.data = c.args[1].data, .row = p.k};
  p.y = c.out.data;
  p.y_row = p.n;
  return p;
}

}  // namespace

extern const Kernel kMatmulS8 = {2,       1,       "matmul_s8", rule::matmul_s8,
                                 nullptr, nullptr, nullptr,     &gemm::kSteps<product_of>};

}  // namespace kernels::cpu
