// OpenCL devices, by libOpenCL.so.1: the loader and the driver are whatever the machine has.

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "kernels/device/source.h"
#include "kernels/opencl/opencl-abi.h"
#include "plugin/device-cache.h"
#include "plugin/device-driver.h"

namespace opencl {
namespace {

using device::Memory;
using device::Status;
using device::Step;

constexpr char kLibrary[] = "libOpenCL.so.1";
constexpr Uint kPlatformsMax = 16;
constexpr Uint kDevicesMax = 16;
// What the GPU-shaped kernels ask of a device.
constexpr uint64_t kLocalBytes = 32768;
constexpr uint64_t kGroupItems = 256;

Functions cl;

fabric_code code_of(Int error) {
  const bool is_memory = error == kNoMemoryObject || error == kNoResources ||
                         error == kNoHostMemory || error == kInvalidBufferSize;
  return is_memory ? FABRIC_EXHAUSTED : FABRIC_INTERNAL;
}

Status status_of(Int error, const char* what) {
  if (error == kSuccess) return {};
  return {code_of(error), std::string(what) + ": OpenCL error " + std::to_string(error)};
}

// Loads the library once; it is never unloaded.
Status load() {
  static bool is_loaded = false;
  if (is_loaded) return {};
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return {FABRIC_UNSUPPORTED, std::string(kLibrary) + " is not installed"};
  }
  const char* missing = nullptr;
#define BT_OPENCL_FIND(name, ...)                                                 \
  cl.name = reinterpret_cast<Functions::name##Type*>(dlsym(library, "cl" #name)); \
  if (cl.name == nullptr) missing = "cl" #name;
  BT_OPENCL_FUNCTIONS(BT_OPENCL_FIND)
#undef BT_OPENCL_FIND
  if (missing != nullptr) return {FABRIC_UNSUPPORTED, std::string(kLibrary) + " lacks " + missing};
  is_loaded = true;
  return {};
}

uint64_t number_of(DeviceObject* object, Uint name) {
  uint64_t value = 0;
  cl.GetDeviceInfo(object, name, sizeof value, &value, nullptr);
  return value;
}

std::string text_of(DeviceObject* object, Uint name) {
  size_t size = 0;
  if (cl.GetDeviceInfo(object, name, 0, nullptr, &size) != kSuccess || size == 0) return "";
  std::string text(size, '\0');
  cl.GetDeviceInfo(object, name, size, text.data(), nullptr);
  text.resize(std::strlen(text.c_str()));
  return text;
}

class Queue final : public device::Queue {
 public:
  Queue(ProgramObject* program, QueueObject* queue) : program_(program), queue_(queue) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() override {
    cl.Finish(queue_);
    for (const auto& [name, kernel] : kernels_) cl.ReleaseKernel(kernel);
    cl.ReleaseCommandQueue(queue_);
  }

  Status launch(const Step& step) override {
    KernelObject* kernel = nullptr;
    Status status = kernel_of(step.kernel, kernel);
    if (!status.ok()) return status;
    Uint place = 0;
    Int error = kSuccess;
    for (const Memory memory : step.buffers) {
      auto* object = reinterpret_cast<MemoryObject*>(memory);
      if (error == kSuccess) error = cl.SetKernelArg(kernel, place, sizeof object, &object);
      place++;
    }
    if (error == kSuccess) {
      error = cl.SetKernelArg(kernel, place, step.params.size(), step.params.data());
    }
    if (error != kSuccess) return status_of(error, step.kernel);
    const size_t items = step.items;
    const size_t all = items * step.groups;
    return status_of(
        cl.EnqueueNDRangeKernel(queue_, kernel, 1, nullptr, &all, &items, 0, nullptr, nullptr),
        step.kernel);
  }

  Status finish() override { return status_of(cl.Finish(queue_), "clFinish"); }

  Status write(Memory memory, uint64_t offset, std::span<const uint8_t> from) override {
    return status_of(cl.EnqueueWriteBuffer(queue_, object_of(memory), kBlocking, offset,
                                           from.size(), from.data(), 0, nullptr, nullptr),
                     "clEnqueueWriteBuffer");
  }

  Status read(Memory memory, uint64_t offset, std::span<uint8_t> to) override {
    return status_of(cl.EnqueueReadBuffer(queue_, object_of(memory), kBlocking, offset, to.size(),
                                          to.data(), 0, nullptr, nullptr),
                     "clEnqueueReadBuffer");
  }

