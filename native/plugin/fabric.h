/*
 * fabric.h: the C interface between a node and what computes for it. Version 1.0.
 *
 * A fabric is a shared object that exports `fabric_query`. The host loads it in a process of its
 * own, so that a crash ends that process and nothing else. The built-in CPU fabric goes the same
 * way. Call order:
 *
 *   fabric_query -> init -> probe -> device_info -> supports / cost_hint -> compile
 *     -> buffer_alloc | buffer_from_host, buffer_write -> run_start -> run_wait (| run_cancel)
 *     -> buffer_read -> buffer_free -> run_receipt -> run_free -> program_free -> cleanup
 *
 * Rules
 * - Every struct begins with `struct_size`, set by whoever allocates it. New fields come at the
 *   end; a field that lies beyond the other side's struct_size does not exist. A function pointer
 *   may be tested that way. A host refuses another major version.
 * - Programs arrive as flat op tables (native/runtime/op-table.h), never as programs. A fabric
 *   checks the table again.
 * - A device that fails its self-test is not listed by `probe`.
 * - All functions may be called from any thread; one object is used by one thread at a time, but
 *   for `run_cancel`, which may be called at any moment between run_start and run_free.
 * - Host callbacks may be called from any thread until `cleanup` has returned.
 * - Results equal docs/reference/numerics.md bit for bit, or the device does not exist.
 */

#ifndef BLOCKTORCH_FABRIC_H
#define BLOCKTORCH_FABRIC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FABRIC_MAJOR 1u
#define FABRIC_MINOR 0u
#define FABRIC_ENTRY "fabric_query"

typedef enum fabric_code {
  FABRIC_OK = 0,
  FABRIC_CANCELLED = 1,
  FABRIC_INVALID = 2,     /* an argument or table that breaks the rules above */
  FABRIC_UNSUPPORTED = 3, /* well formed, but not by this device */
  FABRIC_EXHAUSTED = 4,   /* no memory */
  FABRIC_TIMEOUT = 5,     /* run_wait: not finished yet */
  FABRIC_INTERNAL = 6,
  FABRIC_DEVICE_LOST = 7
} fabric_code;

typedef struct fabric_device fabric_device;
typedef struct fabric_buffer fabric_buffer;
typedef struct fabric_program fabric_program;
typedef struct fabric_run fabric_run;

enum {
  FABRIC_CAP_HOST_POINTERS = 1u << 0, /* buffer_from_host is zero-copy */
  FABRIC_CAP_HARDWARE_FMA = 1u << 1,
  FABRIC_CAP_INT8_DOT = 1u << 2,
  FABRIC_CAP_SUBNORMALS = 1u << 3
};

enum { FABRIC_KIND_CPU = 0, FABRIC_KIND_GPU = 1, FABRIC_KIND_OTHER = 2 };

/* One allocation or release; `sequence` counts them over the life of the fabric. */
typedef struct fabric_allocation {
  uint32_t struct_size;
  uint32_t is_free;
  const char* label;
  uint64_t bytes;
  uint64_t run_id;
  uint64_t sequence;
} fabric_allocation;

/* Callbacks into the host. Null where the host does not care. */
typedef struct fabric_host {
  uint32_t struct_size;
  uint32_t reserved;
  void* self;
  void (*log)(void* self, int level, const char* message, size_t length);
  void (*metric)(void* self, const char* name, double value);
  void (*allocation)(void* self, const fabric_allocation* event);
} fabric_host;

typedef struct fabric_device_info {
  uint32_t struct_size;
  uint32_t kind;
  uint32_t caps;
  uint32_t compute_units;
  uint64_t memory_total_bytes;
  uint64_t memory_free_bytes;
  char name[128];
  char vendor[64];
  char driver[64];
  char isa[32];
  uint8_t kernel_digest[32]; /* SHA-256 of the kernel bundle built in; zero when unknown */
} fabric_device_info;

typedef struct fabric_cost {
  uint32_t struct_size;
  uint32_t confidence_percent;
  uint64_t estimate_ns;
  uint64_t memory_peak_bytes;
} fabric_cost;

/* Pointers live until run_free. */
typedef struct fabric_receipt {
  uint32_t struct_size;
  uint32_t op_count;
  uint8_t table_digest[32];  /* BLAKE3 of the op table */
  uint8_t output_digest[32]; /* of one output, or of the concatenated digests of several */
  const uint8_t* op_digests; /* op_count x 32, BLAKE3 of each op's output bytes */
  const uint64_t* op_ns;
  uint64_t started_ns;
  uint64_t ended_ns;
  uint64_t alloc_bytes;
  uint64_t free_bytes;
  uint64_t alloc_count;
  uint64_t free_count;
} fabric_receipt;

typedef struct fabric_api {
  uint32_t struct_size;
  uint32_t major;
  uint32_t minor;
  uint32_t reserved;
  const char* name;
  const char* version;

  fabric_code (*init)(const fabric_host* host, const char* options_json);
  void (*cleanup)(void);
  /* Fills `out` with at most `capacity` devices; `count` is how many there are. */
  fabric_code (*probe)(fabric_device** out, uint32_t capacity, uint32_t* count);
  fabric_code (*device_info)(fabric_device* device, fabric_device_info* out);

  /* FABRIC_UNSUPPORTED and the first such op in `first_op`. */
  fabric_code (*supports)(fabric_device* device, const uint8_t* table, size_t length,
                          uint32_t* first_op);
  fabric_code (*cost_hint)(fabric_device* device, const uint8_t* table, size_t length,
                           fabric_cost* out);
  fabric_code (*compile)(fabric_device* device, const uint8_t* table, size_t length,
                         fabric_program** out);
  void (*program_free)(fabric_program* program);

  fabric_code (*buffer_alloc)(fabric_device* device, uint64_t bytes, const char* label,
                              uint64_t run_id, fabric_buffer** out);
  /* Host memory used in place until buffer_free; FABRIC_UNSUPPORTED when it cannot be. */
  fabric_code (*buffer_from_host)(fabric_device* device, const void* data, uint64_t bytes,
                                  fabric_buffer** out);
  fabric_code (*buffer_write)(fabric_buffer* buffer, uint64_t offset, const void* from,
                              uint64_t bytes);
  fabric_code (*buffer_read)(fabric_buffer* buffer, uint64_t offset, void* to, uint64_t bytes);
  void (*buffer_free)(fabric_buffer* buffer);

  /* `given`: inputs then weights; `made`: one buffer for the output of each op. */
  fabric_code (*run_start)(fabric_program* program, uint64_t run_id, fabric_buffer* const* given,
                           uint32_t given_count, fabric_buffer* const* made, uint32_t made_count,
                           fabric_run** out);
  /* FABRIC_TIMEOUT while it runs; then how it ended. Buffers are the host's again afterwards. */
  fabric_code (*run_wait)(fabric_run* run, uint64_t timeout_ns);
  void (*run_cancel)(fabric_run* run);
  fabric_code (*run_receipt)(fabric_run* run, fabric_receipt* out);
  /* Cancels and waits if need be. */
  void (*run_free)(fabric_run* run);

  /* Of the calling thread; never null. */
  const char* (*last_error)(void);
} fabric_api;

/* Null when the fabric does not speak `host_major`. */
typedef const fabric_api* (*fabric_query_fn)(uint32_t host_major, uint32_t host_minor);

#ifdef __cplusplus
}
#endif

#endif
