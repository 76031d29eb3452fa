#include "plugin/process-limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#ifdef __linux__
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <vector>
#endif

namespace plugin {
namespace {

bool set_limit(int resource, uint64_t value) {
  rlimit now{};
  if (getrlimit(static_cast<decltype(RLIMIT_CORE)>(resource), &now) != 0) return false;
  const rlim_t most = now.rlim_max == RLIM_INFINITY || value < now.rlim_max ? value : now.rlim_max;
  const rlimit wanted{most, most};
  return setrlimit(static_cast<decltype(RLIMIT_CORE)>(resource), &wanted) == 0;
}

#ifdef __linux__

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArch = 0;
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

constexpr uint32_t kNumberAt = offsetof(seccomp_data, nr);
constexpr uint32_t kArchAt = offsetof(seccomp_data, arch);
// The low half of the first argument; both machines are little-endian.
constexpr uint32_t kFirstArgumentAt = offsetof(seccomp_data, args);
constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;

// A filter of system calls, written down line by line.
class Filter {
 public:
  void load(uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }
  void answer(uint32_t action) { add(BPF_RET | BPF_K, 0, 0, action); }
  void unless_equal_skip(uint32_t value, uint8_t lines) { add(kEqual, 0, lines, value); }
  void when_equal_skip(uint32_t value, uint8_t lines) { add(kEqual, lines, 0, value); }
  void when_equal(uint32_t value, uint32_t action) {
    unless_equal_skip(value, 1);
    answer(action);
  }
  void when_at_least(uint32_t value, uint32_t action) {
    add(BPF_JMP | BPF_JGE | BPF_K, 0, 1, value);
    answer(action);
  }
  // Allowed with any of `bits` in the first argument, else `action`. Leaves the number loaded.
  void call_with_bits(uint32_t number, uint32_t bits, uint32_t action) {
    unless_equal_skip(number, 4);
    load(kFirstArgumentAt);
    add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    answer(SECCOMP_RET_ALLOW);
    answer(action);
  }
  // Allowed when the first argument is `value`, else `action`.
  void call_with_value(uint32_t number, uint32_t value, uint32_t action) {
    unless_equal_skip(number, 4);
    load(kFirstArgumentAt);
    unless_equal_skip(value, 1);
    answer(SECCOMP_RET_ALLOW);
    answer(action);
  }

  bool install() {
    const sock_fprog program{static_cast<unsigned short>(lines_.size()), lines_.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
  }

 private:
  static constexpr uint16_t kEqual = BPF_JMP | BPF_JEQ | BPF_K;

  void add(uint16_t code, uint8_t when_true, uint8_t when_false, uint32_t value) {
    lines_.push_back({code, when_true, when_false, value});
  }

  std::vector<sock_filter> lines_;
};

// A thread is made by `clone` with CLONE_THREAD; every other way to a new process ends this one.
// `clone3` hides its flags behind a pointer, so it is said not to exist: the C library then takes
// `clone`.
bool stay_alone() {
  if (kArch == 0) return false;
  const auto self = static_cast<uint32_t>(getpid());
  Filter filter;
  filter.load(kArchAt);
  filter.when_equal_skip(kArch, 1);
  filter.answer(SECCOMP_RET_KILL_PROCESS);
  filter.load(kNumberAt);
#ifdef __x86_64__
  filter.when_at_least(0x40000000, SECCOMP_RET_KILL_PROCESS);
  filter.when_equal(SYS_fork, SECCOMP_RET_KILL_PROCESS);
  filter.when_equal(SYS_vfork, SECCOMP_RET_KILL_PROCESS);
#endif
  filter.when_equal(SYS_execve, SECCOMP_RET_KILL_PROCESS);
  filter.when_equal(SYS_execveat, SECCOMP_RET_KILL_PROCESS);
#ifdef SYS_clone3
  filter.when_equal(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
#endif
  filter.call_with_bits(SYS_clone, CLONE_THREAD, SECCOMP_RET_KILL_PROCESS);
  filter.call_with_value(SYS_kill, self, kRefuse);
  filter.call_with_value(SYS_tgkill, self, kRefuse);
  for (const uint32_t number : {SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_ptrace,
                                SYS_process_vm_readv, SYS_process_vm_writev, SYS_socket}) {
    filter.when_equal(number, kRefuse);
  }
#ifdef SYS_pidfd_open
  filter.when_equal(SYS_pidfd_open, kRefuse);
#endif
  filter.answer(SECCOMP_RET_ALLOW);
  return filter.install();
}

bool die_with(int64_t parent) {
  const bool done = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
  // It may have ended before that.
  if (getppid() != parent) _exit(1);
  return done;
}

// When memory runs short the system ends this process before the node.
void go_first() {
  std::FILE* file = std::fopen("/proc/self/oom_score_adj", "w");
  if (file == nullptr) return;
  std::fputs("500", file);
  std::fclose(file);
}

#endif

}  // namespace

std::string limit_process(const ProcessLimits& limits) {
  std::string missing;
  const auto need = [&missing](bool done, const char* name) {
    if (!done) missing += std::string(missing.empty() ? "" : ",") + name;
  };
  need(set_limit(RLIMIT_CORE, 0), "core");
  if (limits.file_bytes > 0) need(set_limit(RLIMIT_FSIZE, limits.file_bytes), "file");
  if (limits.descriptors > 0) need(set_limit(RLIMIT_NOFILE, limits.descriptors), "descriptors");
#ifdef __linux__
  if (limits.memory_bytes > 0) need(set_limit(RLIMIT_DATA, limits.memory_bytes), "memory");
  if (limits.parent > 0) need(die_with(limits.parent), "parent");
  go_first();
  if (limits.alone) need(stay_alone(), "alone");
#else
  if (limits.memory_bytes > 0) need(false, "memory");
  if (limits.parent > 0) need(false, "parent");
  if (limits.alone) need(false, "alone");
#endif
  return missing;
}

void limit_cpu(uint64_t seconds) {
  rusage used{};
  rlimit limit{};
  if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) return;
  const rlim_t spent = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1;
  limit.rlim_cur =
      seconds == 0 ? limit.rlim_max : std::min<rlim_t>(spent + seconds, limit.rlim_max);
  setrlimit(RLIMIT_CPU, &limit);
}

}  // namespace plugin