  Status look(Memory memory, uint64_t bytes,
              const std::function<void(std::span<const uint8_t>)>& at) override {
    Int error = kSuccess;
    void* seen = cl.EnqueueMapBuffer(queue_, object_of(memory), kBlocking, kMapRead, 0, bytes, 0,
                                     nullptr, nullptr, &error);
    if (error != kSuccess) return status_of(error, "clEnqueueMapBuffer");
    at({static_cast<const uint8_t*>(seen), bytes});
    error = cl.EnqueueUnmapMemObject(queue_, object_of(memory), seen, 0, nullptr, nullptr);
    if (error == kSuccess) error = cl.Finish(queue_);
    return status_of(error, "clEnqueueUnmapMemObject");
  }

 private:
  static MemoryObject* object_of(Memory memory) { return reinterpret_cast<MemoryObject*>(memory); }

  // Arguments are set on a kernel object, so that each queue has its own.
  Status kernel_of(const char* name, KernelObject*& out) {
    const auto found = kernels_.find(name);
    if (found != kernels_.end()) {
      out = found->second;
      return {};
    }
    Int error = kSuccess;
    out = cl.CreateKernel(program_, name, &error);
    if (error == kSuccess) kernels_.emplace(name, out);
    return status_of(error, name);
  }

  ProgramObject* program_;
  QueueObject* queue_;
  std::map<std::string, KernelObject*, std::less<>> kernels_;
};

class Driver final : public device::Driver {
 public:
  Driver(DeviceObject* object, device::Facts facts) : object_(object), facts_(std::move(facts)) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() override {
    if (program_ != nullptr) cl.ReleaseProgram(program_);
    if (context_ != nullptr) cl.ReleaseContext(context_);
  }

  Status build(const std::string& flags) {
    Int error = kSuccess;
    context_ = cl.CreateContext(nullptr, 1, &object_, nullptr, nullptr, &error);
    if (error != kSuccess) return status_of(error, "clCreateContext");
    const char* text = device::kKernelSource;
    program_ = cl.CreateProgramWithSource(context_, 1, &text, nullptr, &error);
    if (error != kSuccess) return status_of(error, "clCreateProgramWithSource");
    error = cl.BuildProgram(program_, 1, &object_, flags.c_str(), nullptr, nullptr);
    if (error == kSuccess) return {};
    return {FABRIC_UNSUPPORTED, "the kernels do not compile: " + build_log()};
  }

  const device::Facts& facts() const override { return facts_; }

  Status allocate(uint64_t bytes, Memory& out) override {
    if (bytes > facts_.allocation_bytes_max) {
      return {FABRIC_EXHAUSTED, "a buffer is larger than the device allows"};
    }
    Int error = kSuccess;
    MemoryObject* made = cl.CreateBuffer(context_, kMemoryReadWrite, bytes, nullptr, &error);
    out = reinterpret_cast<Memory>(made);
    return status_of(error, "clCreateBuffer");
  }

  void release(Memory memory) override {
    cl.ReleaseMemObject(reinterpret_cast<MemoryObject*>(memory));
  }

  Status open_queue(std::unique_ptr<device::Queue>& out) override {
    Int error = kSuccess;
    QueueObject* queue = cl.CreateCommandQueue(context_, object_, 0, &error);
    if (error != kSuccess) return status_of(error, "clCreateCommandQueue");
    out = std::make_unique<Queue>(program_, queue);
    return {};
  }

 private:
  // The beginning of it: what is wrong with one kernel is wrong with most.
  std::string build_log() const {
    constexpr size_t kLogMax = 400;
    size_t size = 0;
    cl.GetProgramBuildInfo(program_, object_, kProgramBuildLog, 0, nullptr, &size);
    std::string log(size, '\0');
    cl.GetProgramBuildInfo(program_, object_, kProgramBuildLog, size, log.data(), nullptr);
    log.resize(std::min(std::strlen(log.c_str()), kLogMax));
    return log;
  }

