#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 32, VALUE_BYTES = 40, OP_BYTES = 176, OUTPUTS_MAX = 16 };

static const uint64_t ELEMENTS_MAX = 1ull << 31;

uint64_t value_bytes(const value* v) { return v->elements * (v->dtype == S8 ? 1 : 4); }

static uint32_t u32_at(const uint8_t* bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static int read_value(value* v, const uint8_t* bytes) {
  v->dtype = u32_at(bytes);
  v->rank = u32_at(bytes + 4);
  v->elements = 1;
  if (v->dtype < F32 || v->dtype > S32 || v->rank < 1 || v->rank > RANK_MAX) return 0;
  for (uint32_t axis = 0; axis < RANK_MAX; axis++) {
    v->dims[axis] = u32_at(bytes + 8 + 4 * axis);
    if (axis >= v->rank) {
      if (v->dims[axis] != 0) return 0;
    } else {
      if (v->dims[axis] == 0 || v->elements > ELEMENTS_MAX / v->dims[axis]) return 0;
      v->elements *= v->dims[axis];
    }
  }
  return 1;
}

static int read_op(op* o, const uint8_t* bytes, uint32_t values_before) {
  memcpy(&o->id, bytes, 2);
  memcpy(&o->version, bytes + 2, 2);
  o->args = u32_at(bytes + 4);
  o->attrs = u32_at(bytes + 8);
  if (o->args > ARGS_MAX || o->attrs > ATTRS_MAX || u32_at(bytes + 12) != 0) return 0;
  for (uint32_t i = 0; i < ARGS_MAX; i++) {
    o->arg[i] = u32_at(bytes + 16 + 4 * i);
    if (i < o->args ? o->arg[i] >= values_before : o->arg[i] != 0) return 0;
  }
  for (uint32_t i = 0; i < ATTRS_MAX; i++) {
    memcpy(&o->attr[i], bytes + 48 + 8 * i, 8);
    if (i >= o->attrs && o->attr[i] != 0) return 0;
  }
  return 1;
}

const char* table_read(table* t, const uint8_t* bytes, size_t length) {
  memset(t, 0, sizeof *t);
  if (length < HEADER_BYTES) return "shorter than a header";
  if (memcmp(bytes, "BTOT", 4) != 0 || u32_at(bytes + 4) != 1) return "not an op table";
  const uint32_t inputs = u32_at(bytes + 8);
  const uint32_t weights = u32_at(bytes + 12);
  t->ops = u32_at(bytes + 16);
  t->outputs = u32_at(bytes + 20);
  if (inputs > GIVEN_MAX || weights > GIVEN_MAX || t->ops > OPS_MAX || t->outputs > OUTPUTS_MAX) {
    return "more entries than allowed";
  }
  t->given = inputs + weights;
  const size_t values = (size_t)t->given + t->ops;
  const size_t wanted =
      HEADER_BYTES + values * VALUE_BYTES + (size_t)t->ops * OP_BYTES + 4 * (size_t)t->outputs;
  if (length != wanted || u32_at(bytes + 24) != length || u32_at(bytes + 28) != 0) {
    return "length does not match the counts";
  }
  t->values = calloc(values + 1, sizeof *t->values);
  t->op = calloc(t->ops + 1, sizeof *t->op);
  t->output = calloc(t->outputs + 1, sizeof *t->output);
  if (t->values == NULL || t->op == NULL || t->output == NULL) return "no memory";
  const uint8_t* at = bytes + HEADER_BYTES;
  for (size_t i = 0; i < values; i++, at += VALUE_BYTES) {
    if (!read_value(&t->values[i], at)) return "a value has no sound shape";
  }
  for (uint32_t i = 0; i < t->ops; i++, at += OP_BYTES) {
    if (!read_op(&t->op[i], at, t->given + i)) return "an op is malformed";
  }
  for (uint32_t i = 0; i < t->outputs; i++, at += 4) {
    t->output[i] = u32_at(at);
    if (t->output[i] < t->given || t->output[i] >= values) return "an output is not made by an op";
  }
  return NULL;
}

void table_free(table* t) {
  free(t->values);
  free(t->op);
  free(t->output);
  memset(t, 0, sizeof *t);
}
