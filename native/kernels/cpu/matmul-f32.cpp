// matmul_f32, bmm_f32: products of rows by rows, as the product core makes them.

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"
#include "kernels/ops.h"

namespace kernels::cpu {
namespace {

gemm::Product product_of(const Call& c) {
  const tensor::Shape& a = c.args[0].shape;
  const tensor::Shape& b = c.args[1].shape;
  const size_t lead = a.rank - 2;
  gemm::Product p;
  p.micro = &gemm::reals();
  p.batches = lead == 0 ? 1 : a.dims[0];
  p.m = a.dims[lead];
  p.n = b.dims[lead];
  p.k = a.last();
  p.a = {.data = c.args[0].data, .row = p.k, .batch = p.m * p.k};
  p.b = {.data = c.args[1].data, .row = p.k, .batch = p.n * p.k};
  p.y = c.out.data;
  p.y_row = p.n;
  p.y_batch = p.m * p.n;
  return p;
}

}  // namespace

extern const Kernel kMatmulF32 = {1,       1,       "matmul_f32", rule::matmul_f32,
                                  nullptr, nullptr, nullptr,      &gemm::kSteps<product_of>};
extern const Kernel kBmmF32 = {3,       1,       "bmm_f32", rule::bmm_f32,
                               nullptr, nullptr, nullptr,   &gemm::kSteps<product_of>};

}  // namespace kernels::cpu