  DeviceObject* object_;
  device::Facts facts_;
  ContextObject* context_ = nullptr;
  ProgramObject* program_ = nullptr;
};

device::Facts facts_of(DeviceObject* object, const device::Options& options) {
  const uint64_t type = number_of(object, kDeviceType);
  const uint64_t floats = number_of(object, kDeviceFloatConfig);
  device::Facts facts;
  facts.name = text_of(object, kDeviceName);
  facts.vendor = text_of(object, kDeviceVendor);
  facts.driver = text_of(object, kDriverVersion);
  facts.kind = type & kTypeGpu   ? FABRIC_KIND_GPU
               : type & kTypeCpu ? FABRIC_KIND_CPU
                                 : FABRIC_KIND_OTHER;
  if (floats & kFloatFma) facts.caps |= FABRIC_CAP_HARDWARE_FMA;
  if ((floats & kFloatSubnormals) && !options.flush) facts.caps |= FABRIC_CAP_SUBNORMALS;
  facts.compute_units = static_cast<uint32_t>(number_of(object, kDeviceComputeUnits));
  facts.memory_total_bytes = number_of(object, kDeviceMemory);
  facts.memory_free_bytes = facts.memory_total_bytes;
  facts.allocation_bytes_max = number_of(object, kDeviceAllocationMax);
  const bool is_cpu = facts.kind == FABRIC_KIND_CPU;
  facts.traits.tiling = options.tiling == "cpu"   ? device::Tiling::cpu
                        : options.tiling == "gpu" ? device::Tiling::gpu
                        : is_cpu                  ? device::Tiling::cpu
                                                  : device::Tiling::gpu;
  facts.traits.vector = number_of(object, kDeviceVectorFloat) >= 16 ? 16 : 8;
  const bool shaped_for_cpu = facts.traits.tiling == device::Tiling::cpu;
  facts.isa = std::string(text_of(object, kDeviceVersion).substr(0, 10)) +
              (shaped_for_cpu ? ", cpu tiling" : ", gpu tiling");
  return facts;
}

// What the device lacks, or empty.
std::string lack_of(DeviceObject* object) {
  const uint64_t floats = number_of(object, kDeviceFloatConfig);
  if (number_of(object, kDeviceAvailable) == 0) return "it is not available";
  if (number_of(object, kDeviceCompiler) == 0) return "it has no compiler";
  if (number_of(object, kDeviceLittleEndian) == 0) return "it is not little-endian";
  if (number_of(object, kDeviceAddressBits) != 64) return "its addresses are not of 64 bits";
  if (number_of(object, kDeviceLocalMemory) < kLocalBytes) return "it has too little local memory";
  if (number_of(object, kDeviceGroupItemsMax) < kGroupItems) return "its groups are too small";
  if ((floats & kFloatNearest) == 0 || (floats & kFloatInfinities) == 0) {
    return "its floats do not round to nearest or have no infinities";
  }
  return "";
}

std::string flags_of(DeviceObject* object, const device::Facts& facts,
                     const device::Options& options) {
  const bool divides = (number_of(object, kDeviceFloatConfig) & kFloatDivideSqrt) != 0;
  std::string flags = "-cl-std=CL1.2";
  flags +=
      divides && !options.soft ? " -cl-fp32-correctly-rounded-divide-sqrt" : " -DBT_SOFT_DIVISION";
  if (options.flush) flags += " -cl-denorms-are-zero";
  if (facts.traits.tiling == device::Tiling::cpu) {
    flags += " -DBT_ITEM_SHAPE -DBT_VECTOR=" + std::to_string(facts.traits.vector);
  }
  return flags;
}

void open_device(DeviceObject* object, const device::Options& options,
                 std::vector<std::unique_ptr<device::Driver>>& out,
                 std::vector<std::string>& notes) {
  const device::Facts facts = facts_of(object, options);
  const std::string lack = lack_of(object);
  if (!lack.empty()) {
    notes.push_back(facts.name + ": " + lack);
    return;
  }
  auto driver = std::make_unique<Driver>(object, facts);
  const Status status = driver->build(flags_of(object, facts, options));
  if (status.ok()) {
    out.push_back(std::move(driver));
  } else {
    notes.push_back(facts.name + ": " + status.reason);
  }
}

Status open(const device::Options& options, std::vector<std::unique_ptr<device::Driver>>& out,
            std::vector<std::string>& notes) {
  // PoCL compiles each kernel for each size of group and keeps it here; its own choice without a
  // home folder is one that others may write to. Other drivers do not read the variable.
  const std::string cache = device::cache_folder(options.cache, "pocl");
  setenv("POCL_CACHE_DIR", cache.c_str(), 0);
  Status status = load();
  if (!status.ok()) return status;
  PlatformObject* platforms[kPlatformsMax] = {};
  Uint count = 0;
  const Int error = cl.GetPlatformIDs(kPlatformsMax, platforms, &count);
  if (error == kNoPlatform || (error == kSuccess && count == 0)) {
    return {FABRIC_DEVICE_LOST, "no OpenCL driver is installed"};
  }
  if (error != kSuccess) return status_of(error, "clGetPlatformIDs");
  for (Uint i = 0; i < std::min(count, kPlatformsMax); i++) {
    DeviceObject* devices[kDevicesMax] = {};
    Uint found = 0;
    if (cl.GetDeviceIDs(platforms[i], kTypeAll, kDevicesMax, devices, &found) != kSuccess) continue;
    for (Uint j = 0; j < std::min(found, kDevicesMax); j++) {
      open_device(devices[j], options, out, notes);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return (a->facts().kind == FABRIC_KIND_GPU) > (b->facts().kind == FABRIC_KIND_GPU);
  });
  if (out.empty() && notes.empty()) return {FABRIC_DEVICE_LOST, "no OpenCL device"};
  return {};
}

}  // namespace
}  // namespace opencl

namespace device {

const Backend kBackend = {"opencl", opencl::open};

}  // namespace device
