// A fabric that breaks one rule, for tests: the CPU fabric with one function in another's place.
//
// The name of its file says which rule, so that one build serves all cases: `fork.so` forks. It
// behaves until it has been believed: known answers run under ids from 2^62 on. Of the runs that
// follow it spoils the first alone, so that a test can see the next one succeed.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "plugin/fabric.h"

#ifdef WITHOUT_ENTRY
#define EXPORT
#else
#define EXPORT __attribute__((visibility("default")))
#endif

namespace {

const fabric_api* inner;
fabric_api api;
fabric_host host;
std::string rule;
uint64_t run_id;

bool breaks(const char* name) { return rule == name; }

// The run that is spoiled.
bool spoils(const char* name) { return run_id == 1 && rule == name; }

[[noreturn]] void hang() {
  for (;;) pause();
}

void crash() { std::raise(SIGSEGV); }

[[noreturn]] void spin() {
  for (;;) __asm__ volatile("");
}

// By the system's own call, since std::thread would end the process when there is no room.
void make_thread(void* (*body)(void*)) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, body, nullptr) != 0) usleep(1000);
}

void* sleep_on(void*) { hang(); }
void* spin_on(void*) { spin(); }

[[noreturn]] void take_memory() {
  const size_t bytes = 16u << 20;
  for (;;) {
    void* block = std::malloc(bytes);
    if (block != nullptr) std::memset(block, 1, bytes);
    usleep(1000);
  }
}

[[noreturn]] void print_on(int descriptor) {
  const std::string line(65535, 'x');
  while (write(descriptor, line.data(), line.size()) > 0) {
  }
  hang();
}

void open_all() {
  while (open("/dev/null", O_RDONLY) >= 0) {
  }
}

void write_file() {
  const std::vector<char> block(1 << 20);
  char name[] = "/tmp/blocktorch-misbehave-XXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  while (write(file, block.data(), block.size()) > 0) {
  }
}

void ignore_signals() {
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
}

void tell_allocation(uint32_t is_free, uint64_t of_run) {
  const fabric_allocation event{sizeof event, is_free, "scratch", 4096, of_run, 1u << 20};
  host.allocation(host.self, &event);
}

fabric_code my_init(const fabric_host* from, const char* options) {
  std::memcpy(&host, from, sizeof host);
  if (breaks("crash-in-init")) crash();
  if (breaks("hang-in-init")) hang();
  if (breaks("refuse-init")) return FABRIC_INTERNAL;
  if (breaks("signals-in-init")) ignore_signals();
  return inner->init(from, options);
}

fabric_code my_probe(fabric_device** out, uint32_t capacity, uint32_t* count) {
  if (breaks("crash-in-probe")) crash();
  if (breaks("hang-in-probe")) hang();
  const fabric_code code = inner->probe(out, capacity, count);
  if (breaks("no-device")) *count = 0;
  if (breaks("null-device")) out[0] = nullptr;
  return code;
}

fabric_code my_buffer_from_host(fabric_device* device, const void* data, uint64_t bytes,
                                fabric_buffer** out) {
  if (breaks("wrong-bits")) return FABRIC_UNSUPPORTED;
  return inner->buffer_from_host(device, data, bytes, out);
}

// Computes rightly on wrong numbers, so that receipts agree with what it makes.
fabric_code my_buffer_write(fabric_buffer* buffer, uint64_t offset, const void* from,
                            uint64_t bytes) {
  if (!breaks("wrong-bits") || bytes == 0) return inner->buffer_write(buffer, offset, from, bytes);
  const auto* first = static_cast<const uint8_t*>(from);
  std::vector<uint8_t> copy(first, first + bytes);
  copy[0] ^= 0x10;
  return inner->buffer_write(buffer, offset, copy.data(), bytes);
}

fabric_code my_buffer_read(fabric_buffer* buffer, uint64_t offset, void* to, uint64_t bytes) {
  const fabric_code code = inner->buffer_read(buffer, offset, to, bytes);
  if (spoils("overrun")) static_cast<uint8_t*>(to)[bytes] ^= 1;
  if (spoils("underrun")) static_cast<uint8_t*>(to)[-1] ^= 1;
  return code;
}

