// A fabric through fabric.h: probed, run, cancelled, refused; and `fold` on what it made.

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "plugin/host.h"
#include "proof/fold.h"
#include "runtime/executor.h"
#include "test/check.h"

namespace {

using Bytes = std::vector<uint8_t>;

void put(Bytes& out, uint64_t value, int width) {
  for (int i = 0; i < width; i++) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void put_value(Bytes& out, uint32_t dtype, std::vector<uint32_t> dims) {
  put(out, dtype, 4);
  put(out, dims.size(), 4);
  dims.resize(8, 0);
  for (const uint32_t dim : dims) put(out, dim, 4);
}

void put_op(Bytes& out, uint16_t id, std::vector<uint32_t> args, std::vector<uint64_t> attrs) {
  put(out, id, 2);
  put(out, 1, 2);
  put(out, args.size(), 4);
  put(out, attrs.size(), 4);
  put(out, 0, 4);
  args.resize(8, 0);
  attrs.resize(16, 0);
  for (const uint32_t arg : args) put(out, arg, 4);
  for (const uint64_t attr : attrs) put(out, attr, 8);
}

// x s8[m,k], w s8[n,k] -> matmul_s8 -> requantise -> argmax.
Bytes small_network(uint32_t m, uint32_t n, uint32_t k) {
  Bytes body;
  put_value(body, 2, {m, k});
  put_value(body, 2, {n, k});
  put_value(body, 3, {m, n});
  put_value(body, 2, {m, n});
  put_value(body, 3, {m});
  put_op(body, 2, {0, 1}, {});
  put_op(body, 30, {2}, {1u << 30, 37, 0});
  put_op(body, 53, {3}, {});
  put(body, 4, 4);
  Bytes table;
  for (const uint64_t word : {uint64_t{runtime::kTableMagic}, uint64_t{1}, uint64_t{1}, uint64_t{1},
                              uint64_t{3}, uint64_t{1}, uint64_t{32 + body.size()}, uint64_t{0}}) {
    put(table, word, 4);
  }
  table.insert(table.end(), body.begin(), body.end());
  return table;
}

Bytes noise(size_t count) {
  Random random;
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random.next() >> 32);
  return bytes;
}

void runs_and_folds(plugin::Host& host) {
  const uint32_t m = 40, n = 30, k = 257;
  const Bytes table_bytes = small_network(m, n, k);
  const Bytes x = noise(m * k);
  const Bytes w = noise(n * k);
  plugin::CancelToken token;
  const auto result = host.run(table_bytes, 1, {x, w}, {m * n * 4, m * n, m * 4}, token);
  CHECK(result.code == FABRIC_OK);
  // Inputs are counted by a device with memory of its own, and so is what it needs on the way.
  CHECK(result.alloc_bytes == result.free_bytes && result.alloc_bytes >= m * n * 5 + m * 4);
  const auto digest = blake3::hash(result.outputs[2]);
  CHECK(std::memcmp(digest.data(), result.output_digest, 32) == 0);
  const auto profile = host.drain_profile();
  CHECK(profile.size() >= 6 && profile.size() % 2 == 0);

  runtime::Table table;
  CHECK(runtime::parse_table(table_bytes, table) == nullptr);
  std::vector<Bytes> made = result.outputs;
  std::vector<std::span<const uint8_t>> values = {x, w, made[0], made[1], made[2]};
  const uint8_t secret[32] = {1};
  const uint8_t receipt[32] = {2};
  runtime::Pool pool(2);
  CHECK(fold::verify(table, values, secret, receipt, pool).valid);
  for (uint32_t op = 0; op < 3; op++) {
    made[op][4 * (m / 2)] ^= 1;
    const auto verdict = fold::verify(table, values, secret, receipt, pool);
    CHECK(!verdict.valid && verdict.op_index == op);
    CHECK(verdict.element == 4 * (m / 2) / (op == 1 ? 1 : 4));
    made[op][4 * (m / 2)] ^= 1;
  }
}

void cancels(plugin::Host& host) {
  const uint32_t m = 4096, n = 4096, k = 4096;
  const Bytes x = noise(m * k);
  plugin::CancelToken token;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    token.cancel();
  });
  const auto result =
      host.run(small_network(m, n, k), 2, {x, x}, {uint64_t{m} * n * 4, m * n, m * 4}, token);
  later.join();
  CHECK(result.code == FABRIC_CANCELLED);
  plugin::CancelToken before;
  before.cancel();
  const Bytes small = noise(64);
  CHECK(host.run(small_network(8, 8, 8), 3, {small, small}, {256, 64, 32}, before).code !=
        FABRIC_INTERNAL);
}

void refuses(plugin::Host& host) {
  const Bytes table = small_network(8, 8, 8);
  uint32_t first = 0;
  CHECK(host.supports(table, &first) == FABRIC_OK);
  Random random;
  for (size_t length = 0; length < table.size(); length++) {
    CHECK(host.supports({table.data(), length}, &first) == FABRIC_INVALID);
  }
  for (int i = 0; i < 20000; i++) {
    Bytes broken = table;
    broken[random.next() % broken.size()] = static_cast<uint8_t>(random.next());
    host.supports(broken, &first);
  }
  Bytes unknown = table;
  unknown[32 + 5 * 40] = 99;
  CHECK(host.supports(unknown, &first) == FABRIC_UNSUPPORTED && first == 0);
  const Bytes small = noise(64);
  plugin::CancelToken token;
  CHECK(host.run(table, 4, {small}, {256, 64, 32}, token).code == FABRIC_INVALID);
  CHECK(host.run(table, 5, {small, small}, {256, 64, 33}, token).code == FABRIC_INVALID);
}

// Why the fabric does not open in a process where TB_BLOCKTORCH_ISA is `wish`; empty if it does.
std::string refusal_of(const char* path, const char* wish) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    setenv("TB_BLOCKTORCH_ISA", wish, 1);
    plugin::Host host;
    const std::string reason = host.open(path, "{\"threads\":1}");
    _exit(write(ends[1], reason.data(), reason.size()) == static_cast<ssize_t>(reason.size()) ? 0
                                                                                              : 1);
  }
  close(ends[1]);
  char said[256];
  const ssize_t length = read(ends[0], said, sizeof said);
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && status == 0 && length >= 0);
  return std::string(said, static_cast<size_t>(length));
}

void takes_known_instruction_sets_only(const char* path) {
  for (const char* wish : {"base", "wide", "AVX2", "avx", "avx5122", " scalar"}) {
    CHECK(refusal_of(path, wish) == "TB_BLOCKTORCH_ISA is not scalar, avx2 or avx512");
  }
  const isa::Level widest = isa::widest().level;
  for (const isa::Level level : {isa::Level::scalar, isa::Level::avx2, isa::Level::avx512}) {
    const char* lacks = "TB_BLOCKTORCH_ISA names one that this processor lacks";
    CHECK(refusal_of(path, isa::name(level)) == (level > widest ? lacks : ""));
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bool is_cpu = count == 3 && std::strcmp(arguments[2], "cpu") == 0;
  CHECK(count == 2 || is_cpu);
  plugin::Host absent;
  CHECK(!absent.open("/nowhere.so", "{}").empty());
  if (is_cpu) takes_known_instruction_sets_only(arguments[1]);
  plugin::Host host;
  const std::string reason = host.open(arguments[1], "{\"threads\":2}");
  if (!reason.empty()) std::fprintf(stderr, "%s\n", reason.c_str());
  CHECK(reason.empty());
  runs_and_folds(host);
  refuses(host);
  cancels(host);
  return 0;
}
