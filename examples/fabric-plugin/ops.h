/* The ops that this fabric computes, as the loops of docs/reference/numerics.md. */

#ifndef SAMPLE_OPS_H
#define SAMPLE_OPS_H

#include "table.h"

/* One op of a checked table, with the bytes of its operands and of its output. */
typedef struct call {
  const op* o;
  const value* in[ARGS_MAX];
  const value* out;
  const void* from[ARGS_MAX];
  void* to;
} call;

/* True when there is a loop for this op and its shapes and attributes are those of the page. */
int op_supported(const call* c);

/* Computes rows [first, last) of `op_rows`; rows do not depend on one another. */
uint64_t op_rows(const call* c);
void op_run(const call* c, uint64_t first, uint64_t last);

#endif
