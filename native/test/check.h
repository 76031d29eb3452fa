// The one assertion of the native tests: states the expression and the place, and ends the test.

#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(expression)                                                             \
  do {                                                                                \
    if (!(expression)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #expression); \
      std::exit(1);                                                                   \
    }                                                                                 \
  } while (0)

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
