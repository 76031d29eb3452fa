// The settings that `init` is given: one flat JSON object of strings, numbers and booleans.

#pragma once

#include <cstdint>
#include <string>

namespace device {

struct Options {
  // "cpu" or "gpu" forces the tiling; empty: by the kind of the device. TB_OPENCL_TILING.
  std::string tiling;
  // Folder of compiled kernels; empty: none is kept on disk.
  std::string cache;
  // "nvrtc": CUDA kernels are compiled from source. TB_CUDA_JIT.
  std::string jit;
  // Subnormals are flushed to zero where the device can be told so: a test of the value rules.
  bool flush = false;
  // Quotients and roots by digits, as on a device that does not round them correctly.
  bool soft = false;
  // Which device is listed first.
  uint32_t device = 0;
};

// Unknown settings are ignored; `environment` looks a variable up and may answer null.
Options read_options(const char* json, const char* (*environment)(const char* name));

}  // namespace device
