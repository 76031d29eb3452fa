// The one assertion of the native tests: states the expression and the place, and ends the test.

#pragma once

#include <cstdio>
#include <cstdlib>

#include "tensor/isa.h"

#define CHECK(expression)                                                             \
  do {                                                                                \
    if (!(expression)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #expression); \
      std::exit(1);                                                                   \
    }                                                                                 \
  } while (0)

// A test of an instruction set that this processor lacks is skipped; ctest knows 77 for that.
inline const bool kRunnable = [] {
  if (isa::choice().refusal == nullptr) return true;
  std::fprintf(stderr, "skipped: %s\n", isa::choice().refusal);
  std::exit(77);
}();

// A small xorshift generator; the seed makes every run the same.
struct Random {
  unsigned long long state = 88172645463325252ULL;

  unsigned long long next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545F4914F6CDD1DULL;
  }
};
