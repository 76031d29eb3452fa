// A libcuda.so.1 without a GPU, for tests of the CUDA driver: the same functions, with the kernels
// run as plain C++.
//
// It is stricter than a driver need be. Calls without a current context fail. Everything on a
// stream waits until the stream is synchronised, so that a forgotten wait shows. Which bytes a
// launch takes of each argument, and how many items a group may have, is read from the PTX.
//
// FAKE_CUDA=none: no device; old: compute capability 7.0; broken: one kernel computes nonsense.

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <regex>
#include <string>
#include <vector>

#include "kernels/cuda/cuda-abi.h"
#include "test/host-kernels.h"

namespace cuda {

struct ContextObject {
  int retained = 0;
};

struct FunctionObject {
  std::string name;
  host_kernels::Kernel kernel;
  std::vector<size_t> argument_bytes;
  uint32_t items_max = 0;
};

struct ModuleObject {
  std::map<std::string, FunctionObject> functions;
};

struct StreamObject {
  std::vector<std::function<void()>> waiting;
};

}  // namespace cuda

namespace {

using cuda::ContextObject;
using cuda::FunctionObject;
using cuda::ModuleObject;
using cuda::Pointer;
using cuda::Result;
using cuda::StreamObject;

constexpr Result kInvalidValue = 1;
constexpr Result kNotInitialised = 3;
constexpr Result kInvalidContext = 201;
constexpr Result kInvalidPtx = 218;
constexpr Result kNotFound = 500;

bool is_initialised = false;
ContextObject context;
thread_local ContextObject* current = nullptr;
std::mutex memory_mutex;
std::map<Pointer, size_t> allocations;

std::string mode() {
  const char* said = std::getenv("FAKE_CUDA");
  return said == nullptr ? "" : said;
}

bool is_inside(Pointer pointer, size_t bytes) {
  const std::lock_guard lock(memory_mutex);
  auto found = allocations.upper_bound(pointer);
  if (found == allocations.begin()) return false;
  --found;
  return pointer - found->first + bytes <= found->second;
}

void* host(Pointer pointer) { return reinterpret_cast<void*>(pointer); }

// Entries with the sizes of their parameters and .maxntid.
bool read_ptx(const std::string& ptx, ModuleObject& module) {
  if (ptx.find(".version 7.0\n.target sm_75\n.address_size 64\n") == std::string::npos)
    return false;
  const std::regex entry("\\.visible \\.entry ([a-z0-9_]+)\\(([^)]*)\\)\\s*\\.maxntid (\\d+)");
  const std::regex pointer("\\.param \\.u64 |\\.param \\.align 4 \\.b8 [a-z0-9_]+\\[(\\d+)\\]");
  const std::sregex_iterator end;
  for (std::sregex_iterator at(ptx.begin(), ptx.end(), entry); at != end; ++at) {
    FunctionObject function;
    function.name = (*at)[1];
    function.kernel = host_kernels::find(function.name.c_str());
    if (function.kernel.function == nullptr) return false;
    const std::string parameters = (*at)[2];
    for (std::sregex_iterator p(parameters.begin(), parameters.end(), pointer); p != end; ++p) {
      function.argument_bytes.push_back((*p)[1].matched ? std::stoul((*p)[1]) : 8);
    }
    function.items_max = static_cast<uint32_t>(std::stoul((*at)[3]));
    module.functions.emplace(function.name, function);
  }
  return !module.functions.empty();
}

void run_kernel(const FunctionObject& function, const std::vector<std::vector<uint8_t>>& copied,
                uint32_t groups, uint32_t items) {
  std::vector<void*> arguments;
  for (size_t i = 0; i + 1 < copied.size(); i++) {
    Pointer pointer = 0;
    std::memcpy(&pointer, copied[i].data(), sizeof pointer);
    arguments.push_back(host(pointer));
  }
  std::vector<uint32_t> params(copied.back().size() / 4);
  std::memcpy(params.data(), copied.back().data(), copied.back().size());
  arguments.push_back(params.data());
  if (mode() == "broken" && function.name == "tanh_f32") return;
  host_kernels::run(function.kernel, arguments, groups, items);
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))
#define IN_CONTEXT \
  if (current == nullptr) return kInvalidContext

