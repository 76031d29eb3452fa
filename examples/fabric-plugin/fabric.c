/*
 * A fabric of a stranger: plain C, one thread for each run, built with nothing of the node but
 * `fabric.h`. It computes the ops of ops.c and answers FABRIC_UNSUPPORTED for every other.
 */

#include "fabric.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "blake3.h"
#include "ops.h"

#ifndef KERNEL_DIGEST
#define KERNEL_DIGEST ""
#endif

enum { RUNS_COUNTED_MAX = 64, CANCEL_EVERY_ROWS = 64, KNOWN_ROWS = 3, KNOWN_COLUMNS = 5 };

struct fabric_device {
  int unused;
};

struct fabric_buffer {
  uint8_t* data;
  uint64_t bytes;
  uint64_t run_id;
  int owned;
  char label[64];
};

struct fabric_program {
  table t;
  uint8_t digest[32];
};

struct fabric_run {
  const fabric_program* program;
  uint64_t run_id;
  const void** values;
  pthread_t thread;
  atomic_int cancelled;
  atomic_uint ops_done;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  fabric_code result; /* FABRIC_TIMEOUT until it has ended */
  uint8_t* op_digests;
  uint64_t* op_ns;
  uint64_t started_ns, ended_ns;
  uint8_t output_digest[32];
};

/* What was allocated and released for one run. */
typedef struct counts {
  uint64_t run_id, alloc_bytes, free_bytes, alloc_count, free_count;
  int used;
} counts;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static fabric_host host;
static fabric_device the_device;
static int is_open;
static uint64_t sequence;
static counts counted[RUNS_COUNTED_MAX];

static _Thread_local char error_text[128];

