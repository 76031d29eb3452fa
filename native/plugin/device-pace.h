// How many groups of a launch go to the device at once, so that a cancelled run ends soon.
//
// What a device does in a nanosecond is guessed low at first and then measured, kernel by kernel.

#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "plugin/device-driver.h"

namespace device {

// What one part of a launch should take.
inline constexpr uint64_t kPartNs = 4'000'000;
// Groups of one part, whatever their size.
inline constexpr uint32_t kPartGroupsMax = 1u << 24;

class Pace {
 public:
  explicit Pace(const Facts& facts);

  // 1 <= groups <= left.
  uint32_t groups(const Launch& launch, uint32_t left);
  void measured(const Launch& launch, uint32_t groups, uint64_t ns);

 private:
  struct Speed {
    double work_per_ns;
    // The first launch of a kernel may compile it, and says nothing.
    bool is_warm = false;
  };

  Speed& speed_of(const Launch& launch);

  const double guess_;
  const uint32_t groups_min_;
  std::mutex mutex_;
  std::map<std::string, Speed, std::less<>> speeds_;
};

}  // namespace device
