#include "plugin/device-pace.h"

#include <algorithm>

namespace device {
namespace {

// Operations in a nanosecond of one compute unit: a tenth of what is usual, or less.
constexpr double kCpuUnitGuess = 0.5;
constexpr double kGpuUnitGuess = 4.0;
// A speed grows at most so much from one measurement to the next.
constexpr double kGrowthMax = 8.0;

}  // namespace

Pace::Pace(const Facts& facts)
    : guess_(facts.compute_units *
             (facts.traits.tiling == Tiling::cpu ? kCpuUnitGuess : kGpuUnitGuess)),
      groups_min_(std::max(1u, facts.compute_units)) {}

Pace::Speed& Pace::speed_of(const Launch& launch) {
  return speeds_.try_emplace(launch.kernel, Speed{guess_}).first->second;
}

uint32_t Pace::groups(const Launch& launch, uint32_t left) {
  const std::lock_guard lock(mutex_);
  const double work = kPartNs * speed_of(launch).work_per_ns;
  const double wanted = work / static_cast<double>(std::max<uint64_t>(launch.work, 1));
  const uint32_t most = std::min(left, kPartGroupsMax);
  if (wanted >= most) return most;
  return std::min(most, std::max(groups_min_, static_cast<uint32_t>(wanted)));
}

void Pace::measured(const Launch& launch, uint32_t groups, uint64_t ns) {
  const std::lock_guard lock(mutex_);
  Speed& speed = speed_of(launch);
  if (!speed.is_warm) {
    speed.is_warm = true;
    return;
  }
  const double work = static_cast<double>(launch.work) * groups;
  const double seen = work / static_cast<double>(std::max<uint64_t>(ns, 1));
  // A short part that seems slow was mostly the way to the device and back.
  if (seen < speed.work_per_ns && ns < kPartNs / 4) return;
  speed.work_per_ns = std::min(seen, speed.work_per_ns * kGrowthMax);
}

}  // namespace device
