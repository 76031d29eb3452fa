// CUDA devices, by libcuda.so.1: the driver compiles our PTX for whatever device there is.
//
// All work happens in the primary context of a device, made current on each calling thread before
// each group of calls. Streams are non-blocking: nothing waits for the default stream.

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "kernels/cuda/cuda-abi.h"
#include "kernels/cuda/ptx.h"
#include "kernels/device/source.h"
#include "plugin/device-cache.h"
#include "plugin/device-driver.h"

namespace cuda {
namespace {

using device::Memory;
using device::Status;
using device::Step;

constexpr char kLibrary[] = "libcuda.so.1";
constexpr int kDevicesMax = 16;
// PTX for 7.5 runs on this and everything later.
constexpr int kCapabilityMin = 75;
// Page-locked memory that a queue keeps for looking at outputs; larger ones take a detour.
constexpr uint64_t kStagingBytesMax = uint64_t{256} << 20;

Functions cu;

Status status_of(Result result, const char* what) {
  if (result == kSuccess) return {};
  const bool is_lost =
      result == kUncorrectable || (result >= kIllegalAddress && result <= kLaunchFailed);
  const char* name = nullptr;
  if (cu.error_name(result, &name) != kSuccess || name == nullptr) name = "an unknown error";
  return {result == kOutOfMemory ? FABRIC_EXHAUSTED
          : is_lost              ? FABRIC_DEVICE_LOST
                                 : FABRIC_INTERNAL,
          std::string(what) + ": " + name + " (" + std::to_string(result) + ")"};
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
#define BT_CUDA_FIND(name, symbol, ...)                                         \
  cu.name = reinterpret_cast<Functions::name##_type*>(dlsym(library, #symbol)); \
  if (cu.name == nullptr) missing = #symbol;
  BT_CUDA_FUNCTIONS(BT_CUDA_FIND)
#undef BT_CUDA_FIND
  if (missing != nullptr) return {FABRIC_UNSUPPORTED, std::string(kLibrary) + " lacks " + missing};
  is_loaded = true;
  return {};
}

// Kernels by name; one for all queues.
class Module {
 public:
  Status load(const char* ptx) {
    std::string log(400, '\0');
    int options[] = {kErrorLogBuffer, kErrorLogBytes};
    void* values[] = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
    Status status = status_of(cu.module_load(&module_, ptx, 2, options, values), "the kernels");
    if (!status.ok()) {
      const std::string said = log.c_str();
      if (!said.empty()) status.reason += ": " + said;
      if (status.code == FABRIC_INTERNAL) status.code = FABRIC_UNSUPPORTED;
    }
    return status;
  }

  void unload() {
    if (module_ != nullptr) cu.module_unload(module_);
    module_ = nullptr;
  }

  Status find(const char* name, FunctionObject*& out) {
    const std::lock_guard lock(mutex_);
    const auto found = functions_.find(name);
    if (found != functions_.end()) {
      out = found->second;
      return {};
    }
    Status status = status_of(cu.module_function(&out, module_, name), name);
    if (status.ok()) functions_.emplace(name, out);
    return status;
  }

 private:
  ModuleObject* module_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, FunctionObject*, std::less<>> functions_;
};

class Queue final : public device::Queue {
 public:
  Queue(ContextObject* context, Module& module, StreamObject* stream)
      : context_(context), module_(module), stream_(stream) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() override {
    cu.context_use(context_);
    cu.stream_synchronize(stream_);
    cu.stream_destroy(stream_);
    if (staging_ != nullptr) cu.host_free(staging_);
  }

  Status launch(const Step& step) override {
    FunctionObject* function = nullptr;
    Status status = enter();
    if (status.ok()) status = module_.find(step.kernel, function);
    if (!status.ok()) return status;
    // One pointer to each argument; the driver copies as many bytes as the kernel declares.
    std::vector<Pointer> pointers(step.buffers.begin(), step.buffers.end());
    std::vector<void*> arguments;
    for (Pointer& pointer : pointers) arguments.push_back(&pointer);
    arguments.push_back(const_cast<uint8_t*>(step.params.data()));
    return status_of(cu.launch(function, step.groups, 1, 1, step.items, 1, 1, 0, stream_,
                               arguments.data(), nullptr),
                     step.kernel);
  }

  Status finish() override {
    Status status = enter();
    return status.ok() ? synchronize() : status;
  }

  Status write(Memory memory, uint64_t offset, std::span<const uint8_t> from) override {
    Status status = enter();
    if (status.ok()) {
      status = status_of(cu.copy_to_device(memory + offset, from.data(), from.size(), stream_),
                         "cuMemcpyHtoDAsync");
    }
    return status.ok() ? synchronize() : status;
  }

  Status read(Memory memory, uint64_t offset, std::span<uint8_t> to) override {
    Status status = enter();
    if (status.ok()) {
      status = status_of(cu.copy_to_host(to.data(), memory + offset, to.size(), stream_),
                         "cuMemcpyDtoHAsync");
    }
    return status.ok() ? synchronize() : status;
  }

  Status look(Memory memory, uint64_t bytes,
              const std::function<void(std::span<const uint8_t>)>& at) override {
    Status status = enter();
    if (!status.ok()) return status;
    std::vector<uint8_t> detour;
    uint8_t* seen = staging(bytes);
    if (seen == nullptr) {
      detour.resize(bytes);
      seen = detour.data();
    }
    status = read(memory, 0, {seen, bytes});
    if (status.ok()) at({seen, bytes});
    return status;
  }

 private:
  Status enter() { return status_of(cu.context_use(context_), "cuCtxSetCurrent"); }
  Status synchronize() { return status_of(cu.stream_synchronize(stream_), "cuStreamSynchronize"); }

