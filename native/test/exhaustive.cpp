// Compares tuned unary kernels with the reference over all 2^32 inputs, bit for bit.
//
//   exhaustive OP [FROM [TO [THREADS]]]     bit patterns from FROM (0) up to, not including, TO
//   (2^32) exhaustive --list                       the ops, one name a line
//
// TB_BLOCKTORCH_ISA chooses the instruction set of the tuned kernel. The reference is the same
// source, compiled with hardware FMA: without it each step is a call, and a run takes hours. After
// every 2^26 patterns one line says how far all is equal, so that a run can be resumed; the first
// difference ends it with status 1.

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "runtime/pool.h"
#include "test/unary-ops.h"

namespace {

constexpr uint64_t kPatterns = uint64_t{1} << 32;
constexpr uint64_t kReport = uint64_t{1} << 26;

const kernels::Kernel& reference_of(const unary::Op& op) {
  return *kernels::find_reference(op.id, 1);
}

// Compares [from, to). Returns the lowest pattern that differs, or `to`.
uint64_t compare(const unary::Op& op, uint64_t from, uint64_t to, runtime::Pool& pool) {
  const kernels::Kernel& tuned = *kernels::find_cpu(op.id, 1);
  std::atomic<uint64_t> lowest{to};
  const std::atomic<bool> never{false};
  const size_t batches = (to - from + unary::kBatch - 1) / unary::kBatch;
  pool.run(batches, 1, never, [&](size_t first, size_t last) {
    for (size_t batch = first; batch < last; batch++) {
      const uint64_t start = from + batch * unary::kBatch;
      const auto count = static_cast<uint32_t>(std::min<uint64_t>(unary::kBatch, to - start));
      const uint32_t place = unary::differ(op, tuned, reference_of(op), start, 1, count);
      if (place == count) continue;
      uint64_t known = lowest.load();
      while (start + place < known && !lowest.compare_exchange_weak(known, start + place)) {
      }
    }
  });
  return lowest.load();
}

int run(const unary::Op& op, uint64_t from, uint64_t to, unsigned threads) {
  runtime::Pool pool(threads);
  while (from < to) {
    const uint64_t end = std::min(from + kReport, to);
    const uint64_t equal = compare(op, from, end, pool);
    std::printf("%s %" PRIu64 "\n", equal == end ? "equal" : "differs", equal);
    std::fflush(stdout);
    if (equal != end) return 1;
    from = end;
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::fprintf(stderr, "This processor has no FMA.\n");
    return 2;
  }
#endif
  const std::string_view name = count > 1 ? words[1] : "";
  const auto number = [&](int index, uint64_t otherwise) -> uint64_t {
    return count > index ? std::strtoull(words[index], nullptr, 10) : otherwise;
  };
  for (const unary::Op& op : unary::ops()) {
    if (name == "--list") std::printf("%s\n", reference_of(op).name);
    if (name != reference_of(op).name) continue;
    const uint64_t to = std::min(number(3, kPatterns), kPatterns);
    return run(op, number(2, 0), to, static_cast<unsigned>(number(4, 0)));
  }
  return name == "--list" ? 0 : 2;
}
