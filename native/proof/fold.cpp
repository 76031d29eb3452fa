#include "proof/fold.h"

#include <cstdlib>
#include <cstring>
#include <optional>

#include "proof/freivalds.h"
#include "runtime/launch.h"

namespace fold {
namespace {

constexpr uint16_t kMatmulS8 = 2;

std::optional<size_t> recompute(const kernels::Kernel& kernel, kernels::Call call,
                                std::span<const uint8_t> claimed, runtime::Pool& pool) {
  std::vector<uint8_t> made(claimed.size());
  call.out.data = made.data();
  // Without memory there is no verdict, as for `made` itself.
  if (runtime::launch(kernel, call, pool) != runtime::Ending::done) std::abort();
  if (std::memcmp(made.data(), claimed.data(), made.size()) == 0) return std::nullopt;
  size_t byte = 0;
  while (made[byte] == claimed[byte]) byte++;
  return byte / tensor::width(call.out.shape.dtype);
}

std::vector<blake3::Digest> digest_all(const std::vector<std::span<const uint8_t>>& values,
                                       runtime::Pool& pool) {
  std::vector<blake3::Digest> digests(values.size());
  const std::atomic<bool> never{false};
  pool.run(values.size(), 1, never, [&](size_t first, size_t last) {
    for (size_t i = first; i < last; i++) digests[i] = blake3::hash(values[i]);
  });
  return digests;
}

}  // namespace

Verdict verify(const runtime::Table& table, const std::vector<std::span<const uint8_t>>& values,
               blake3::Key secret, std::span<const uint8_t, 32> receipt_id, runtime::Pool& pool) {
  Verdict verdict;
  verdict.digests = digest_all(values, pool);
  for (uint32_t index = 0; index < table.ops.size(); index++) {
    const runtime::Op& op = table.ops[index];
    kernels::Call call = runtime::call_of(table, index);
    for (uint32_t i = 0; i < call.arg_count; i++) call.args[i].data = values[op.args[i]].data();
    const std::span<const uint8_t> claimed = values[table.given() + index];
    std::optional<size_t> fault;
    if (op.id == kMatmulS8) {
      const size_t n = call.out.shape.dims[1];
      const freivalds::Claim claim{
          call.out.shape.dims[0],     n,
          call.args[0].shape.dims[1], call.args[0].s8(),
          call.args[1].s8(),          reinterpret_cast<const int32_t*>(claimed.data())};
      fault =
          freivalds::find_fault(claim, freivalds::draw_coins(secret, receipt_id, index, n), pool);
    } else {
      fault = recompute(*kernels::find_cpu(op.id, op.version), call, claimed, pool);
    }
    if (fault.has_value()) {
      verdict.valid = false;
      verdict.op_index = index;
      verdict.element = *fault;
      return verdict;
    }
  }
  return verdict;
}

}  // namespace fold