  // Page-locked memory of at least `bytes`, or null.
  uint8_t* staging(uint64_t bytes) {
    if (bytes > kStagingBytesMax) return nullptr;
    if (bytes > staging_bytes_) {
      if (staging_ != nullptr) cu.host_free(staging_);
      staging_ = nullptr;
      staging_bytes_ = 0;
      if (cu.host_allocate(&staging_, bytes) != kSuccess) return nullptr;
      staging_bytes_ = bytes;
    }
    return static_cast<uint8_t*>(staging_);
  }

  ContextObject* context_;
  Module& module_;
  StreamObject* stream_;
  void* staging_ = nullptr;
  uint64_t staging_bytes_ = 0;
};

class Driver final : public device::Driver {
 public:
  explicit Driver(Device device) : device_(device) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() override {
    if (context_ == nullptr) return;
    cu.context_use(context_);
    module_.unload();
    cu.context_use(nullptr);
    cu.context_release(device_);
  }

  Status open(const char* ptx) {
    describe();
    if (capability_ < kCapabilityMin) {
      return {FABRIC_UNSUPPORTED, "its compute capability is below 7.5"};
    }
    Status status = status_of(cu.context_retain(&context_, device_), "cuDevicePrimaryCtxRetain");
    if (status.ok()) status = enter();
    if (status.ok()) status = module_.load(ptx);
    size_t free = 0;
    size_t total = 0;
    if (status.ok()) status = status_of(cu.memory_info(&free, &total), "cuMemGetInfo");
    facts_.memory_free_bytes = free;
    return status;
  }

  const device::Facts& facts() const override { return facts_; }

  Status allocate(uint64_t bytes, Memory& out) override {
    Status status = enter();
    Pointer made = 0;
    if (status.ok()) status = status_of(cu.memory_allocate(&made, bytes), "cuMemAlloc");
    out = made;
    return status;
  }

  void release(Memory memory) override {
    if (enter().ok()) cu.memory_free(memory);
  }

  Status open_queue(std::unique_ptr<device::Queue>& out) override {
    StreamObject* stream = nullptr;
    Status status = enter();
    if (status.ok()) {
      status = status_of(cu.stream_create(&stream, kStreamNonBlocking), "cuStreamCreate");
    }
    if (status.ok()) out = std::make_unique<Queue>(context_, module_, stream);
    return status;
  }

 private:
  Status enter() { return status_of(cu.context_use(context_), "cuCtxSetCurrent"); }

  int attribute(int number) const {
    int value = 0;
    return cu.device_attribute(&value, number, device_) == kSuccess ? value : 0;
  }

  void describe() {
    char name[128] = {};
    cu.device_name(name, sizeof name - 1, device_);
    int version = 0;
    cu.driver_version(&version);
    size_t total = 0;
    cu.device_memory(&total, device_);
    const int major = attribute(kCapabilityMajor);
    const int minor = attribute(kCapabilityMinor);
    capability_ = 10 * major + minor;
    facts_.name = name;
    facts_.vendor = "NVIDIA";
    facts_.driver =
        "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
    facts_.isa = "sm_" + std::to_string(capability_);
    facts_.kind = FABRIC_KIND_GPU;
    facts_.caps = FABRIC_CAP_HARDWARE_FMA | FABRIC_CAP_INT8_DOT | FABRIC_CAP_SUBNORMALS;
    facts_.compute_units = static_cast<uint32_t>(std::max(1, attribute(kMultiprocessors)));
    facts_.memory_total_bytes = total;
    facts_.allocation_bytes_max = total;
    facts_.traits.tiling = device::Tiling::gpu;
  }

  Device device_;
  ContextObject* context_ = nullptr;
  Module module_;
  int capability_ = 0;
  device::Facts facts_;
};

// What the driver compiles; made here when `options` ask for it.
Status ptx_of(const device::Options& options, std::string& ptx) {
  if (options.jit == "nvrtc") return compile_ptx(device::kKernelSource, ptx);
  ptx = kShippedPtx;
  return {};
}

Status open(const device::Options& options, std::vector<std::unique_ptr<device::Driver>>& out,
            std::vector<std::string>& notes) {
  Status status = load();
  if (!status.ok()) return status;
  // What the driver compiles is kept here; without it a process that has no HOME keeps nothing.
  const std::string cache = device::cache_folder(options.cache, "cuda");
  if (!cache.empty()) setenv("CUDA_CACHE_PATH", cache.c_str(), 0);
  const Result result = cu.init(0);
  if (result == kNoDevice) return {FABRIC_DEVICE_LOST, "no CUDA device"};
  if (result != kSuccess) return {FABRIC_DEVICE_LOST, status_of(result, "cuInit").reason};
  int count = 0;
  status = status_of(cu.device_count(&count), "cuDeviceGetCount");
  if (!status.ok()) return status;
  if (count == 0) return {FABRIC_DEVICE_LOST, "no CUDA device"};
  std::string ptx;
  status = ptx_of(options, ptx);
  if (!status.ok()) return status;
  for (int i = 0; i < std::min(count, kDevicesMax); i++) {
    Device device = 0;
    status = status_of(cu.device_get(&device, i), "cuDeviceGet");
    auto driver = std::make_unique<Driver>(device);
    if (status.ok()) status = driver->open(ptx.c_str());
    if (status.ok()) {
      out.push_back(std::move(driver));
    } else {
      notes.push_back(driver->facts().name + ": " + status.reason);
    }
  }
  return {};
}

}  // namespace
}  // namespace cuda

namespace device {

const Backend kBackend = {"cuda", cuda::open};

}  // namespace device