fabric_code my_run_start(fabric_program* program, uint64_t id, fabric_buffer* const* given,
                         uint32_t given_count, fabric_buffer* const* made, uint32_t made_count,
                         fabric_run** out) {
  run_id = id;
  if (spoils("crash-in-run")) crash();
  if (spoils("abort-in-run")) std::abort();
  if (spoils("exit-in-run")) std::exit(0);
  if (spoils("hang-in-start")) hang();
  if (spoils("leak")) tell_allocation(0, id);
  if (spoils("memory-bomb")) take_memory();
  if (spoils("thread-bomb")) {
    for (;;) make_thread(sleep_on);
  }
  if (spoils("fork") && fork() == 0) hang();
  if (spoils("exec")) execl("/bin/true", "true", static_cast<char*>(nullptr));
  if (spoils("flood-output")) print_on(1);
  if (spoils("flood-errors")) print_on(2);
  if (spoils("descriptors")) open_all();
  if (spoils("file")) write_file();
  if (spoils("signals-in-run")) ignore_signals();
  if (spoils("busy-after-run")) make_thread(spin_on);
  if (spoils("garble-line") && write(3, "\377\377\377\377\377\377\377\377", 8) > 0) hang();
  if (spoils("close-line")) {
    close(3);
    hang();
  }
  if (spoils("kill-node") && kill(getppid(), SIGKILL) == 0) hang();
  return inner->run_start(program, id, given, given_count, made, made_count, out);
}

fabric_code my_run_wait(fabric_run* run, uint64_t timeout_ns) {
  if (spoils("hang-in-run")) hang();
  if (spoils("hang-in-cancel") || spoils("endless-run")) {
    usleep(10000);
    return FABRIC_TIMEOUT;
  }
  const fabric_code code = inner->run_wait(run, timeout_ns);
  if (spoils("unasked-cancel")) return FABRIC_CANCELLED;
  if (spoils("unknown-code")) return static_cast<fabric_code>(77);
  return code;
}

void my_run_cancel(fabric_run* run) {
  if (spoils("hang-in-cancel")) hang();
  inner->run_cancel(run);
}

fabric_code my_run_receipt(fabric_run* run, fabric_receipt* out) {
  static uint8_t digest[32];
  const fabric_code code = inner->run_receipt(run, out);
  if (spoils("wrong-receipt")) out->op_digests = digest;
  if (spoils("wrong-output-digest")) out->output_digest[0] ^= 1;
  return code;
}

void my_cleanup(void) {
  if (breaks("busy-after-cleanup")) make_thread(spin_on);
  inner->cleanup();
}

// The name of this file, without its ending.
void read_rule() {
  Dl_info place{};
  if (dladdr(reinterpret_cast<void*>(read_rule), &place) == 0) return;
  rule = place.dli_fname;
  rule = rule.substr(rule.rfind('/') + 1);
  rule = rule.substr(0, rule.find('.'));
}

struct OnLoad {
  OnLoad() {
    read_rule();
    if (breaks("exit-in-load")) std::exit(0);
    if (breaks("hang-in-load")) hang();
  }
};
OnLoad on_load;

}  // namespace

extern "C" EXPORT const fabric_api* fabric_query(uint32_t major, uint32_t minor) {
  void* library = dlopen(INNER_FABRIC, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  const auto query = reinterpret_cast<fabric_query_fn>(dlsym(library, FABRIC_ENTRY));
  inner = query == nullptr ? nullptr : query(major, minor);
  if (inner == nullptr || breaks("null-table")) return nullptr;
  api = *inner;
  api.init = my_init;
  api.cleanup = my_cleanup;
  api.probe = my_probe;
  api.buffer_from_host = my_buffer_from_host;
  api.buffer_write = my_buffer_write;
  api.buffer_read = my_buffer_read;
  api.run_start = my_run_start;
  api.run_wait = my_run_wait;
  api.run_cancel = my_run_cancel;
  api.run_receipt = my_run_receipt;
  if (breaks("wrong-major")) api.major = 2;
  if (breaks("struct-size")) api.struct_size = 8;
  if (breaks("null-function")) api.run_wait = nullptr;
  if (breaks("long-name")) api.name = "a name that is much longer than any name of a fabric may be";
  return &api;
}
