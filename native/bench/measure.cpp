#include "bench/measure.h"

#include <time.h>

#include <algorithm>

namespace bench {
namespace {

constexpr size_t kPairsMin = 5;
constexpr size_t kPairsMax = 400;
// A measurement shorter than this says more about the clock than about the work.
constexpr double kShortestNs = 20000;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double once_ns(Clock clock, size_t repeats, const std::function<void()>& work) {
  const uint64_t start = now_ns(clock);
  for (size_t i = 0; i < repeats; i++) work();
  return static_cast<double>(now_ns(clock) - start) / static_cast<double>(repeats);
}

}  // namespace

uint64_t now_ns(Clock clock) {
  timespec time{};
  clock_gettime(clock == Clock::thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000u + static_cast<uint64_t>(time.tv_nsec);
}

Times summary(std::vector<double> ns) {
  std::sort(ns.begin(), ns.end());
  return {median(ns), ns[ns.size() / 4], ns[0]};
}

Pair compare(Clock clock, double budget_ms, const std::function<void()>& ours,
             const std::function<void()>& other) {
  ours();
  other();
  const double slower = std::max(once_ns(clock, 1, ours), once_ns(clock, 1, other));
  const double faster = std::min(once_ns(clock, 1, ours), once_ns(clock, 1, other));
  const size_t repeats = static_cast<size_t>(std::max(1.0, kShortestNs / std::max(faster, 1.0)));
  const double pair_ms = 2 * slower * static_cast<double>(repeats) / 1e6;
  const size_t pairs = std::clamp(static_cast<size_t>(budget_ms / pair_ms), kPairsMin, kPairsMax);
  std::vector<double> first, second, ratios;
  for (size_t i = 0; i < pairs; i++) {
    first.push_back(once_ns(clock, repeats, ours));
    second.push_back(once_ns(clock, repeats, other));
    ratios.push_back(second.back() / first.back());
  }
  return {summary(first), summary(second), median(ratios)};
}

}  // namespace bench