EXPORT Result cuInit(unsigned flags) {
  if (mode() == "none") return cuda::kNoDevice;
  is_initialised = flags == 0;
  return is_initialised ? cuda::kSuccess : kInvalidValue;
}
EXPORT Result cuDriverGetVersion(int* version) {
  *version = 12040;
  return cuda::kSuccess;
}
EXPORT Result cuGetErrorName(Result error, const char** name) {
  *name = error == cuda::kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR";
  return cuda::kSuccess;
}
EXPORT Result cuDeviceGetCount(int* count) {
  *count = 1;
  return is_initialised ? cuda::kSuccess : kNotInitialised;
}
EXPORT Result cuDeviceGet(cuda::Device* device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? cuda::kSuccess : 101;
}
EXPORT Result cuDeviceGetName(char* name, int size, cuda::Device) {
  std::strncpy(name, "fake", static_cast<size_t>(size));
  return cuda::kSuccess;
}
EXPORT Result cuDeviceGetAttribute(int* value, int attribute, cuda::Device) {
  *value = attribute == cuda::kMultiprocessors   ? 4
           : attribute == cuda::kCapabilityMajor ? (mode() == "old" ? 7 : 9)
                                                 : 0;
  return cuda::kSuccess;
}
EXPORT Result cuDeviceTotalMem_v2(size_t* bytes, cuda::Device) {
  *bytes = size_t{1} << 34;
  return cuda::kSuccess;
}
EXPORT Result cuDevicePrimaryCtxRetain(ContextObject** out, cuda::Device) {
  context.retained++;
  *out = &context;
  return cuda::kSuccess;
}
EXPORT Result cuDevicePrimaryCtxRelease_v2(cuda::Device) {
  return --context.retained >= 0 ? cuda::kSuccess : kInvalidContext;
}
EXPORT Result cuCtxSetCurrent(ContextObject* wanted) {
  current = wanted;
  return cuda::kSuccess;
}
EXPORT Result cuModuleLoadDataEx(ModuleObject** out, const void* image, unsigned count,
                                 int* options, void** values) {
  IN_CONTEXT;
  if (count != 2 || options[0] != cuda::kErrorLogBuffer || options[1] != cuda::kErrorLogBytes ||
      values[0] == nullptr || reinterpret_cast<size_t>(values[1]) == 0) {
    return kInvalidValue;
  }
  auto module = std::make_unique<ModuleObject>();
  if (!read_ptx(static_cast<const char*>(image), *module)) return kInvalidPtx;
  *out = module.release();
  return cuda::kSuccess;
}
EXPORT Result cuModuleUnload(ModuleObject* module) {
  IN_CONTEXT;
  delete module;
  return cuda::kSuccess;
}
EXPORT Result cuModuleGetFunction(FunctionObject** out, ModuleObject* module, const char* name) {
  IN_CONTEXT;
  const auto found = module->functions.find(name);
  if (found == module->functions.end()) return kNotFound;
  *out = &found->second;
  return cuda::kSuccess;
}
EXPORT Result cuLaunchKernel(FunctionObject* function, unsigned groups, unsigned grid_y,
                             unsigned grid_z, unsigned items, unsigned block_y, unsigned block_z,
                             unsigned shared_bytes, StreamObject* stream, void** arguments,
                             void** extra) {
  IN_CONTEXT;
  if (grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1 || shared_bytes != 0 ||
      extra != nullptr || groups == 0 || items != function->items_max || stream == nullptr) {
    return kInvalidValue;
  }
  std::vector<std::vector<uint8_t>> copied;
  for (size_t i = 0; i < function->argument_bytes.size(); i++) {
    const auto* from = static_cast<const uint8_t*>(arguments[i]);
    copied.emplace_back(from, from + function->argument_bytes[i]);
  }
  stream->waiting.push_back([=] { run_kernel(*function, copied, groups, items); });
  return cuda::kSuccess;
}
EXPORT Result cuStreamCreate(StreamObject** out, unsigned flags) {
  IN_CONTEXT;
  *out = new StreamObject;
  return flags == cuda::kStreamNonBlocking ? cuda::kSuccess : kInvalidValue;
}
EXPORT Result cuStreamSynchronize(StreamObject* stream) {
  IN_CONTEXT;
  for (const auto& work : stream->waiting) work();
  stream->waiting.clear();
  return cuda::kSuccess;
}
EXPORT Result cuStreamDestroy_v2(StreamObject* stream) {
  IN_CONTEXT;
  delete stream;
  return cuda::kSuccess;
}
EXPORT Result cuMemAlloc_v2(Pointer* out, size_t bytes) {
  IN_CONTEXT;
  if (bytes == 0) return kInvalidValue;
  if (bytes > size_t{1} << 34) return cuda::kOutOfMemory;
  // As aligned as a device's memory; no byte more, so that the sanitizer sees what goes beyond.
  void* made = nullptr;
  if (posix_memalign(&made, 256, bytes) != 0) return cuda::kOutOfMemory;
  std::memset(made, 0xEE, bytes);
  *out = reinterpret_cast<Pointer>(made);
  const std::lock_guard lock(memory_mutex);
  allocations[*out] = bytes;
  return cuda::kSuccess;
}
EXPORT Result cuMemFree_v2(Pointer pointer) {
  IN_CONTEXT;
  const std::lock_guard lock(memory_mutex);
  if (allocations.erase(pointer) == 0) return kInvalidValue;
  std::free(host(pointer));
  return cuda::kSuccess;
}
EXPORT Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  IN_CONTEXT;
  *free = *total = size_t{1} << 34;
  return cuda::kSuccess;
}
EXPORT Result cuMemAllocHost_v2(void** out, size_t bytes) {
  IN_CONTEXT;
  *out = std::malloc(bytes);
  return *out == nullptr ? cuda::kOutOfMemory : cuda::kSuccess;
}
EXPORT Result cuMemFreeHost(void* pointer) {
  IN_CONTEXT;
  std::free(pointer);
  return cuda::kSuccess;
}
EXPORT Result cuMemcpyHtoDAsync_v2(Pointer to, const void* from, size_t bytes,
                                   StreamObject* stream) {
  IN_CONTEXT;
  if (!is_inside(to, bytes)) return kInvalidValue;
  const auto* data = static_cast<const uint8_t*>(from);
  std::vector<uint8_t> copied(data, data + bytes);
  stream->waiting.push_back(
      [=, kept = std::move(copied)] { std::memcpy(host(to), kept.data(), kept.size()); });
  return cuda::kSuccess;
}
EXPORT Result cuMemcpyDtoHAsync_v2(void* to, Pointer from, size_t bytes, StreamObject* stream) {
  IN_CONTEXT;
  if (!is_inside(from, bytes)) return kInvalidValue;
  stream->waiting.push_back([=] { std::memcpy(to, host(from), bytes); });
  return cuda::kSuccess;
}
