// The device kernels as plain C++ functions, run group by group: what a device does, where there is
// none, and where the sanitizers can see it.
//
// The items of a group are fibres that take turns at barriers, so that local memory behaves.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace host_kernels {

struct Kernel {
  void* function = nullptr;
  // Items of kernels without barriers run one after another, which costs nothing.
  bool has_barriers = false;
};

// Without a function when there is no kernel of that name.
Kernel find(const char* name);

// Runs all groups of a launch, one after another. `arguments` holds a pointer for each buffer, then
// one to the params.
void run(const Kernel& kernel, const std::vector<void*>& arguments, uint32_t groups,
         uint32_t items);

}  // namespace host_kernels
