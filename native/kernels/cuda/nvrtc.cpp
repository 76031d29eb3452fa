// NVRTC, the run-time compiler of the CUDA toolkit, by dlopen: TB_CUDA_JIT=nvrtc.

#include <dlfcn.h>

#include "kernels/cuda/ptx.h"

namespace cuda {
namespace {

using device::Status;

struct ProgramObject;

struct Nvrtc {
  int (*create)(ProgramObject**, const char*, const char*, int, const char* const*,
                const char* const*) = nullptr;
  int (*compile)(ProgramObject*, int, const char* const*) = nullptr;
  int (*log_size)(ProgramObject*, size_t*) = nullptr;
  int (*log)(ProgramObject*, char*) = nullptr;
  int (*ptx_size)(ProgramObject*, size_t*) = nullptr;
  int (*ptx)(ProgramObject*, char*) = nullptr;
  int (*destroy)(ProgramObject**) = nullptr;
};

template <typename Function>
bool find(void* library, const char* name, Function*& out) {
  out = reinterpret_cast<Function*>(dlsym(library, name));
  return out != nullptr;
}

bool load(Nvrtc& nvrtc) {
  void* library = nullptr;
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"}) {
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  return library != nullptr && find(library, "nvrtcCreateProgram", nvrtc.create) &&
         find(library, "nvrtcCompileProgram", nvrtc.compile) &&
         find(library, "nvrtcGetProgramLogSize", nvrtc.log_size) &&
         find(library, "nvrtcGetProgramLog", nvrtc.log) &&
         find(library, "nvrtcGetPTXSize", nvrtc.ptx_size) &&
         find(library, "nvrtcGetPTX", nvrtc.ptx) &&
         find(library, "nvrtcDestroyProgram", nvrtc.destroy);
}

// The beginning of what the compiler says.
std::string log_of(const Nvrtc& nvrtc, ProgramObject* program) {
  constexpr size_t kLogMax = 400;
  size_t size = 0;
  if (nvrtc.log_size(program, &size) != 0 || size == 0) return "no reason given";
  std::string log(size, '\0');
  if (nvrtc.log(program, log.data()) != 0) return "no reason given";
  return log.substr(0, kLogMax);
}

}  // namespace

Status compile_ptx(const char* source, std::string& ptx) {
  Nvrtc nvrtc;
  if (!load(nvrtc)) return {FABRIC_UNSUPPORTED, "libnvrtc.so is not installed"};
  ProgramObject* program = nullptr;
  if (nvrtc.create(&program, source, "kernels.cu", 0, nullptr, nullptr) != 0) {
    return {FABRIC_INTERNAL, "nvrtcCreateProgram failed"};
  }
  // The same target and the same rules as the shipped one.
  const char* const flags[] = {"--gpu-architecture=compute_75", "--fmad=false", "--ftz=false",
                               "--prec-div=true", "--prec-sqrt=true"};
  Status status;
  size_t size = 0;
  if (nvrtc.compile(program, 5, flags) != 0) {
    status = {FABRIC_UNSUPPORTED, "the kernels do not compile: " + log_of(nvrtc, program)};
  } else if (nvrtc.ptx_size(program, &size) != 0 || size == 0) {
    status = {FABRIC_INTERNAL, "nvrtcGetPTXSize failed"};
  } else {
    ptx.resize(size);
    if (nvrtc.ptx(program, ptx.data()) != 0) status = {FABRIC_INTERNAL, "nvrtcGetPTX failed"};
  }
  nvrtc.destroy(&program);
  return status;
}

}  // namespace cuda
