#include "plugin/process-facts.h"

#include <dirent.h>

#include <cstdio>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace plugin {
namespace {

constexpr int kSignalsMax = 64;

int64_t entries_of(const char* path) {
  DIR* folder = opendir(path);
  if (folder == nullptr) return -1;
  int64_t count = 0;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') count++;
  }
  closedir(folder);
  return count;
}

}  // namespace

SignalTable SignalTable::now() {
  SignalTable table;
  for (int signal = 1; signal <= kSignalsMax; signal++) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    const bool is_long = (action.sa_flags & SA_SIGINFO) != 0;
    const auto handler = is_long ? reinterpret_cast<uintptr_t>(action.sa_sigaction)
                                 : reinterpret_cast<uintptr_t>(action.sa_handler);
    table.answers_.emplace_back(handler, action.sa_flags);
  }
  return table;
}

int SignalTable::first_change(const SignalTable& later) const {
  for (size_t i = 0; i < answers_.size(); i++) {
    if (answers_[i] != later.answers_[i]) return static_cast<int>(i) + 1;
  }
  return 0;
}

int64_t open_descriptors() {
  const int64_t count = entries_of("/dev/fd");
  // One of them is the folder's own.
  return count < 0 ? -1 : count - 1;
}

int64_t running_threads() { return entries_of("/proc/self/task"); }

uint64_t float_mode() {
#if defined(__x86_64__)
  // Without the flags of what has happened so far.
  return _mm_getcsr() & ~0x3fU;
#elif defined(__aarch64__)
  uint64_t mode = 0;
  __asm__("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void set_float_mode(uint64_t mode) {
#if defined(__x86_64__)
  _mm_setcsr(static_cast<uint32_t>(mode));
#elif defined(__aarch64__)
  __asm__("msr fpcr, %0" : : "r"(mode));
#else
  static_cast<void>(mode);
#endif
}

}  // namespace plugin
