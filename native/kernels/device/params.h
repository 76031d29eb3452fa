// What the host tells a kernel besides its buffers. Read by both sides, so: u32 only, no padding.
//
// `first` is the number of the launch's first group. Counts are of elements; at most 2^31.

#ifndef BT_PARAMS_H
#define BT_PARAMS_H

#if defined(BT_HOST)
#include <cstdint>
typedef uint32_t BtWord;
#else
typedef u32 BtWord;
#endif

// Division of i < 2^31 by `by`: i * factor >> shift, exactly. Made by `divisor` of plan.h.
typedef struct {
  BtWord by;
  BtWord factor;
  BtWord shift;
} BtDivisor;

// One item for each element of the output.
typedef struct {
  BtWord first;
  BtWord count;
  // 1: the second operand has the shape of the first; 0: it is a row of `row.by` elements.
  BtWord same;
  BtDivisor row;
  // Attributes, as the op carries them: bits of an f32, or an integer.
  BtWord attr[3];
} BtEach;

// One group for each row, of `length` elements; for sum_rows a row is a column.
typedef struct {
  BtWord first;
  BtWord rows;
  BtWord length;
  BtWord eps;
} BtRows;

// y[b,m,n] over a[b,m,k], b[b,n,k]: tiles of the output, those of one batch after another.
typedef struct {
  BtWord first;
  BtWord m;
  BtWord n;
  BtWord k;
  // The part of the chain that this launch adds: whole chunks, but for the end of k.
  BtWord k_first;
  BtWord k_last;
  BtDivisor tiles_m;  // GPU-shaped: tiles of 128 rows
  BtDivisor tiles_n;  // CPU-shaped: panels of columns
  BtDivisor tiles;    // groups of one batch
} BtMatmul;

// matmul with an item for each element of the output.
typedef struct {
  BtWord first;
  BtWord count;
  BtDivisor n;
  BtDivisor m;
  BtWord k;
} BtThin;

// A group copies one panel, `width` rows of a[batch,rows,k], between k_first and k_last: k-major,
// floored, +0 beyond the last row.
typedef struct {
  BtWord first;
  BtWord rows;
  BtWord k;
  BtWord k_first;
  BtWord k_last;
  BtWord width;
  BtDivisor panels;  // of one batch
} BtPack;

typedef struct {
  BtWord first;
  BtWord count;
  BtDivisor out_c, out_w, out_h;  // of the output; dims of channels, columns, rows
  BtWord in_h, in_w, in_c;
  BtWord kernel_h, kernel_w, kernel_c;
  BtWord stride_h, stride_w, top, left, dilation_h, dilation_w;
  BtDivisor group_outputs;
} BtConv;

typedef struct {
  BtWord first;
  BtDivisor queries;
  BtWord keys;
  BtWord depth;
  BtWord width;
  BtWord scale;
  BtWord causal;
} BtAttention;

// mask_causal and rope: the last two axes are [rows, columns].
typedef struct {
  BtWord first;
  BtWord count;
  BtDivisor columns;
  BtDivisor rows;
} BtPlane;

typedef struct {
  BtWord first;
  BtWord count;
  BtDivisor channels, out_w, out_h;  // of what has one item for each element
  BtWord in_h, in_w;
  BtWord kernel_h, kernel_w, stride_h, stride_w, top, left;
  BtWord counted;
  // Of the windows; maxpool2d_grad has an item for each element of x.
  BtWord windows_h, windows_w;
} BtPool;

#define BT_AXES_MAX 8

// y[i] = a[base + sum over the axes of coordinate * step], all modulo 2^32.
typedef struct {
  BtWord first;
  BtWord count;
  BtWord rank;
  BtWord base;
  BtDivisor axis[BT_AXES_MAX];  // dimensions of y, the last first
  BtWord step[BT_AXES_MAX];
} BtMove;

// As BtMove, but +0 where a coordinate is not before .. before + inside - 1.
typedef struct {
  BtWord first;
  BtWord count;
  BtWord rank;
  BtDivisor axis[BT_AXES_MAX];
  BtWord step[BT_AXES_MAX];
  BtWord before[BT_AXES_MAX];
  BtWord inside[BT_AXES_MAX];
} BtPad;

// concat: rows of `head` elements of a, then `joined.by - head` of b. gather and one_hot: rows of
// `joined.by` elements, `limit` of them to choose from.
typedef struct {
  BtWord first;
  BtWord count;
  BtDivisor joined;
  BtWord head;
  BtWord limit;
} BtJoin;

typedef struct {
  BtWord first;
  BtWord count;
  BtDivisor channels, out_w, out_h;
  BtDivisor stride_h, stride_w;
  BtWord in_h, in_w;
} BtDilate;

#endif