static fabric_code fail(fabric_code code, const char* reason) {
  snprintf(error_text, sizeof error_text, "%s", reason);
  return code;
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The part of `from` that the other side has room for; its struct_size stays its own. */
static void hand_over(void* to, const void* from, size_t size) {
  uint32_t theirs;
  memcpy(&theirs, to, sizeof theirs);
  memcpy(to, from, theirs < size ? theirs : size);
  memcpy(to, &theirs, sizeof theirs);
}

/* --- life ---------------------------------------------------------------------------------------*/

static fabric_code init(const fabric_host* given, const char* options) {
  (void)options;
  if (is_open) return fail(FABRIC_INVALID, "init was called twice");
  memset(&host, 0, sizeof host);
  if (given != NULL) {
    memcpy(&host, given, given->struct_size < sizeof host ? given->struct_size : sizeof host);
  }
  memset(counted, 0, sizeof counted);
  is_open = 1;
  return FABRIC_OK;
}

static void cleanup(void) {
  memset(&host, 0, sizeof host);
  is_open = 0;
}

static const char* last_error(void) { return error_text; }

/* --- device --------------------------------------------------------------------------------------*/

/* A product whose every term is rounded once: a compiler that splits or flushes gives another. */
static const char* self_test(void) {
  value a = {F32, 2, {KNOWN_ROWS, KNOWN_COLUMNS}, KNOWN_ROWS * KNOWN_COLUMNS};
  value y = {F32, 2, {KNOWN_ROWS, KNOWN_ROWS}, KNOWN_ROWS * KNOWN_ROWS};
  const op product = {.id = 1, .version = 1, .args = 2};
  float x[KNOWN_ROWS * KNOWN_COLUMNS], made[KNOWN_ROWS * KNOWN_ROWS];
  for (int i = 0; i < KNOWN_ROWS * KNOWN_COLUMNS; i++) {
    const uint32_t word = 0x3f800001u + 0x00123457u * (uint32_t)i;
    memcpy(&x[i], &word, 4);
  }
  const call c = {&product, {&a, &a}, &y, {x, x}, made};
  op_run(&c, 0, op_rows(&c));
  static const uint32_t expected[] = {0x4107385f, 0x415a76eb, 0x41b29b20, 0x415a76eb, 0x41b09d34,
                                      0x421058a1, 0x41b29b20, 0x421058a1, 0x426c40e3};
  return memcmp(made, expected, sizeof made) == 0 ? NULL : "self-test failed: matmul_f32";
}

static fabric_code probe(fabric_device** out, uint32_t capacity, uint32_t* count) {
  *count = 0;
  if (!is_open) return fail(FABRIC_INVALID, "init was not called");
  const char* broken = self_test();
  if (broken != NULL) return fail(FABRIC_DEVICE_LOST, broken);
  *count = 1;
  if (capacity > 0) out[0] = &the_device;
  return FABRIC_OK;
}

static fabric_code device_info(fabric_device* device, fabric_device_info* out) {
  (void)device;
  fabric_device_info info = {.struct_size = sizeof info,
                             .kind = FABRIC_KIND_OTHER,
                             .caps = FABRIC_CAP_HOST_POINTERS | FABRIC_CAP_SUBNORMALS,
                             .compute_units = 1,
                             .memory_total_bytes = 1ull << 30,
                             .memory_free_bytes = 1ull << 30,
                             .name = "sample",
                             .vendor = "example",
                             .driver = "1.0.0",
                             .isa = "plain C"};
  const char* hex = KERNEL_DIGEST;
  for (int i = 0; i < 32 && strlen(hex) == 64; i++) {
    const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    info.kernel_digest[i] = (uint8_t)strtoul(pair, NULL, 16);
  }
  hand_over(out, &info, sizeof info);
  return FABRIC_OK;
}

/* --- programs ------------------------------------------------------------------------------------*/

static call call_of(const table* t, uint32_t index) {
  call c = {.o = &t->op[index], .out = &t->values[t->given + index]};
  for (uint32_t i = 0; i < c.o->args; i++) c.in[i] = &t->values[c.o->arg[i]];
  return c;
}

/* Reads the table and finds the first op that has no loop. */
static fabric_code read_supported(table* t, const uint8_t* bytes, size_t length, uint32_t* first) {
  *first = 0;
  const char* wrong = table_read(t, bytes, length);
  if (wrong != NULL) return fail(FABRIC_INVALID, wrong);
  for (; *first < t->ops; (*first)++) {
    const call c = call_of(t, *first);
    if (!op_supported(&c)) return fail(FABRIC_UNSUPPORTED, "an op has no loop here");
  }
  return FABRIC_OK;
}

static fabric_code supports(fabric_device* device, const uint8_t* bytes, size_t length,
                            uint32_t* first_op) {
  (void)device;
  table t;
  const fabric_code code = read_supported(&t, bytes, length, first_op);
  table_free(&t);
  return code;
}

static fabric_code cost_hint(fabric_device* device, const uint8_t* bytes, size_t length,
                             fabric_cost* out) {
  (void)device;
  table t;
  uint32_t first = 0;
  const fabric_code code = read_supported(&t, bytes, length, &first);
  fabric_cost cost = {.struct_size = sizeof cost, .confidence_percent = 10};
  for (uint32_t i = 0; code == FABRIC_OK && i < t.given + t.ops; i++) {
    cost.memory_peak_bytes += value_bytes(&t.values[i]);
    if (i < t.given) continue;
    const call c = call_of(&t, i - t.given);
    const uint64_t depth = c.o->id <= 2 ? c.in[0]->dims[1] : 1;
    cost.estimate_ns += 1000 + 4 * depth * c.out->elements;
  }
  table_free(&t);
  if (code == FABRIC_OK) hand_over(out, &cost, sizeof cost);
  return code;
}

static void program_free(fabric_program* program) {
  if (program == NULL) return;
  table_free(&program->t);
  free(program);
}

static fabric_code compile(fabric_device* device, const uint8_t* bytes, size_t length,
                           fabric_program** out) {
  (void)device;
  fabric_program* program = calloc(1, sizeof *program);
  if (program == NULL) return fail(FABRIC_EXHAUSTED, "no memory for a program");
  uint32_t first = 0;
  const fabric_code code = read_supported(&program->t, bytes, length, &first);
  if (code != FABRIC_OK) {
    program_free(program);
    return code;
  }
  blake3_hash(bytes, length, program->digest);
  *out = program;
  return FABRIC_OK;
}

/* --- memory --------------------------------------------------------------------------------------*/

/* The counter of a run, new where there is none; NULL when too many runs are counted. */
static counts* counts_of(uint64_t run_id) {
  counts* idle = NULL;
  for (int i = 0; i < RUNS_COUNTED_MAX; i++) {
    if (counted[i].used && counted[i].run_id == run_id) return &counted[i];
    if (!counted[i].used && idle == NULL) idle = &counted[i];
  }
  if (idle != NULL) *idle = (counts){.run_id = run_id, .used = 1};
  return idle;
}

static void note(const fabric_buffer* buffer, int is_free) {
  pthread_mutex_lock(&lock);
  counts* c = counts_of(buffer->run_id);
  if (c != NULL) {
    *(is_free ? &c->free_bytes : &c->alloc_bytes) += buffer->bytes;
    *(is_free ? &c->free_count : &c->alloc_count) += 1;
  }
  const fabric_allocation event = {sizeof event,  (uint32_t)is_free, buffer->label,
                                   buffer->bytes, buffer->run_id,    ++sequence};
  if (host.allocation != NULL) host.allocation(host.self, &event);
  pthread_mutex_unlock(&lock);
}

static fabric_code buffer_alloc(fabric_device* device, uint64_t bytes, const char* label,
                                uint64_t run_id, fabric_buffer** out) {
  (void)device;
  fabric_buffer* buffer = calloc(1, sizeof *buffer);
  uint8_t* data = bytes > SIZE_MAX - 1 ? NULL : malloc((size_t)bytes + 1);
  if (buffer == NULL || data == NULL) {
    free(buffer);
    free(data);
    return fail(FABRIC_EXHAUSTED, "no memory for a buffer");
  }
  *buffer = (fabric_buffer){.data = data, .bytes = bytes, .run_id = run_id, .owned = 1};
  snprintf(buffer->label, sizeof buffer->label, "%s", label == NULL ? "" : label);
  note(buffer, 0);
  *out = buffer;
  return FABRIC_OK;
}

static fabric_code buffer_from_host(fabric_device* device, const void* data, uint64_t bytes,
                                    fabric_buffer** out) {
  (void)device;
  if ((uintptr_t)data % 4 != 0) return fail(FABRIC_UNSUPPORTED, "not aligned to 4 bytes");
  fabric_buffer* buffer = calloc(1, sizeof *buffer);
  if (buffer == NULL) return fail(FABRIC_EXHAUSTED, "no memory for a buffer");
  buffer->data = (uint8_t*)data; /* only read: run_start takes owned buffers for outputs */
  buffer->bytes = bytes;
  *out = buffer;
  return FABRIC_OK;
}

static int inside(const fabric_buffer* buffer, uint64_t offset, uint64_t bytes) {
  return offset <= buffer->bytes && bytes <= buffer->bytes - offset;
}

static fabric_code buffer_write(fabric_buffer* buffer, uint64_t offset, const void* from,
                                uint64_t bytes) {
  if (!buffer->owned || !inside(buffer, offset, bytes)) {
    return fail(FABRIC_INVALID, "a write outside the buffer");
  }
  if (bytes > 0) memcpy(buffer->data + offset, from, bytes);
  return FABRIC_OK;
}

static fabric_code buffer_read(fabric_buffer* buffer, uint64_t offset, void* to, uint64_t bytes) {
  if (!inside(buffer, offset, bytes)) return fail(FABRIC_INVALID, "a read outside the buffer");
  if (bytes > 0) memcpy(to, buffer->data + offset, bytes);
  return FABRIC_OK;
}

static void buffer_free(fabric_buffer* buffer) {
  if (buffer == NULL) return;
  if (buffer->owned) {
    note(buffer, 1);
    free(buffer->data);
  }
  free(buffer);
}

/* --- runs ----------------------------------------------------------------------------------------*/

static int compute(fabric_run* run, uint32_t index) {
  const table* t = &run->program->t;
  call c = call_of(t, index);
  for (uint32_t i = 0; i < c.o->args; i++) c.from[i] = run->values[c.o->arg[i]];
  c.to = (void*)run->values[t->given + index];
  const uint64_t rows = op_rows(&c);
  for (uint64_t first = 0; first < rows; first += CANCEL_EVERY_ROWS) {
    if (atomic_load(&run->cancelled)) return 0;
    op_run(&c, first, rows - first < CANCEL_EVERY_ROWS ? rows : first + CANCEL_EVERY_ROWS);
  }
  return 1;
}

static void name_output(fabric_run* run) {
  const table* t = &run->program->t;
  uint8_t joined[32 * 16];
  for (uint32_t i = 0; i < t->outputs; i++) {
    memcpy(joined + 32 * i, run->op_digests + 32 * (size_t)(t->output[i] - t->given), 32);
  }
  if (t->outputs == 1) {
    memcpy(run->output_digest, joined, 32);
  } else {
    blake3_hash(joined, 32 * (size_t)t->outputs, run->output_digest);
  }
}

static void* run_thread(void* argument) {
  fabric_run* run = argument;
  const table* t = &run->program->t;
  fabric_code result = FABRIC_OK;
  run->started_ns = now_ns();
  for (uint32_t i = 0; i < t->ops && result == FABRIC_OK; i++) {
    const uint64_t start = now_ns();
    if (!compute(run, i)) result = FABRIC_CANCELLED;
    const uint32_t made = t->given + i;
    blake3_hash(run->values[made], value_bytes(&t->values[made]), run->op_digests + 32 * (size_t)i);
    run->op_ns[i] = now_ns() - start;
    atomic_store(&run->ops_done, i + 1);
  }
  if (result == FABRIC_OK) name_output(run);
  run->ended_ns = now_ns();
  pthread_mutex_lock(&run->mutex);
  run->result = result;
  pthread_cond_broadcast(&run->ended);
  pthread_mutex_unlock(&run->mutex);
  return NULL;
}

static void run_release(fabric_run* run) {
  free(run->values);
  free(run->op_digests);
  free(run->op_ns);
  free(run);
}

static fabric_code run_start(fabric_program* program, uint64_t run_id, fabric_buffer* const* given,
                             uint32_t given_count, fabric_buffer* const* made, uint32_t made_count,
                             fabric_run** out) {
  const table* t = &program->t;
  if (given_count != t->given || made_count != t->ops) {
    return fail(FABRIC_INVALID, "the number of buffers is not that of the table");
  }
  fabric_run* run = calloc(1, sizeof *run);
  if (run == NULL) return fail(FABRIC_EXHAUSTED, "no memory for a run");
  run->values = calloc((size_t)given_count + made_count + 1, sizeof *run->values);
  run->op_digests = calloc(made_count + 1, 32);
  run->op_ns = calloc(made_count + 1, sizeof *run->op_ns);
  fabric_code code = FABRIC_OK;
  if (run->values == NULL || run->op_digests == NULL || run->op_ns == NULL) {
    code = fail(FABRIC_EXHAUSTED, "no memory for a run");
  }
  for (uint32_t i = 0; code == FABRIC_OK && i < given_count + made_count; i++) {
    const fabric_buffer* buffer = i < given_count ? given[i] : made[i - given_count];
    run->values[i] = buffer->data;
    if (buffer->bytes != value_bytes(&t->values[i]) || (i >= given_count && !buffer->owned)) {
      code = fail(FABRIC_INVALID, "a buffer does not have the size of its value");
    }
  }
  run->program = program;
  run->run_id = run_id;
  run->result = FABRIC_TIMEOUT;
  pthread_mutex_init(&run->mutex, NULL);
  pthread_cond_init(&run->ended, NULL);
  if (code == FABRIC_OK && pthread_create(&run->thread, NULL, run_thread, run) != 0) {
    code = fail(FABRIC_EXHAUSTED, "no thread for a run");
  }
  if (code != FABRIC_OK) {
    run_release(run);
    return code;
  }
  *out = run;
  return FABRIC_OK;
}

static fabric_code run_wait(fabric_run* run, uint64_t timeout_ns) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  const uint64_t span = timeout_ns < 1ull << 60 ? timeout_ns : 1ull << 60;
  const uint64_t nanos = (uint64_t)until.tv_nsec + span % 1000000000u;
  until.tv_sec += (time_t)(span / 1000000000u + nanos / 1000000000u);
  until.tv_nsec = (long)(nanos % 1000000000u);
  pthread_mutex_lock(&run->mutex);
  while (run->result == FABRIC_TIMEOUT) {
    if (pthread_cond_timedwait(&run->ended, &run->mutex, &until) != 0) break;
  }
  const fabric_code result = run->result;
  pthread_mutex_unlock(&run->mutex);
  return result;
}

