// Run-time choice of instruction set.
//
// Each hot loop is written once, as an always-inlined body, and compiled for up to three targets;
// the widest one the processor has is chosen once. The body names every fused multiply-add
// explicitly and contraction is off, so that the choice cannot change a bit of a result.

#pragma once

#include <cstdlib>
#include <cstring>
#include <initializer_list>

#define BT_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__)
#define BT_X86 1
#define BT_TARGET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2"), flatten))
#define BT_TARGET_AVX2 __attribute__((target("avx2,fma,bmi2"), flatten))
#else
#define BT_X86 0
#endif

namespace isa {

enum class Level { scalar, avx2, avx512 };

inline constexpr const char* kNames[] = {"scalar", "avx2", "avx512"};

inline const char* name(Level level) { return kNames[static_cast<int>(level)]; }

struct Choice {
  Level level = Level::scalar;
  // AVX-512 with dot products of bytes.
  bool vnni = false;
  // Null, or why the wish of TB_BLOCKTORCH_ISA cannot be met; a fabric then does not start.
  const char* refusal = nullptr;
};

inline Choice widest() {
  Choice found;
#if BT_X86
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return found;
  found.level = Level::avx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    found.level = Level::avx512;
    found.vnni = __builtin_cpu_supports("avx512vnni");
  }
#endif
  return found;
}

// What TB_BLOCKTORCH_ISA asks for, or the widest there is; a refused wish leaves the scalar loops.
inline Choice choose(const char* wish) {
  const Choice found = widest();
  if (wish == nullptr || wish[0] == '\0') return found;
  for (const Level level : {Level::scalar, Level::avx2, Level::avx512}) {
    if (std::strcmp(wish, name(level)) != 0) continue;
    if (level > found.level) {
      return {Level::scalar, false, "TB_BLOCKTORCH_ISA names one that this processor lacks"};
    }
    return {level, found.vnni && level == Level::avx512, nullptr};
  }
  return {Level::scalar, false, "TB_BLOCKTORCH_ISA is not scalar, avx2 or avx512"};
}

inline const Choice& choice() {
  static const Choice made = choose(std::getenv("TB_BLOCKTORCH_ISA"));
  return made;
}

inline Level level() { return choice().level; }

}  // namespace isa

// BT_CLONES(result, name, (parameters), (arguments)) defines `name`, which runs the body
// `name##_body` compiled for the widest instruction set at hand.
#if BT_X86
#define BT_CLONES(result, name, parameters, arguments)                                      \
  BT_TARGET_AVX512 static result name##_avx512 parameters { return name##_body arguments; } \
  BT_TARGET_AVX2 static result name##_avx2 parameters { return name##_body arguments; }     \
  static result name##_scalar parameters { return name##_body arguments; }                  \
  static result name parameters {                                                           \
    switch (isa::level()) {                                                                 \
      case isa::Level::avx512:                                                              \
        return name##_avx512 arguments;                                                     \
      case isa::Level::avx2:                                                                \
        return name##_avx2 arguments;                                                       \
      default:                                                                              \
        return name##_scalar arguments;                                                     \
    }                                                                                       \
  }
#else
#define BT_CLONES(result, name, parameters, arguments) \
  static result name parameters { return name##_body arguments; }
#endif
