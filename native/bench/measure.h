// Times two ways of doing one thing side by side, so that a disturbance meets both.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bench {

// Nanoseconds of the calling thread's own processor time, or of the wall.
enum class Clock { thread, wall };

struct Times {
  double median_ns = 0;
  double p25_ns = 0;
  double best_ns = 0;
};

struct Pair {
  Times ours;
  Times other;
  // Median over the pairs of other / ours: above 1 where ours is faster.
  double ratio = 0;
};

uint64_t now_ns(Clock clock);
Times summary(std::vector<double> ns);

// Runs both in turn, after one uncounted run of each, for about `budget_ms` and at least five
// pairs. Short ones are repeated within a measurement.
Pair compare(Clock clock, double budget_ms, const std::function<void()>& ours,
             const std::function<void()>& other);

}  // namespace bench
