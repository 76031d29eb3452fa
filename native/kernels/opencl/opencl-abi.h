// The part of the OpenCL 1.2 interface that we call: names, numbers and signatures.
//
// Found at run time in libOpenCL.so.1; nothing is linked and no header of a vendor is needed.
// Source: The OpenCL Specification 1.2, chapters 4 and 5.

#pragma once

#include <cstddef>
#include <cstdint>

namespace opencl {

using Int = int32_t;
using Uint = uint32_t;
using Bits = uint64_t;

struct PlatformObject;
struct DeviceObject;
struct ContextObject;
struct QueueObject;
struct MemoryObject;
struct ProgramObject;
struct KernelObject;
struct EventObject;

inline constexpr Int kSuccess = 0;
inline constexpr Int kNoDevice = -1;
inline constexpr Int kNoMemoryObject = -4;
inline constexpr Int kNoResources = -5;
inline constexpr Int kNoHostMemory = -6;
inline constexpr Int kInvalidBufferSize = -61;
inline constexpr Int kNoPlatform = -1001;

inline constexpr Bits kTypeCpu = 1 << 1;
inline constexpr Bits kTypeGpu = 1 << 2;
inline constexpr Bits kTypeAll = 0xffffffff;

inline constexpr Uint kDeviceType = 0x1000;
inline constexpr Uint kDeviceComputeUnits = 0x1002;
inline constexpr Uint kDeviceGroupItemsMax = 0x1004;
inline constexpr Uint kDeviceAddressBits = 0x100d;
inline constexpr Uint kDeviceAllocationMax = 0x1010;
inline constexpr Uint kDeviceFloatConfig = 0x101b;
inline constexpr Uint kDeviceMemory = 0x101f;
inline constexpr Uint kDeviceLocalMemory = 0x1023;
inline constexpr Uint kDeviceLittleEndian = 0x1026;
inline constexpr Uint kDeviceAvailable = 0x1027;
inline constexpr Uint kDeviceCompiler = 0x1028;
inline constexpr Uint kDeviceName = 0x102b;
inline constexpr Uint kDeviceVendor = 0x102c;
inline constexpr Uint kDriverVersion = 0x102d;
inline constexpr Uint kDeviceVersion = 0x102f;
inline constexpr Uint kDeviceVectorFloat = 0x103a;

inline constexpr Bits kFloatSubnormals = 1 << 0;
inline constexpr Bits kFloatInfinities = 1 << 1;
inline constexpr Bits kFloatNearest = 1 << 2;
inline constexpr Bits kFloatFma = 1 << 5;
inline constexpr Bits kFloatDivideSqrt = 1 << 7;

inline constexpr Bits kMemoryReadWrite = 1 << 0;
inline constexpr Bits kMapRead = 1 << 0;
inline constexpr Uint kProgramBuildLog = 0x1183;
inline constexpr Uint kBlocking = 1;

// Every function: its name after `cl`, and its signature.
#define BT_OPENCL_FUNCTIONS(X)                                                                     \
  X(GetPlatformIDs, Int(Uint, PlatformObject**, Uint*))                                            \
  X(GetDeviceIDs, Int(PlatformObject*, Bits, Uint, DeviceObject**, Uint*))                         \
  X(GetDeviceInfo, Int(DeviceObject*, Uint, size_t, void*, size_t*))                               \
  X(CreateContext, ContextObject*(const intptr_t*, Uint, DeviceObject* const*,                     \
                                  void (*)(const char*, const void*, size_t, void*), void*, Int*)) \
  X(ReleaseContext, Int(ContextObject*))                                                           \
  X(CreateCommandQueue, QueueObject*(ContextObject*, DeviceObject*, Bits, Int*))                   \
  X(ReleaseCommandQueue, Int(QueueObject*))                                                        \
  X(CreateBuffer, MemoryObject*(ContextObject*, Bits, size_t, void*, Int*))                        \
  X(ReleaseMemObject, Int(MemoryObject*))                                                          \
  X(CreateProgramWithSource,                                                                       \
    ProgramObject*(ContextObject*, Uint, const char**, const size_t*, Int*))                       \
  X(BuildProgram, Int(ProgramObject*, Uint, DeviceObject* const*, const char*,                     \
                      void (*)(ProgramObject*, void*), void*))                                     \
  X(GetProgramBuildInfo, Int(ProgramObject*, DeviceObject*, Uint, size_t, void*, size_t*))         \
  X(ReleaseProgram, Int(ProgramObject*))                                                           \
  X(CreateKernel, KernelObject*(ProgramObject*, const char*, Int*))                                \
  X(ReleaseKernel, Int(KernelObject*))                                                             \
  X(SetKernelArg, Int(KernelObject*, Uint, size_t, const void*))                                   \
  X(EnqueueNDRangeKernel, Int(QueueObject*, KernelObject*, Uint, const size_t*, const size_t*,     \
                              const size_t*, Uint, EventObject* const*, EventObject**))            \
  X(EnqueueReadBuffer, Int(QueueObject*, MemoryObject*, Uint, size_t, size_t, void*, Uint,         \
                           EventObject* const*, EventObject**))                                    \
  X(EnqueueWriteBuffer, Int(QueueObject*, MemoryObject*, Uint, size_t, size_t, const void*, Uint,  \
                            EventObject* const*, EventObject**))                                   \
  X(EnqueueMapBuffer, void*(QueueObject*, MemoryObject*, Uint, Bits, size_t, size_t, Uint,         \
                            EventObject* const*, EventObject**, Int*))                             \
  X(EnqueueUnmapMemObject,                                                                         \
    Int(QueueObject*, MemoryObject*, void*, Uint, EventObject* const*, EventObject**))             \
  X(Finish, Int(QueueObject*))

struct Functions {
#define BT_OPENCL_MEMBER(name, ...) \
  using name##Type = __VA_ARGS__;   \
  name##Type* name = nullptr;
  BT_OPENCL_FUNCTIONS(BT_OPENCL_MEMBER)
#undef BT_OPENCL_MEMBER
};

}  // namespace opencl