static void run_cancel(fabric_run* run) { atomic_store(&run->cancelled, 1); }

static fabric_code run_receipt(fabric_run* run, fabric_receipt* out) {
  if (run_wait(run, 0) != FABRIC_OK) return fail(FABRIC_INVALID, "the run has not ended well");
  fabric_receipt receipt = {.struct_size = sizeof receipt,
                            .op_count = run->program->t.ops,
                            .op_digests = run->op_digests,
                            .op_ns = run->op_ns,
                            .started_ns = run->started_ns,
                            .ended_ns = run->ended_ns};
  memcpy(receipt.table_digest, run->program->digest, 32);
  memcpy(receipt.output_digest, run->output_digest, 32);
  pthread_mutex_lock(&lock);
  const counts* c = counts_of(run->run_id);
  if (c != NULL) {
    receipt.alloc_bytes = c->alloc_bytes;
    receipt.free_bytes = c->free_bytes;
    receipt.alloc_count = c->alloc_count;
    receipt.free_count = c->free_count;
  }
  pthread_mutex_unlock(&lock);
  hand_over(out, &receipt, sizeof receipt);
  return FABRIC_OK;
}

static void run_free(fabric_run* run) {
  if (run == NULL) return;
  run_cancel(run);
  pthread_join(run->thread, NULL);
  pthread_mutex_lock(&lock);
  counts* c = counts_of(run->run_id);
  if (c != NULL) c->used = 0;
  pthread_mutex_unlock(&lock);
  run_release(run);
}

