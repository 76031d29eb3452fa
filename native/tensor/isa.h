// Run-time choice of instruction set.
//
// Each hot loop is written once, as an always-inlined body, and compiled for up to three targets;
// the widest one the processor has is chosen once. The body names every fused multiply-add
// explicitly and contraction is off, so that the choice cannot change a bit of a result.

#pragma once

#include <cstdlib>

#define BT_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__)
#define BT_X86 1
#define BT_TARGET_WIDE \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2"), flatten))
#define BT_TARGET_MID __attribute__((target("avx2,fma,bmi2"), flatten))
#else
#define BT_X86 0
#endif

namespace isa {

enum class Level { base, mid, wide };

// TB_BLOCKTORCH_ISA=base|mid lowers the level, so that tests can compare the three.
inline Level detect() {
#if BT_X86
  const char* limit = std::getenv("TB_BLOCKTORCH_ISA");
  const char first = limit != nullptr ? limit[0] : 'w';
  __builtin_cpu_init();
  const bool mid = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool wide = mid && __builtin_cpu_supports("avx512f") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
  if (first == 'b') return Level::base;
  if (first == 'm') return mid ? Level::mid : Level::base;
  return wide ? Level::wide : mid ? Level::mid : Level::base;
#else
  return Level::base;
#endif
}

inline Level level() {
  static const Level found = detect();
  return found;
}

}  // namespace isa

// BT_CLONES(result, name, (parameters), (arguments)) defines `name`, which runs the body
// `name##_body` compiled for the widest instruction set at hand.
#if BT_X86
#define BT_CLONES(result, name, parameters, arguments)                                  \
  BT_TARGET_WIDE static result name##_wide parameters { return name##_body arguments; } \
  BT_TARGET_MID static result name##_mid parameters { return name##_body arguments; }   \
  static result name##_base parameters { return name##_body arguments; }                \
  static result name parameters {                                                       \
    switch (isa::level()) {                                                             \
      case isa::Level::wide:                                                            \
        return name##_wide arguments;                                                   \
      case isa::Level::mid:                                                             \
        return name##_mid arguments;                                                    \
      default:                                                                          \
        return name##_base arguments;                                                   \
    }                                                                                   \
  }
#else
#define BT_CLONES(result, name, parameters, arguments) \
  static result name parameters { return name##_body arguments; }
#endif
