// Measures the experimental attention against the kernel of the default build, on one thread and in
// turns. Prints a JSON array, one row for each shape; throughput in operations a second, two for
// each multiply-add of the two products.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "experimental/flash-attention.h"
#include "test/check.h"

namespace {

constexpr int kRounds = 3;

struct Case {
  uint32_t groups, queries, keys, depth;
  bool causal;
};

constexpr Case kCases[] = {{8, 512, 512, 64, false},    {8, 512, 512, 64, true},
                           {4, 2048, 2048, 64, false},  {4, 2048, 2048, 64, true},
                           {4, 1024, 1024, 128, false}, {32, 1, 2048, 64, false}};

double cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double run(const kernels::Kernel& kernel, kernels::Call& call, std::vector<float>& out) {
  call.out.data = out.data();
  const double start = cpu_seconds();
  kernel.run(call, 0, kernel.units(call));
  return cpu_seconds() - start;
}

double median(std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

std::vector<float> numbers(size_t count) {
  static Random random;
  std::vector<float> all(count);
  for (auto& x : all) x = static_cast<float>(static_cast<int>(random.next() % 2001) - 1000) / 500;
  return all;
}

void measure(const Case& test, const char* separator) {
  const uint32_t k = test.depth;
  const auto q = numbers(size_t{test.groups} * test.queries * k);
  const auto keys = numbers(size_t{test.groups} * test.keys * k);
  const auto values = numbers(size_t{test.groups} * test.keys * k);
  kernels::Call call;
  call.arg_count = 3;
  call.attr_count = 2;
  call.attrs[0] = 0x3e000000;  // 1/8
  call.attrs[1] = test.causal ? 1 : 0;
  call.args[0] = {{tensor::Dtype::f32, 3, {test.groups, test.queries, k}}, q.data()};
  call.args[1] = {{tensor::Dtype::f32, 3, {test.groups, test.keys, k}}, keys.data()};
  call.args[2] = {{tensor::Dtype::f32, 3, {test.groups, test.keys, k}}, values.data()};
  call.out.shape = call.args[0].shape;
  const kernels::Kernel* usual = kernels::find_cpu(7, 1);
  CHECK(usual != nullptr && usual->accepts(call));
  std::vector<float> expected(q.size());
  std::vector<float> made(q.size());
  std::vector<double> usual_times;
  std::vector<double> flash_times;
  for (int round = 0; round < kRounds; round++) {
    usual_times.push_back(run(*usual, call, expected));
    flash_times.push_back(run(experimental::kFlashAttention, call, made));
  }
  CHECK(std::memcmp(expected.data(), made.data(), 4 * made.size()) == 0);
  const double seen = test.causal ? (test.keys + 1) / 2.0 : test.keys;
  const double work = 4.0 * test.groups * test.queries * seen * k;
  const double flash = median(flash_times);
  const double reference = median(usual_times);
  std::printf(
      "%s\n  {\"groups\": %u, \"queries\": %u, \"keys\": %u, \"depth\": %u, \"causal\": %s, "
      "\"flash_attention_latency\": %.9f, \"flash_attention_throughput\": %.0f, "
      "\"default_latency\": %.9f, \"ratio\": %.3f}",
      separator, test.groups, test.queries, test.keys, k, test.causal ? "true" : "false", flash,
      work / flash, reference, reference / flash);
  std::fflush(stdout);
}

}  // namespace

int main() {
  CHECK(!experimental::flash_attention_asked());
  std::printf("[");
  const char* separator = "";
  for (const Case& test : kCases) {
    measure(test, separator);
    separator = ",";
  }
  std::printf("\n]\n");
  return 0;
}