#if FABRIC_MINOR >= 1
static fabric_code run_progress(fabric_run* run, fabric_progress* out) {
  const fabric_progress progress = {sizeof progress, atomic_load(&run->ops_done),
                                    run->program->t.ops, 0};
  hand_over(out, &progress, sizeof progress);
  return FABRIC_OK;
}
#endif

static const fabric_api API = {
    .struct_size = sizeof(fabric_api),
    .major = FABRIC_MAJOR,
    .minor = FABRIC_MINOR,
    .name = "sample",
    .version = "1.0.0",
    .init = init,
    .cleanup = cleanup,
    .probe = probe,
    .device_info = device_info,
    .supports = supports,
    .cost_hint = cost_hint,
    .compile = compile,
    .program_free = program_free,
    .buffer_alloc = buffer_alloc,
    .buffer_from_host = buffer_from_host,
    .buffer_write = buffer_write,
    .buffer_read = buffer_read,
    .buffer_free = buffer_free,
    .run_start = run_start,
    .run_wait = run_wait,
    .run_cancel = run_cancel,
    .run_receipt = run_receipt,
    .run_free = run_free,
    .last_error = last_error,
#if FABRIC_MINOR >= 1
    .run_progress = run_progress,
#endif
};

__attribute__((visibility("default"))) const fabric_api* fabric_query(uint32_t host_major,
                                                                      uint32_t host_minor) {
  (void)host_minor;
  return host_major == FABRIC_MAJOR ? &API : NULL;
}
