#include "ops.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 512, LANES = 64, SUM_BLOCK = 65536 };

/* --- single numbers: numerics.md, section 2 ----------------------------------------------------*/

static uint32_t bits(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}

static float number(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

static float settled(float x, uint32_t bound) {
  if (x != x) return number(0x7fc00000);
  return (bits(x) & 0x7fffffff) < bound ? 0.0f : x;
}

static float load(float x) { return settled(x, 0x0c000000); }
static float store(float x) { return settled(x, 0x0c000000); }
static float floored(float x) { return settled(x, 0x2b800000); }

static float exponential(float x) {
  if (x != x) return number(0x7fc00000);
  if (x > number(0x42b17218)) return number(0x7f800000);
  if (x < number(0xc2aeac4f)) return 0.0f;
  const float t = fmaf(x, number(0x3fb8aa3b), number(0x4b400000));
  const float n = t - number(0x4b400000);
  float r = fmaf(n, number(0xbf317218), x);
  r = fmaf(n, number(0x3102e308), r);
  static const uint32_t coefficients[] = {0x3ab6aa0e, 0x3c09083d, 0x3d2aaa72, 0x3e2aaa6c,
                                          0x3f000000, 0x3f800000, 0x3f800000};
  float p = number(coefficients[0]);
  for (int i = 1; i < 7; i++) p = fmaf(p, r, number(coefficients[i]));
  const int32_t k = (int32_t)(bits(t) - 0x4b400000u);
  const int32_t half = k >= 0 ? k / 2 : -((1 - k) / 2);
  const float low = number((uint32_t)(half + 127) << 23);
  const float high = number((uint32_t)(k - half + 127) << 23);
  return (p * low) * high;
}

/* Sum of `count` elements, `stride` apart, each loaded: section 3. */
static float lane_sum(const float* x, uint64_t count, uint64_t stride) {
  float total = 0.0f;
  for (uint64_t block = 0; block < count; block += SUM_BLOCK) {
    float lane[LANES] = {0};
    const uint64_t end = count - block < SUM_BLOCK ? count : block + SUM_BLOCK;
    for (uint64_t i = block; i < end; i++) {
      lane[(i - block) % LANES] = lane[(i - block) % LANES] + load(x[i * stride]);
    }
    for (int span = LANES / 2; span > 0; span /= 2) {
      for (int l = 0; l < span; l++) lane[l] = lane[l] + lane[l + span];
    }
    total = total + lane[0];
  }
  return total;
}

static int64_t clamped(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}

/* --- what a call is made of ----------------------------------------------------------------------*/

static const float* f32(const call* c, int i) { return c->from[i]; }
static const int8_t* s8(const call* c, int i) { return c->from[i]; }
static const int32_t* s32(const call* c, int i) { return c->from[i]; }
static float real(const call* c, int i) { return number((uint32_t)c->o->attr[i]); }
static int64_t whole(const call* c, int i) { return (int64_t)c->o->attr[i]; }
static uint32_t last_axis(const value* v) { return v->dims[v->rank - 1]; }
static uint64_t second(const call* c, uint64_t i) { return i % c->in[1]->elements; }

/* --- the loops: section 6 ------------------------------------------------------------------------*/

static void matmul_f32(const call* c, uint64_t m) {
  const uint32_t depth = c->in[0]->dims[1], columns = c->out->dims[1];
  const float* a = f32(c, 0) + m * depth;
  for (uint64_t n = 0; n < columns; n++) {
    const float* b = f32(c, 1) + n * depth;
    float sum = 0.0f;
    for (uint32_t chunk = 0; chunk < depth; chunk += CHUNK) {
      float acc = 0.0f;
      const uint32_t end = depth - chunk < CHUNK ? depth : chunk + CHUNK;
      for (uint32_t k = chunk; k < end; k++) acc = fmaf(floored(a[k]), floored(b[k]), acc);
      sum = sum + acc;
    }
    ((float*)c->to)[m * columns + n] = store(sum);
  }
}

static void matmul_s8(const call* c, uint64_t m) {
  const uint32_t depth = c->in[0]->dims[1], columns = c->out->dims[1];
  for (uint64_t n = 0; n < columns; n++) {
    int32_t sum = 0;
    for (uint32_t k = 0; k < depth; k++) sum += s8(c, 0)[m * depth + k] * s8(c, 1)[n * depth + k];
    ((int32_t*)c->to)[m * columns + n] = sum;
  }
}

static float combine(uint16_t id, float a, float b) {
  return id == 10 ? a + b : id == 11 ? a - b : a * b;
}

static void binary_f32(const call* c, uint64_t i) {
  const float b = load(f32(c, 1)[second(c, i)]);
  ((float*)c->to)[i] = store(combine(c->o->id, load(f32(c, 0)[i]), b));
}

static void scale_f32(const call* c, uint64_t i) {
  ((float*)c->to)[i] = store(load(f32(c, 0)[i]) * load(real(c, 0)));
}

static void add_s32(const call* c, uint64_t i) {
  const uint32_t sum = (uint32_t)s32(c, 0)[i] + (uint32_t)s32(c, 1)[second(c, i)];
  ((int32_t*)c->to)[i] = (int32_t)sum;
}

static void requantise(const call* c, uint64_t i) {
  const int64_t product = (int64_t)s32(c, 0)[i] * whole(c, 0) + (1ll << (whole(c, 1) - 1));
  ((int8_t*)c->to)[i] = (int8_t)clamped((product >> whole(c, 1)) + whole(c, 2), -128, 127);
}

static void quantise_f32(const call* c, uint64_t i) {
  const float q = load(f32(c, 0)[i]) / real(c, 0);
  const float near = q < -512.0f ? -512.0f : q > 512.0f ? 512.0f : q;
  const int64_t rounded = q != q ? 0 : (int64_t)rintf(near) + whole(c, 1);
  ((int8_t*)c->to)[i] = (int8_t)clamped(rounded, -128, 127);
}

static void dequantise_s8(const call* c, uint64_t i) {
  ((float*)c->to)[i] = store((float)(s8(c, 0)[i] - whole(c, 1)) * real(c, 0));
}

static void dequantise_s32(const call* c, uint64_t i) {
  ((float*)c->to)[i] = store((float)s32(c, 0)[i] * real(c, 0));
}

static void relu_f32(const call* c, uint64_t i) {
  const float x = load(f32(c, 0)[i]);
  ((float*)c->to)[i] = x != x || x > 0.0f ? x : 0.0f;
}

static void relu_s8(const call* c, uint64_t i) {
  const int8_t x = s8(c, 0)[i];
  ((int8_t*)c->to)[i] = x > 0 ? x : 0;
}

static void relu_grad_f32(const call* c, uint64_t i) {
  const float x = load(f32(c, 0)[i]);
  ((float*)c->to)[i] = x != x ? x : x > 0.0f ? load(f32(c, 1)[i]) : 0.0f;
}

static void softmax_f32(const call* c, uint64_t row) {
  const uint32_t n = last_axis(c->out);
  const float* x = f32(c, 0) + row * n;
  float* y = (float*)c->to + row * n;
  float top = load(x[0]);
  for (uint32_t j = 1; j < n && top == top; j++) {
    const float next = load(x[j]);
    if (!(top >= next)) top = next;
  }
  for (uint32_t j = 0; j < n; j++) y[j] = store(exponential(load(x[j]) - top));
  const float sum = lane_sum(y, n, 1);
  for (uint32_t j = 0; j < n; j++) y[j] = store(y[j] / sum);
}

static void argmax(const call* c, uint64_t row) {
  const uint32_t n = last_axis(c->in[0]);
  const uint64_t at = row * n;
  uint32_t best = 0;
  for (uint32_t j = 1; j < n; j++) {
    int beats;
    if (c->o->id == 51) {
      const float x = load(f32(c, 0)[at + j]), y = load(f32(c, 0)[at + best]);
      beats = y != y ? 0 : x != x || x > y;
    } else if (c->o->id == 52) {
      beats = s32(c, 0)[at + j] > s32(c, 0)[at + best];
    } else {
      beats = s8(c, 0)[at + j] > s8(c, 0)[at + best];
    }
    if (beats) best = j;
  }
  ((int32_t*)c->to)[row] = (int32_t)best;
}

static void transpose_f32(const call* c, uint64_t n) {
  const uint32_t rows = c->in[0]->dims[0], columns = c->in[0]->dims[1];
  for (uint64_t m = 0; m < rows; m++) {
    ((float*)c->to)[n * rows + m] = store(f32(c, 0)[m * columns + n]);
  }
}

static void transpose_s8(const call* c, uint64_t n) {
  const uint32_t rows = c->in[0]->dims[0], columns = c->in[0]->dims[1];
  for (uint64_t m = 0; m < rows; m++) ((int8_t*)c->to)[n * rows + m] = s8(c, 0)[m * columns + n];
}

static void sum_rows_f32(const call* c, uint64_t n) {
  ((float*)c->to)[n] = store(lane_sum(f32(c, 0) + n, c->in[0]->dims[0], c->in[0]->dims[1]));
}

static void sum_last_f32(const call* c, uint64_t row) {
  const uint32_t n = last_axis(c->in[0]);
  ((float*)c->to)[row] = store(lane_sum(f32(c, 0) + row * n, n, 1));
}

static void sgd_f32(const call* c, uint64_t i) {
  const float step = -load(real(c, 0));
  ((float*)c->to)[i] = store(fmaf(step, load(f32(c, 1)[i]), load(f32(c, 0)[i])));
}

/* --- the table of ops ------------------------------------------------------------------------------*/

typedef enum form { PRODUCT, SAME, BROADCAST, ROW, DROP_LAST, TRANSPOSED, COLUMNS } form;
typedef enum kind { ANY_REAL, POSITIVE_REAL, MULTIPLIER, SHIFT, ZERO_POINT } kind;

typedef struct entry {
  uint16_t id;
  uint8_t args, attrs, in, out;
  form form;
  kind kinds[3];
  void (*row)(const call*, uint64_t);
} entry;

static const entry ENTRIES[] = {
    {1, 2, 0, F32, F32, PRODUCT, {0}, matmul_f32},
    {2, 2, 0, S8, S32, PRODUCT, {0}, matmul_s8},
    {10, 2, 0, F32, F32, BROADCAST, {0}, binary_f32},
    {11, 2, 0, F32, F32, BROADCAST, {0}, binary_f32},
    {12, 2, 0, F32, F32, BROADCAST, {0}, binary_f32},
    {13, 1, 1, F32, F32, SAME, {ANY_REAL}, scale_f32},
    {20, 2, 0, S32, S32, BROADCAST, {0}, add_s32},
    {30, 1, 3, S32, S8, SAME, {MULTIPLIER, SHIFT, ZERO_POINT}, requantise},
    {31, 1, 2, F32, S8, SAME, {POSITIVE_REAL, ZERO_POINT}, quantise_f32},
    {32, 1, 2, S8, F32, SAME, {POSITIVE_REAL, ZERO_POINT}, dequantise_s8},
    {33, 1, 1, S32, F32, SAME, {POSITIVE_REAL}, dequantise_s32},
    {40, 1, 0, F32, F32, SAME, {0}, relu_f32},
    {41, 1, 0, S8, S8, SAME, {0}, relu_s8},
    {42, 2, 0, F32, F32, SAME, {0}, relu_grad_f32},
    {50, 1, 0, F32, F32, ROW, {0}, softmax_f32},
    {51, 1, 0, F32, S32, DROP_LAST, {0}, argmax},
    {52, 1, 0, S32, S32, DROP_LAST, {0}, argmax},
    {53, 1, 0, S8, S32, DROP_LAST, {0}, argmax},
    {60, 1, 0, F32, F32, TRANSPOSED, {0}, transpose_f32},
    {61, 1, 0, S8, S8, TRANSPOSED, {0}, transpose_s8},
    {70, 1, 0, F32, F32, COLUMNS, {0}, sum_rows_f32},
    {71, 1, 0, F32, F32, DROP_LAST, {0}, sum_last_f32},
    {80, 2, 1, F32, F32, SAME, {ANY_REAL}, sgd_f32},
};

static const entry* find(const op* o) {
  for (size_t i = 0; i < sizeof ENTRIES / sizeof ENTRIES[0]; i++) {
    if (ENTRIES[i].id == o->id && o->version == 1) return &ENTRIES[i];
  }
  return NULL;
}

static int same_dims(const value* a, const value* b) {
  return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

static int is_vector(const value* v, uint32_t length) { return v->rank == 1 && v->dims[0] == length; }

static int drops_last(const value* a, const value* y) {
  if (a->rank == 1) return is_vector(y, 1);
  return y->rank == a->rank - 1 && memcmp(a->dims, y->dims, 4 * y->rank) == 0;
}

static int shapes_fit(form f, const call* c) {
  const value *a = c->in[0], *b = c->in[1], *y = c->out;
  switch (f) {
    case PRODUCT:
      return a->rank == 2 && b->rank == 2 && y->rank == 2 && a->dims[1] == b->dims[1] &&
             y->dims[0] == a->dims[0] && y->dims[1] == b->dims[0] &&
             (a->dtype != S8 || a->dims[1] <= 65536);
    case BROADCAST:
      return same_dims(a, y) &&
             (same_dims(a, b) || is_vector(b, last_axis(a)) || is_vector(b, 1));
    case DROP_LAST:
      return drops_last(a, y);
    case TRANSPOSED:
      return a->rank == 2 && y->rank == 2 && a->dims[0] == y->dims[1] && a->dims[1] == y->dims[0];
    case COLUMNS:
      return a->rank == 2 && is_vector(y, a->dims[1]);
    default:
      return same_dims(a, y) && (c->o->args == 1 || same_dims(a, b));
  }
}

static int attribute_fits(kind k, uint64_t attr) {
  const int64_t x = (int64_t)attr;
  const uint32_t magnitude = (uint32_t)attr & 0x7fffffff;
  switch (k) {
    case ANY_REAL:
      return attr >> 32 == 0 && magnitude < 0x7f800000;
    case POSITIVE_REAL:
      return attr == magnitude && magnitude < 0x7f800000 && magnitude >= 0x0c000000;
    case MULTIPLIER:
      return x >= 1 && x <= 0x7fffffff;
    case SHIFT:
      return x >= 1 && x <= 62;
    default:
      return x >= -128 && x <= 127;
  }
}

int op_supported(const call* c) {
  const entry* e = find(c->o);
  if (e == NULL || c->o->args != e->args || c->o->attrs != e->attrs) return 0;
  if (c->out->dtype != e->out) return 0;
  for (uint32_t i = 0; i < e->args; i++) {
    if (c->in[i]->dtype != e->in) return 0;
  }
  for (uint32_t i = 0; i < e->attrs; i++) {
    if (!attribute_fits(e->kinds[i], c->o->attr[i])) return 0;
  }
  return shapes_fit(e->form, c);
}

uint64_t op_rows(const call* c) {
  switch (find(c->o)->form) {
    case PRODUCT:
    case TRANSPOSED:
      return c->out->dims[0];
    case ROW:
      return c->out->elements / last_axis(c->out);
    default:
      return c->out->elements;
  }
}

void op_run(const call* c, uint64_t first, uint64_t last) {
  const entry* e = find(c->o);
  for (uint64_t row = first; row < last; row++) e->row(c, row);
}
