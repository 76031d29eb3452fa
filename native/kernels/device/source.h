// The kernels as one text, every include in its place: what a device compiles at run time.

#pragma once

namespace device {

// Made by CMake from kernels.inc.
extern const char* const kKernelSource;

}  // namespace device
