// The part of the CUDA driver interface that we call: names, numbers and signatures.
//
// Found at run time in libcuda.so.1, which comes with the driver; nothing is linked and no header
// of the toolkit is needed. native/test/cuda-abi-test.cpp holds it against cuda.h where that is.
// Source: CUDA Driver API reference, version 11.0 and later.

#pragma once

#include <cstddef>
#include <cstdint>

namespace cuda {

using Result = int;
using Device = int;
using Pointer = unsigned long long;

struct ContextObject;
struct ModuleObject;
struct FunctionObject;
struct StreamObject;

inline constexpr Result kSuccess = 0;
inline constexpr Result kOutOfMemory = 2;
inline constexpr Result kNoDevice = 100;
// From here to the last, what has failed on the device spoils its context.
inline constexpr Result kIllegalAddress = 700;
inline constexpr Result kLaunchFailed = 719;
inline constexpr Result kUncorrectable = 214;

inline constexpr int kMultiprocessors = 16;
inline constexpr int kCapabilityMajor = 75;
inline constexpr int kCapabilityMinor = 76;
inline constexpr int kErrorLogBuffer = 5;
inline constexpr int kErrorLogBytes = 6;
inline constexpr unsigned kStreamNonBlocking = 1;

// Every function: how we name it, its symbol, and its signature. Symbols ending in _v2 are the ones
// that cuda.h gives the plain name since long before 11.0.
#define BT_CUDA_FUNCTIONS(X)                                                                      \
  X(init, cuInit, Result(unsigned))                                                               \
  X(driver_version, cuDriverGetVersion, Result(int*))                                             \
  X(error_name, cuGetErrorName, Result(Result, const char**))                                     \
  X(device_count, cuDeviceGetCount, Result(int*))                                                 \
  X(device_get, cuDeviceGet, Result(Device*, int))                                                \
  X(device_name, cuDeviceGetName, Result(char*, int, Device))                                     \
  X(device_attribute, cuDeviceGetAttribute, Result(int*, int, Device))                            \
  X(device_memory, cuDeviceTotalMem_v2, Result(size_t*, Device))                                  \
  X(context_retain, cuDevicePrimaryCtxRetain, Result(ContextObject**, Device))                    \
  X(context_release, cuDevicePrimaryCtxRelease_v2, Result(Device))                                \
  X(context_use, cuCtxSetCurrent, Result(ContextObject*))                                         \
  X(module_load, cuModuleLoadDataEx, Result(ModuleObject**, const void*, unsigned, int*, void**)) \
  X(module_unload, cuModuleUnload, Result(ModuleObject*))                                         \
  X(module_function, cuModuleGetFunction, Result(FunctionObject**, ModuleObject*, const char*))   \
  X(launch, cuLaunchKernel,                                                                       \
    Result(FunctionObject*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
           StreamObject*, void**, void**))                                                        \
  X(stream_create, cuStreamCreate, Result(StreamObject**, unsigned))                              \
  X(stream_destroy, cuStreamDestroy_v2, Result(StreamObject*))                                    \
  X(stream_synchronize, cuStreamSynchronize, Result(StreamObject*))                               \
  X(memory_allocate, cuMemAlloc_v2, Result(Pointer*, size_t))                                     \
  X(memory_free, cuMemFree_v2, Result(Pointer))                                                   \
  X(memory_info, cuMemGetInfo_v2, Result(size_t*, size_t*))                                       \
  X(host_allocate, cuMemAllocHost_v2, Result(void**, size_t))                                     \
  X(host_free, cuMemFreeHost, Result(void*))                                                      \
  X(copy_to_device, cuMemcpyHtoDAsync_v2, Result(Pointer, const void*, size_t, StreamObject*))    \
  X(copy_to_host, cuMemcpyDtoHAsync_v2, Result(void*, Pointer, size_t, StreamObject*))

struct Functions {
#define BT_CUDA_MEMBER(name, symbol, ...) \
  using name##_type = __VA_ARGS__;        \
  name##_type* name = nullptr;
  BT_CUDA_FUNCTIONS(BT_CUDA_MEMBER)
#undef BT_CUDA_MEMBER
};

}  // namespace cuda
