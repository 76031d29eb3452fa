// From an op to the launches that compute it on a device.
//
// Which launches there are depends on the shape of the device, never a bit of what they make. A
// launch may be cut between any two of its groups, and every group writes elements of its own.

#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/kernel.h"

#define BT_HOST
#include "kernels/device/params.h"

namespace device {

// How the kernels of a device are cut: for few strong processors or for many weak ones.
enum class Tiling { cpu, gpu };

struct Traits {
  Tiling tiling = Tiling::gpu;
  // Floats in a vector of a CPU-shaped device, 8 or 16.
  uint32_t vector = 8;
};

struct Place {
  enum class Of : uint8_t { arg, out, scratch };
  Of of;
  uint8_t index;
};

inline constexpr size_t kParamBytesMax = 256;

struct Launch {
  const char* kernel = nullptr;
  // In the order of the kernel's parameters.
  std::vector<Place> buffers;
  // The struct of params.h; its first word is the number of the first group.
  alignas(8) std::array<uint8_t, kParamBytesMax> params{};
  uint32_t param_bytes = 0;
  uint32_t groups = 0;
  uint32_t items = 0;
  // Operations of one group, roughly.
  uint64_t work = 0;
};

struct Plan {
  // Bytes of each scratch buffer.
  std::vector<uint64_t> scratch;
  std::vector<Launch> launches;
};

// False when there are no kernels for the op.
// Precondition: the call is one that the rule of the op accepts.
bool plan_op(const Traits& traits, uint32_t id, const kernels::Call& call, Plan& plan);

// Exact for every i < 2^31. Precondition: 1 <= by <= 2^31.
BtDivisor divisor(uint64_t by);

// The parts of plan_op, by family of ops.
bool plan_elementwise(uint32_t id, const kernels::Call& call, Plan& plan);
bool plan_product(const Traits& traits, uint32_t id, const kernels::Call& call, Plan& plan);
bool plan_rows(const Traits& traits, uint32_t id, const kernels::Call& call, Plan& plan);
bool plan_window(uint32_t id, const kernels::Call& call, Plan& plan);
bool plan_move(uint32_t id, const kernels::Call& call, Plan& plan);

inline constexpr Place kOut{Place::Of::out, 0};
inline constexpr Place arg(uint8_t index) { return {Place::Of::arg, index}; }
inline constexpr Place scratch(uint8_t index) { return {Place::Of::scratch, index}; }

inline uint32_t word(uint64_t value) { return static_cast<uint32_t>(value); }
inline uint32_t elements(const tensor::Shape& shape) { return word(shape.elements()); }

// Adds a launch of `groups` groups of `items` items.
template <typename Params>
void launch(Plan& plan, const char* kernel, std::vector<Place> buffers, const Params& params,
            uint64_t groups, uint32_t items, uint64_t work) {
  static_assert(sizeof(Params) <= kParamBytesMax);
  Launch made;
  made.kernel = kernel;
  made.buffers = std::move(buffers);
  std::memcpy(made.params.data(), &params, sizeof params);
  made.param_bytes = sizeof params;
  made.groups = word(groups);
  made.items = items;
  made.work = work;
  plan.launches.push_back(std::move(made));
}

// One item for each of `count` elements, in groups of `items`.
template <typename Params>
void launch_each(Plan& plan, const char* kernel, std::vector<Place> buffers, const Params& params,
                 uint32_t items, uint64_t work_of_item) {
  const uint64_t groups = (uint64_t{params.count} + items - 1) / items;
  launch(plan, kernel, std::move(buffers), params, groups, items, work_of_item * items);
}

}  // namespace device
