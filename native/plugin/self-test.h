// The self-test of the CPU device: hard vectors through every kernel, against the reference and
// against one digest that is a constant of this source.

#pragma once

#include "runtime/pool.h"

namespace plugin {

// Null when the device computes BT-Num v1, else the name of what differs.
const char* self_test(runtime::Pool& pool);

}  // namespace plugin
