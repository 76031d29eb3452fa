// The kernels as PTX: what the driver compiles for its device.

#pragma once

#include <string>

#include "plugin/device-driver.h"

namespace cuda {

// native/kernels/ptx/kernels.ptx, for compute capability 7.5 and later.
extern const char* const kShippedPtx;

// PTX made here and now from the source of the kernels, by NVRTC.
device::Status compile_ptx(const char* source, std::string& ptx);

}  // namespace cuda
