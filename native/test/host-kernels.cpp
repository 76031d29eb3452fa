#include "test/host-kernels.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <ucontext.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#define BT_ITEM_SHAPE
#include "kernels/device/kernels.inc"

namespace {

constexpr size_t kStackBytes = 64 * 1024;

// One launch at a time, and fibres stay on their thread.
std::mutex one_launch;

void* kernel_now = nullptr;
bool may_wait = false;
const std::vector<void*>* arguments_now = nullptr;

// SAFETY: every kernel takes pointers only, its params by reference.
void call() {
  const std::vector<void*>& a = *arguments_now;
  using P = void*;
  switch (a.size()) {
    case 3:
      return reinterpret_cast<void (*)(P, P, P)>(kernel_now)(a[0], a[1], a[2]);
    case 4:
      return reinterpret_cast<void (*)(P, P, P, P)>(kernel_now)(a[0], a[1], a[2], a[3]);
    case 5:
      return reinterpret_cast<void (*)(P, P, P, P, P)>(kernel_now)(a[0], a[1], a[2], a[3], a[4]);
    default:
      std::abort();
  }
}

// A stack of its own. It is entered once by swapcontext and from then on by jumps, which ask
// nothing of the system.
struct Fibre {
  ucontext_t context{};
  jmp_buf place;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  bool has_begun = false;
  bool is_over = false;
};

jmp_buf scheduler;
ucontext_t entry;
Fibre* fibre_now = nullptr;

void body() {
  call();
  fibre_now->is_over = true;
  _longjmp(scheduler, 1);
}

void begin(Fibre& fibre) {
  fibre.has_begun = false;
  fibre.is_over = false;
  getcontext(&fibre.context);
  fibre.context.uc_stack.ss_sp = fibre.stack.get();
  fibre.context.uc_stack.ss_size = kStackBytes;
  fibre.context.uc_link = nullptr;
  makecontext(&fibre.context, body, 0);
}

// To the next barrier or the end.
void go_on(Fibre& fibre, uint32_t lane) {
  bt_host::lane = lane;
  fibre_now = &fibre;
  if (_setjmp(scheduler) != 0) return;
  if (fibre.has_begun) _longjmp(fibre.place, 1);
  fibre.has_begun = true;
  swapcontext(&entry, &fibre.context);
}

}  // namespace

namespace bt_host {

thread_local u32 group = 0;
thread_local u32 lane = 0;

void barrier() {
  if (!may_wait) std::abort();
  if (_setjmp(fibre_now->place) == 0) _longjmp(scheduler, 1);
}

}  // namespace bt_host

namespace host_kernels {

Kernel find(const char* name) {
  // This object, by the address of one of its functions: it need not be the program.
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&find), &info) == 0) return {};
  static void* self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (self == nullptr) return {};
  const std::string text = name;
  return {dlsym(self, name), text.ends_with("_group") || text.ends_with("_tile")};
}

void run(const Kernel& kernel, const std::vector<void*>& arguments, uint32_t groups,
         uint32_t items) {
  const std::lock_guard lock(one_launch);
  static std::vector<Fibre> fibres(256);
  kernel_now = kernel.function;
  arguments_now = &arguments;
  may_wait = kernel.has_barriers;
  for (uint32_t group = 0; group < groups; group++) {
    bt_host::group = group;
    for (uint32_t i = 0; i < items && !may_wait; i++) {
      bt_host::lane = i;
      call();
    }
    if (!may_wait) continue;
    for (uint32_t i = 0; i < items; i++) begin(fibres[i]);
    bool is_waiting = true;
    while (is_waiting) {
      is_waiting = false;
      for (uint32_t i = 0; i < items; i++) {
        if (fibres[i].is_over) continue;
        go_on(fibres[i], i);
        is_waiting = is_waiting || !fibres[i].is_over;
      }
    }
  }
}

}  // namespace host_kernels
