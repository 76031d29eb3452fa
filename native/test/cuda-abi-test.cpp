// What we say of the CUDA driver interface, against cuda.h of an installed toolkit. Compiled is
// passed.

#include "kernels/cuda/cuda-abi.h"

#include <cuda.h>

#include <string_view>
#include <type_traits>

namespace {

// How an argument travels: by its size, and for a pointer that it is one.
template <typename T>
constexpr size_t travels = sizeof(T) + (std::is_pointer_v<T> ? 1000 : 0);

template <typename Ours, typename Theirs>
struct Same : std::false_type {};

template <typename R, typename... A, typename S, typename... B>
struct Same<R(A...), S(B...)> {
  static constexpr bool all() {
    if constexpr (sizeof...(A) == sizeof...(B)) {
      return sizeof(R) == sizeof(S) && (... && (travels<A> == travels<B>));
    }
    return false;
  }
  static constexpr bool value = all();
};

// Our symbol is what their plain name stands for.
#define TEXT(...) #__VA_ARGS__
#define EXPANDED(...) TEXT(__VA_ARGS__)
#define CHECK_FUNCTION(name, plain) \
  static_assert(Same<cuda::Functions::name##_type, decltype(plain)>::value, #name);

CHECK_FUNCTION(init, cuInit)
CHECK_FUNCTION(driver_version, cuDriverGetVersion)
CHECK_FUNCTION(error_name, cuGetErrorName)
CHECK_FUNCTION(device_count, cuDeviceGetCount)
CHECK_FUNCTION(device_get, cuDeviceGet)
CHECK_FUNCTION(device_name, cuDeviceGetName)
CHECK_FUNCTION(device_attribute, cuDeviceGetAttribute)
CHECK_FUNCTION(device_memory, cuDeviceTotalMem)
CHECK_FUNCTION(context_retain, cuDevicePrimaryCtxRetain)
CHECK_FUNCTION(context_release, cuDevicePrimaryCtxRelease)
CHECK_FUNCTION(context_use, cuCtxSetCurrent)
CHECK_FUNCTION(module_load, cuModuleLoadDataEx)
CHECK_FUNCTION(module_unload, cuModuleUnload)
CHECK_FUNCTION(module_function, cuModuleGetFunction)
CHECK_FUNCTION(launch, cuLaunchKernel)
CHECK_FUNCTION(stream_create, cuStreamCreate)
CHECK_FUNCTION(stream_destroy, cuStreamDestroy)
CHECK_FUNCTION(stream_synchronize, cuStreamSynchronize)
CHECK_FUNCTION(memory_allocate, cuMemAlloc)
CHECK_FUNCTION(memory_free, cuMemFree)
CHECK_FUNCTION(memory_info, cuMemGetInfo)
CHECK_FUNCTION(host_allocate, cuMemAllocHost)
CHECK_FUNCTION(host_free, cuMemFreeHost)
CHECK_FUNCTION(copy_to_device, cuMemcpyHtoDAsync)
CHECK_FUNCTION(copy_to_host, cuMemcpyDtoHAsync)

static_assert(std::string_view(EXPANDED(cuDeviceTotalMem)) == "cuDeviceTotalMem_v2");
static_assert(std::string_view(EXPANDED(cuDevicePrimaryCtxRelease)) ==
              "cuDevicePrimaryCtxRelease_v2");
static_assert(std::string_view(EXPANDED(cuStreamDestroy)) == "cuStreamDestroy_v2");
static_assert(std::string_view(EXPANDED(cuMemAlloc)) == "cuMemAlloc_v2");
static_assert(std::string_view(EXPANDED(cuMemFree)) == "cuMemFree_v2");
static_assert(std::string_view(EXPANDED(cuMemGetInfo)) == "cuMemGetInfo_v2");
static_assert(std::string_view(EXPANDED(cuMemAllocHost)) == "cuMemAllocHost_v2");
static_assert(std::string_view(EXPANDED(cuMemcpyHtoDAsync)) == "cuMemcpyHtoDAsync_v2");
static_assert(std::string_view(EXPANDED(cuMemcpyDtoHAsync)) == "cuMemcpyDtoHAsync_v2");

static_assert(cuda::kSuccess == CUDA_SUCCESS);
static_assert(cuda::kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(cuda::kNoDevice == CUDA_ERROR_NO_DEVICE);
static_assert(cuda::kIllegalAddress == CUDA_ERROR_ILLEGAL_ADDRESS);
static_assert(cuda::kLaunchFailed == CUDA_ERROR_LAUNCH_FAILED);
static_assert(cuda::kUncorrectable == CUDA_ERROR_ECC_UNCORRECTABLE);
static_assert(cuda::kMultiprocessors == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(cuda::kCapabilityMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(cuda::kCapabilityMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(cuda::kErrorLogBuffer == CU_JIT_ERROR_LOG_BUFFER);
static_assert(cuda::kErrorLogBytes == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
static_assert(cuda::kStreamNonBlocking == CU_STREAM_NON_BLOCKING);
static_assert(sizeof(CUjit_option) == sizeof(int));
static_assert(sizeof(CUdeviceptr) == sizeof(cuda::Pointer));

}  // namespace

int main() { return 0; }
