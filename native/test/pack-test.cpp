// Runs every case of a pack on a fabric and compares the digest of every op's output.
//
//   pack-test PACK FABRIC.so [--flush] [--partial] [--options JSON]
//   pack-test PACK reference [--flush]          the scalar loops of native/kernels/reference
//
// `--flush` sets the processor to flush subnormals and to read them as zero, which the value rules
// of BT-Num make invisible. Prints the failing cases, then `N passed, N failed, N unsupported`.

#include "test/pack.h"

#include <cstdio>
#include <cstring>
#include <map>

#include "plugin/host.h"
#include "proof/blake3.h"
#include "runtime/op-table.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// Threads started later inherit it.
void flush_subnormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040u);  // FTZ and DAZ
#elif defined(__aarch64__)
  uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | (uint64_t{1} << 24)));  // FZ
#else
  std::fprintf(stderr, "this processor has no known way to flush subnormals\n");
  std::exit(2);
#endif
}

// Outputs of all ops by the scalar loops; empty when an op is unknown.
std::vector<std::vector<uint8_t>> by_reference(const runtime::Table& table,
                                               const std::vector<std::span<const uint8_t>>& given) {
  std::vector<const void*> values;
  std::vector<std::vector<uint64_t>> aligned;
  for (const auto& bytes : given) {
    aligned.emplace_back((bytes.size() + 7) / 8);
    if (!bytes.empty()) std::memcpy(aligned.back().data(), bytes.data(), bytes.size());
    values.push_back(aligned.back().data());
  }
  std::vector<std::vector<uint8_t>> made;
  for (uint32_t op = 0; op < table.ops.size(); op++) {
    const auto* kernel = kernels::find_reference(table.ops[op].id, table.ops[op].version);
    kernels::Call call = runtime::call_of(table, op);
    if (kernel == nullptr || !kernel->accepts(call)) return {};
    for (uint32_t i = 0; i < call.arg_count; i++) call.args[i].data = values[table.ops[op].args[i]];
    made.emplace_back(call.out.shape.bytes());
    call.out.data = made.back().data();
    values.push_back(call.out.data);
    kernel->run(call, 0, kernel->units(call));
  }
  return made;
}

struct Counts {
  uint32_t passed = 0;
  uint32_t failed = 0;
  uint32_t unsupported = 0;
};

using Outputs = std::vector<std::vector<uint8_t>>;

void compare(const pack::Case& test, const Outputs& outputs, Counts& counts) {
  for (size_t op = 0; op < outputs.size(); op++) {
    const blake3::Digest digest = blake3::hash(outputs[op]);
    if (std::memcmp(digest.data(), test.digests.data() + 32 * op, 32) == 0) continue;
    std::printf("%s: op %zu differs\n", test.name.c_str(), op);
    counts.failed++;
    return;
  }
  counts.passed++;
}

std::vector<uint64_t> output_bytes(const runtime::Table& table) {
  std::vector<uint64_t> bytes;
  for (size_t i = table.given(); i < table.values.size(); i++) {
    bytes.push_back(table.values[i].bytes());
  }
  return bytes;
}

void on_fabric(const plugin::Host& host, const pack::Case& test, const runtime::Table& table,
               Counts& counts) {
  static uint64_t run_id = 0;
  uint32_t first_op = 0;
  if (host.supports(test.table, &first_op) == FABRIC_UNSUPPORTED) {
    counts.unsupported++;
    return;
  }
  plugin::CancelToken token;
  const auto run = host.run(test.table, ++run_id, test.given, output_bytes(table), token);
  if (run.code != FABRIC_OK) {
    std::printf("%s: code %d, %s\n", test.name.c_str(), run.code, run.reason.c_str());
    counts.failed++;
    return;
  }
  compare(test, run.outputs, counts);
}

}  // namespace

int main(int count, char** arguments) {
  CHECK(count >= 3);
  const char* options = "{\"threads\":2}";
  bool is_partial = false;
  for (int i = 3; i < count; i++) {
    if (std::strcmp(arguments[i], "--flush") == 0) flush_subnormals();
    if (std::strcmp(arguments[i], "--partial") == 0) is_partial = true;
    if (std::strcmp(arguments[i], "--options") == 0 && i + 1 < count) options = arguments[++i];
  }
  const pack::Pack pack(arguments[1]);
  const bool is_reference = std::strcmp(arguments[2], "reference") == 0;
  plugin::Host host;
  if (!is_reference) {
    const std::string reason = host.open(arguments[2], options);
    if (!reason.empty()) {
      std::fprintf(stderr, "%s\n", reason.c_str());
      return 2;
    }
  }
  Counts counts;
  for (const pack::Case& test : pack.cases()) {
    runtime::Table table;
    CHECK(runtime::parse_table(test.table, table) == nullptr);
    CHECK(test.digests.size() == 32 * table.ops.size());
    if (!is_reference) {
      on_fabric(host, test, table, counts);
      continue;
    }
    const Outputs outputs = by_reference(table, test.given);
    if (outputs.empty()) {
      counts.unsupported++;
    } else {
      compare(test, outputs, counts);
    }
  }
  std::printf("%u passed, %u failed, %u unsupported\n", counts.passed, counts.failed,
              counts.unsupported);
  const bool is_whole = counts.unsupported == 0 || is_partial;
  return counts.failed == 0 && is_whole && counts.passed > 0 ? 0 : 1;
}
