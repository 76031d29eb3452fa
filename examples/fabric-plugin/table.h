/* The flat op table of docs/reference/fabric.md, section 2, read and checked. */

#ifndef SAMPLE_TABLE_H
#define SAMPLE_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { F32 = 1, S8 = 2, S32 = 3 };
enum { RANK_MAX = 8, ARGS_MAX = 8, ATTRS_MAX = 16, OPS_MAX = 4096, GIVEN_MAX = 1024 };

typedef struct value {
  uint32_t dtype;
  uint32_t rank;
  uint32_t dims[RANK_MAX];
  uint64_t elements;
} value;

typedef struct op {
  uint16_t id;
  uint16_t version;
  uint32_t args;
  uint32_t attrs;
  uint32_t arg[ARGS_MAX];
  uint64_t attr[ATTRS_MAX];
} op;

typedef struct table {
  uint32_t given; /* inputs and weights */
  uint32_t ops;
  uint32_t outputs;
  value* values; /* given, then the output of each op */
  op* op;
  uint32_t* output;
} table;

uint64_t value_bytes(const value* v);

/* NULL on success, else what is wrong. The table is released by `table_free` either way. */
const char* table_read(table* out, const uint8_t* bytes, size_t length);
void table_free(table* t);

#endif
