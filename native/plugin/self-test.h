// The self-test of a device: hard vectors through every op, against the reference and against one
// digest that is a constant of this source.

#pragma once

#include <functional>

#include "kernels/kernel.h"

namespace plugin {

// Computes one op the way the device computes those of a run. False when it cannot.
using Compute = std::function<bool(uint32_t id, const kernels::Call& call)>;

// Null when the device computes BT-Num v1, else the name of what differs.
const char* self_test(const Compute& compute);

}  // namespace plugin
