// One kernel language for every device: OpenCL C, CUDA C, Metal and plain C++ read the same files.
//
// A kernel is written so:
//
//   KERNEL(name, 64)(IN(0, float, a) NEXT OUT(1, float, y) NEXT PARAMS(2, SomeParams)) { ... }
//
// 64 is the number of work-items of a group. A launch is one-dimensional: `GROUP` is the number of
// the group within it, `LANE` that of the item within the group. Every params struct begins with
// `first`, the number of the launch's first group within the op, so that an op may be cut into
// launches anywhere between groups. `LOCAL` memory is shared by a group, `BARRIER` waits for it.
// KERNEL_DENSE leaves registers enough for two groups on one multiprocessor.
//
// No printf, no library function but the fused multiply-add and, where the device promises correct
// rounding, division and square root. No contraction, no fast-math.

#ifndef BT_PRELUDE_H
#define BT_PRELUDE_H

#if defined(__FAST_MATH__)
#error "bit-exact kernels cannot be built with fast-math"
#endif

#if defined(__OPENCL_C_VERSION__)

#pragma OPENCL FP_CONTRACT OFF
typedef char i8;
typedef int i32;
typedef uint u32;
typedef long i64;
typedef ulong u64;
#define FN static inline
#define KERNEL(name, items) __kernel __attribute__((reqd_work_group_size(items, 1, 1))) void name
#define KERNEL_DENSE KERNEL
#define IN(place, type, name) __global const type* restrict name
#define OUT(place, type, name) __global type* restrict name
#define PARAMS(place, type) const type p
#define GLOBAL __global
#define LOCAL __local
#define LOCAL_POINTER __local
#define GROUP ((u32)get_group_id(0))
#define LANE ((u32)get_local_id(0))
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define BITS(x) as_uint(x)
#define FLOAT(u) as_float(u)
#define FUSED(a, b, c) fma((a), (b), (c))
#define HARD_DIVIDE(a, b) ((a) / (b))
#define HARD_SQRT(a) sqrt(a)

#elif defined(__CUDACC__)

typedef signed char i8;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
#define FN static __device__ __forceinline__
#define KERNEL(name, items) extern "C" __global__ void __launch_bounds__(items) name
#define KERNEL_DENSE(name, items) extern "C" __global__ void __launch_bounds__(items, 2) name
#define IN(place, type, name) const type* __restrict__ name
#define OUT(place, type, name) type* __restrict__ name
#define PARAMS(place, type) const type p
#define GLOBAL
#define LOCAL __shared__
#define LOCAL_POINTER
#define GROUP ((u32)blockIdx.x)
#define LANE ((u32)threadIdx.x)
#define BARRIER __syncthreads()
#define BITS(x) __float_as_uint(x)
#define FLOAT(u) __uint_as_float(u)
#define FUSED(a, b, c) __fmaf_rn((a), (b), (c))
#define HARD_DIVIDE(a, b) __fdiv_rn((a), (b))
#define HARD_SQRT(a) __fsqrt_rn(a)

#elif defined(__METAL_VERSION__)

#include <metal_stdlib>
#if __METAL_VERSION__ >= 320
#pragma METAL fp math_mode(safe)
#endif
#pragma METAL fp contract(off)
typedef metal::int8_t i8;
typedef int i32;
typedef uint u32;
typedef long i64;
typedef ulong u64;
#define FN static inline
#define KERNEL(name, items) [[max_total_threads_per_threadgroup(items)]] kernel void name
#define KERNEL_DENSE KERNEL
#define IN(place, type, name) device const type* name [[buffer(place)]]
#define OUT(place, type, name) device type* name [[buffer(place)]]
#define PARAMS(place, type)                                                           \
  constant type &p [[buffer(place)]], uint bt_group [[threadgroup_position_in_grid]], \
      uint bt_lane [[thread_position_in_threadgroup]]
#define GLOBAL device
#define LOCAL threadgroup
#define LOCAL_POINTER threadgroup
#define GROUP bt_group
#define LANE bt_lane
#define BARRIER threadgroup_barrier(metal::mem_flags::mem_threadgroup)
#define BITS(x) as_type<uint>(x)
#define FLOAT(u) as_type<float>((u32)(u))
#define FUSED(a, b, c) metal::fma((a), (b), (c))
#define HARD_DIVIDE(a, b) ((a) / (b))
#define HARD_SQRT(a) metal::precise::sqrt(a)

#else

// Plain C++: kernels as functions, run by native/test/host-driver.cpp.
#include <cmath>
#include <cstdint>
#include <cstring>
typedef int8_t i8;
typedef int32_t i32;
typedef uint32_t u32;
typedef int64_t i64;
typedef uint64_t u64;
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  u32 x, y, z, w;
};
#define FN static inline
#define KERNEL(name, items) extern "C" __attribute__((visibility("default"))) void name
#define KERNEL_DENSE KERNEL
#define IN(place, type, name) const type* name
#define OUT(place, type, name) type* name
#define PARAMS(place, type) const type& p
#define GLOBAL
// One group runs at a time.
#define LOCAL alignas(16) static
#define LOCAL_POINTER
#define GROUP (bt_host::group)
#define LANE (bt_host::lane)
#define BARRIER bt_host::barrier()
FN u32 BITS(float x) {
  u32 u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
FN float FLOAT(u32 u) {
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}
#define FUSED(a, b, c) __builtin_fmaf((a), (b), (c))
#define HARD_DIVIDE(a, b) ((a) / (b))
#define HARD_SQRT(a) __builtin_sqrtf(a)
namespace bt_host {
extern thread_local u32 group;
extern thread_local u32 lane;
void barrier();
}  // namespace bt_host

#endif

// A comma of a parameter list: one of a macro's own would end its argument.
#define NEXT ,
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif

#endif
