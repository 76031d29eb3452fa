/**
 * Op nodes that every implementation refuses, each with the code that the program floor gives it.
 *
 * `out` is the type that a careless table would claim for the output, so that a fabric, which is told
 * all types, must see by itself that the node is unsound.
 */

import { f32Attribute as f32, intAttribute as int } from '../../../src/program/builder.ts'
import { opNamed } from '../../../src/program/ops.ts'
import { F32, S8, S32, type TensorType } from '../../../src/program/types.ts'

export interface RefusedNode {
  readonly op: string
  readonly id: number
  readonly version: number
  /** Decimal u64. */
  readonly attrs: readonly string[]
  readonly args: readonly TensorType[]
  readonly out: TensorType
  readonly code: string
}

type Dims = readonly number[]
type Row = readonly [
  op: string,
  code: string,
  args: readonly TensorType[],
  attrs: readonly bigint[],
  out: TensorType,
]

const of =
  (dtype: number) =>
  (dims: Dims): TensorType => ({ dtype, dims })
const [f, s8, s32] = [of(F32), of(S8), of(S32)]

const NEGATIVE = int(-1)
const HUGE = 0x7fff_ffff_ffff_ffffn
const HIGHEST = 0xffff_ffff_ffff_ffffn
const INFINITY = 0x7f800000n
const NAN = 0x7fc00000n
const WIDE = 1n << 32n

const integers = (...values: number[]): bigint[] => values.map(int)

function axes(values: Dims, beyond: (axis: number) => number = () => 0): bigint[] {
  return Array.from({ length: 8 }, (_, axis) => int(values[axis] ?? beyond(axis)))
}

/** Rank, emptiness and size, for whatever op. */
const SHAPES: readonly Row[] = [
  ['relu_f32', 'shape_rank', [f([])], [], f([])],
  ['relu_f32', 'shape_rank', [f([1, 1, 1, 1, 1, 1, 1, 1, 1])], [], f([1, 1, 1, 1, 1, 1, 1, 1, 1])],
  ['relu_f32', 'shape_empty', [f([3, 0])], [], f([3, 0])],
  ['relu_f32', 'shape_overflow', [f([65_536, 65_536])], [], f([65_536, 65_536])],
  ['relu_f32', 'shape_overflow', [f([0xffff_ffff, 0xffff_ffff])], [], f([1])],
  ['relu_f32', 'dtype_unknown', [of(9)([1])], [], of(9)([1])],
  ['relu_f32', 'dtype_mismatch', [s8([3])], [], f([3])],
  ['relu_f32', 'op_arity', [f([3]), f([3])], [], f([3])],
  ['relu_f32', 'op_attributes', [f([3])], [0n], f([3])],
  ['scale_f32', 'op_attributes', [f([3])], [], f([3])],
  ['matmul_s8', 'shape_overflow', [s8([65_536, 1]), s8([65_536, 1])], [], s32([65_536, 65_536])],
]

const PRODUCTS: readonly Row[] = [
  ['matmul_f32', 'shape_mismatch', [f([2, 3]), f([2, 4])], [], f([2, 2])],
  ['matmul_f32', 'shape_rank', [f([2]), f([2])], [], f([1, 1])],
  ['matmul_s8', 'matmul_depth_exceeded', [s8([1, 65_537]), s8([1, 65_537])], [], s32([1, 1])],
  ['bmm_f32', 'shape_rank', [f([2, 3]), f([2, 3])], [], f([2, 2])],
  ['bmm_f32', 'shape_mismatch', [f([2, 2, 3]), f([3, 2, 3])], [], f([2, 2, 2])],
  ['bmm_f32', 'shape_mismatch', [f([2, 2, 3]), f([2, 2, 4])], [], f([2, 2, 2])],
  ['bmm_f32', 'dtype_mismatch', [f([2, 2, 3]), s8([2, 2, 3])], [], f([2, 2, 2])],
]

const X: Dims = [1, 4, 4, 2]
const W: Dims = [2, 3, 3, 2]
const CONV = [1, 1, 0, 0, 0, 0, 1, 1, 1]
const CONV_OUT: Dims = [1, 2, 2, 2]

function conv(place: number, value: bigint): bigint[] {
  return CONV.map(int).with(place, value)
}

const CONVOLUTIONS: readonly Row[] = [
  ...[0, 1, 6, 7, 8].flatMap((place): Row[] =>
    [0n, NEGATIVE, 65_536n, HUGE].map(
      (value): Row => [
        'conv2d_f32',
        'attribute_out_of_range',
        [f(X), f(W)],
        conv(place, value),
        f(CONV_OUT),
      ],
    ),
  ),
  ...[2, 3, 4, 5].flatMap((place): Row[] =>
    [NEGATIVE, 65_536n, HIGHEST].map(
      (value): Row => [
        'conv2d_f32',
        'attribute_out_of_range',
        [f(X), f(W)],
        conv(place, value),
        f(CONV_OUT),
      ],
    ),
  ),
  ['conv2d_f32', 'shape_rank', [f([4, 4, 2]), f(W)], CONV.map(int), f(CONV_OUT)],
  ['conv2d_f32', 'shape_rank', [f(X), f([2, 3, 6])], CONV.map(int), f(CONV_OUT)],
  ['conv2d_f32', 'shape_mismatch', [f(X), f([2, 3, 3, 1])], CONV.map(int), f(CONV_OUT)],
  ['conv2d_f32', 'shape_mismatch', [f(X), f(W)], conv(8, 2n), f(CONV_OUT)],
  ['conv2d_f32', 'shape_mismatch', [f(X), f(W)], conv(8, 3n), f(CONV_OUT)],
  ['conv2d_f32', 'shape_mismatch', [f(X), f([2, 5, 3, 2])], CONV.map(int), f([1, 1, 2, 2])],
  ['conv2d_f32', 'shape_mismatch', [f(X), f(W)], conv(6, 2n), f([1, 1, 2, 2])],
  ['conv2d_f32', 'dtype_mismatch', [f(X), s8(W)], CONV.map(int), f(CONV_OUT)],
  ['conv2d_s8', 'dtype_mismatch', [f(X), f(W)], CONV.map(int), f(CONV_OUT)],
  [
    'conv2d_s8',
    'matmul_depth_exceeded',
    [s8([1, 2, 2, 16_385]), s8([1, 2, 2, 16_385])],
    CONV.map(int),
    s32([1, 1, 1, 1]),
  ],
  // Padded beyond what any tensor holds.
  [
    'conv2d_f32',
    'shape_overflow',
    [f([1, 1, 1, 1]), f([1, 1, 1, 1])],
    integers(1, 1, 65_535, 65_535, 65_535, 65_535, 1, 1, 1),
    f([1, 131_071, 131_071, 1]),
  ],
]

const QKV = [f([1, 3, 2]), f([1, 3, 2]), f([1, 3, 4])]

const ATTENTION: readonly Row[] = [
  ['attention_f32', 'attribute_out_of_range', QKV, [f32(1), 2n], f([1, 3, 4])],
  ['attention_f32', 'attribute_out_of_range', QKV, [INFINITY, 0n], f([1, 3, 4])],
  ['attention_f32', 'attribute_out_of_range', QKV, [NAN, 0n], f([1, 3, 4])],
  ['attention_f32', 'attribute_out_of_range', QKV, [WIDE, 0n], f([1, 3, 4])],
  ['attention_f32', 'op_arity', QKV.slice(0, 2), [f32(1), 0n], f([1, 3, 2])],
  [
    'attention_f32',
    'shape_mismatch',
    [f([1, 3, 2]), f([1, 2, 2]), f([1, 2, 4])],
    [f32(1), 1n],
    f([1, 3, 4]),
  ],
  [
    'attention_f32',
    'shape_mismatch',
    [f([1, 3, 2]), f([1, 3, 2]), f([1, 2, 4])],
    [f32(1), 0n],
    f([1, 3, 4]),
  ],
  [
    'attention_f32',
    'shape_mismatch',
    [f([1, 3, 2]), f([2, 3, 2]), f([2, 3, 4])],
    [f32(1), 0n],
    f([1, 3, 4]),
  ],
  [
    'attention_f32',
    'shape_mismatch',
    [f([1, 1, 513]), f([1, 1, 513]), f([1, 1, 1])],
    [f32(1), 0n],
    f([1, 1, 1]),
  ],
  ['attention_f32', 'shape_rank', [f([3, 2]), f([3, 2]), f([3, 4])], [f32(1), 0n], f([3, 4])],
  ['mask_causal_f32', 'shape_mismatch', [f([3, 2])], [], f([3, 2])],
  ['mask_causal_f32', 'shape_rank', [f([3])], [], f([3])],
  ['rope_f32', 'shape_mismatch', [f([2, 3]), f([2, 1]), f([2, 1])], [], f([2, 3])],
  ['rope_f32', 'shape_mismatch', [f([2, 4]), f([2, 2]), f([2, 1])], [], f([2, 4])],
  ['rope_f32', 'shape_mismatch', [f([2, 4]), f([3, 2]), f([3, 2])], [], f([2, 4])],
  ['rope_f32', 'shape_rank', [f([4]), f([1, 2]), f([1, 2])], [], f([4])],
]

const NUMBERS = [INFINITY, 0xff800000n, NAN, 0x7f800001n, WIDE, HIGHEST]
const SCALES = [...NUMBERS, 0n, 1n, 0x0bffffffn, f32(-0.5), 0x80000000n]

const ARITHMETIC: readonly Row[] = [
  ...['add', 'sub', 'mul', 'div', 'max', 'min', 'greater'].flatMap((name): Row[] => [
    [`${name}_f32`, 'shape_mismatch', [f([2, 3]), f([2])], [], f([2, 3])],
    [`${name}_f32`, 'shape_mismatch', [f([3]), f([1, 3])], [], f([3])],
    [`${name}_f32`, 'dtype_mismatch', [f([3]), s32([3])], [], f([3])],
  ]),
  ...['add', 'sub', 'mul'].map(
    (name): Row => [`${name}_s32`, 'shape_mismatch', [s32([2, 3]), s32([2])], [], s32([2, 3])],
  ),
  ...['scale_f32', 'shift_f32'].flatMap((name) =>
    NUMBERS.map((attr): Row => [name, 'attribute_out_of_range', [f([3])], [attr], f([3])]),
  ),
  ...['axpy_f32', 'sgd_f32'].flatMap((name): Row[] => [
    [name, 'attribute_out_of_range', [f([3]), f([3])], [NAN], f([3])],
    [name, 'shape_mismatch', [f([2, 3]), f([3])], [f32(1)], f([2, 3])],
  ]),
  ['select_f32', 'shape_mismatch', [f([2]), f([2]), f([1])], [], f([2])],
  ['select_f32', 'op_arity', [f([2]), f([2])], [], f([2])],
  ['clip_f32', 'attribute_out_of_range', [f([3])], [f32(0), INFINITY], f([3])],
  ['clip_f32', 'attribute_out_of_range', [f([3])], [NAN, f32(0)], f([3])],
]

const CONVERSIONS: readonly Row[] = [
  ...SCALES.flatMap((scale): Row[] => [
    ['quantise_f32', 'attribute_out_of_range', [f([3])], [scale, 0n], s8([3])],
    ['dequantise_s8', 'attribute_out_of_range', [s8([3])], [scale, 0n], f([3])],
    ['dequantise_s32', 'attribute_out_of_range', [s32([3])], [scale], f([3])],
  ]),
  ...[128n, int(-129), HUGE].map(
    (zp): Row => ['quantise_f32', 'attribute_out_of_range', [f([3])], [f32(1), zp], s8([3])],
  ),
  ...(
    [
      [0n, 1n, 0n],
      [1n << 31n, 1n, 0n],
      [NEGATIVE, 1n, 0n],
      [1n, 0n, 0n],
      [1n, 63n, 0n],
      [1n, 1n, 128n],
      [1n, 1n, int(-129)],
    ] as const
  ).map((attrs): Row => ['requantise', 'attribute_out_of_range', [s32([3])], attrs, s8([3])]),
  ['widen_s8', 'dtype_mismatch', [s32([3])], [], s32([3])],
  ['truncate_f32', 'dtype_mismatch', [s32([3])], [], s32([3])],
]

const ROWS: readonly Row[] = [
  ['sum_rows_f32', 'shape_rank', [f([3])], [], f([1])],
  ['layernorm_f32', 'shape_mismatch', [f([2, 3]), f([2]), f([3])], [f32(0)], f([2, 3])],
  ['layernorm_f32', 'shape_rank', [f([2, 3]), f([1, 3]), f([3])], [f32(0)], f([2, 3])],
  ['layernorm_f32', 'attribute_out_of_range', [f([3]), f([3]), f([3])], [INFINITY], f([3])],
  ['rmsnorm_f32', 'shape_mismatch', [f([2, 3]), f([1])], [f32(0)], f([2, 3])],
  ['rmsnorm_f32', 'attribute_out_of_range', [f([3]), f([3])], [NAN], f([3])],
]

const POOL = [2, 2, 2, 2, 0, 0, 0, 0]

function pool(place: number, value: bigint): bigint[] {
  return POOL.map(int).with(place, value)
}

const POOLS: readonly Row[] = [
  ...[0, 1, 2, 3].flatMap((place) =>
    [0n, NEGATIVE, 65_536n].map(
      (value): Row => [
        'maxpool2d_f32',
        'attribute_out_of_range',
        [f(X)],
        pool(place, value),
        f([1, 2, 2, 2]),
      ],
    ),
  ),
  // A pad of the size of the kernel.
  ...[4, 5, 6, 7].flatMap((place) =>
    [2n, NEGATIVE, 65_536n].map(
      (value): Row => [
        'maxpool2d_f32',
        'attribute_out_of_range',
        [f(X)],
        pool(place, value),
        f([1, 2, 2, 2]),
      ],
    ),
  ),
  ['maxpool2d_f32', 'shape_rank', [f([4, 4])], POOL.map(int), f([2, 2])],
  ['maxpool2d_f32', 'shape_mismatch', [f([1, 1, 4, 2])], POOL.map(int), f([1, 1, 2, 2])],
  ['avgpool2d_f32', 'attribute_out_of_range', [f(X)], [...POOL.map(int), 2n], f([1, 2, 2, 2])],
  ['avgpool2d_f32', 'op_attributes', [f(X)], POOL.map(int), f([1, 2, 2, 2])],
  ['maxpool2d_grad_f32', 'shape_mismatch', [f(X), f([1, 2, 3, 2])], POOL.map(int), f(X)],
  ['maxpool2d_grad_f32', 'shape_mismatch', [f(X), f([2, 2, 2])], POOL.map(int), f(X)],
]

const itself = (axis: number): number => axis

const MOVEMENT: readonly Row[] = [
  ['transpose_f32', 'shape_rank', [f([2, 2, 2])], [], f([2, 2, 2])],
  ['permute_f32', 'attribute_out_of_range', [f([2, 3])], axes([0, 0], itself), f([2, 2])],
  ['permute_f32', 'attribute_out_of_range', [f([2, 3])], axes([0, 2], itself), f([2, 1])],
  ['permute_f32', 'attribute_out_of_range', [f([2, 3])], axes([1, 0]), f([3, 2])],
  ['permute_f32', 'attribute_out_of_range', [f([2, 3])], axes([1, 8], itself), f([3, 2])],
  ['permute_f32', 'attribute_out_of_range', [f([2, 3])], axes([-1, 0], itself), f([3, 2])],
  ['reshape_f32', 'shape_mismatch', [f([2, 3])], axes([5]), f([5])],
  ['reshape_f32', 'shape_rank', [f([1])], axes([]), f([])],
  ['reshape_f32', 'attribute_out_of_range', [f([2, 3])], axes([6, 0, 1]), f([6])],
  ['reshape_f32', 'attribute_out_of_range', [f([2, 3])], axes([-6]), f([6])],
  ['reshape_f32', 'attribute_out_of_range', [f([1])], [HUGE, ...axes([]).slice(1)], f([1])],
  // 2^64 + 4 elements.
  [
    'reshape_f32',
    'shape_mismatch',
    [f([2, 2])],
    axes([4, 5, 5581, 8681, 49_477, 384_773]),
    f([2, 2]),
  ],
  ['expand_f32', 'shape_mismatch', [f([3])], axes([6]), f([6])],
  ['expand_f32', 'shape_mismatch', [f([2, 3])], axes([3]), f([3])],
  ['expand_f32', 'shape_mismatch', [f([3, 1])], axes([3, 3, 3]).with(1, 2n), f([3, 2, 3])],
  ['expand_f32', 'shape_overflow', [f([1])], axes([0xffff_ffff]), f([0xffff_ffff])],
  ['expand_f32', 'attribute_out_of_range', [f([1])], axes([2, 0, 2]), f([2])],
  ['slice_f32', 'shape_mismatch', [f([5])], [...axes([3]), ...axes([3])], f([3])],
  ['slice_f32', 'shape_mismatch', [f([5])], [...axes([0xffff_ffff]), ...axes([1])], f([1])],
  ['slice_f32', 'shape_empty', [f([5])], [...axes([3]), ...axes([0])], f([0])],
  ['slice_f32', 'attribute_out_of_range', [f([5])], [...axes([-1]), ...axes([2])], f([2])],
  ['slice_f32', 'attribute_out_of_range', [f([5])], [...axes([0, 1]), ...axes([5])], f([5])],
  ['slice_f32', 'attribute_out_of_range', [f([5])], [...axes([0]), ...axes([5, 1])], f([5])],
  ['pad_f32', 'attribute_out_of_range', [f([5])], [...axes([-1]), ...axes([1])], f([5])],
  ['pad_f32', 'attribute_out_of_range', [f([5])], [...axes([0x100_0001]), ...axes([0])], f([6])],
  ['pad_f32', 'attribute_out_of_range', [f([5])], [...axes([0, 1]), ...axes([0])], f([5])],
  [
    'pad_f32',
    'shape_overflow',
    [f([1, 1])],
    [...axes([0x100_0000, 0x100_0000]), ...axes([0])],
    f([0x100_0001, 0x100_0001]),
  ],
  ['concat_f32', 'attribute_out_of_range', [f([2]), f([2])], [1n], f([4])],
  ['concat_f32', 'attribute_out_of_range', [f([2]), f([2])], [8n], f([4])],
  ['concat_f32', 'attribute_out_of_range', [f([2]), f([2])], [NEGATIVE], f([4])],
  ['concat_f32', 'shape_mismatch', [f([2, 2]), f([2, 3])], [0n], f([4, 2])],
  ['concat_f32', 'shape_mismatch', [f([2, 2]), f([2])], [0n], f([4, 2])],
  ['concat_s8', 'dtype_mismatch', [s8([2]), f([2])], [0n], s8([4])],
  ['gather_f32', 'dtype_mismatch', [f([2]), f([2])], [], f([2])],
  ['gather_f32', 'shape_rank', [f([2, 1, 1, 1, 1]), s32([2, 1, 1, 1, 1])], [], f([2])],
  ['one_hot_f32', 'attribute_out_of_range', [s32([2])], [0n], f([2, 1])],
  ['one_hot_f32', 'attribute_out_of_range', [s32([2])], [0x100_0001n], f([2, 0x100_0001])],
  ['one_hot_f32', 'shape_rank', [s32([1, 1, 1, 1, 1, 1, 1, 1])], [2n], f([2])],
  ['one_hot_f32', 'shape_overflow', [s32([65_536])], [0x100_0000n], f([65_536, 0x100_0000])],
  ['flip_f32', 'attribute_out_of_range', [f([2])], axes([2]), f([2])],
  ['flip_f32', 'attribute_out_of_range', [f([2])], axes([1, 1]), f([2])],
  ['dilate2d_f32', 'attribute_out_of_range', [f(X)], [0n, 1n], f(X)],
  ['dilate2d_f32', 'attribute_out_of_range', [f(X)], [1n, 65_536n], f(X)],
  ['dilate2d_f32', 'shape_rank', [f([4, 4])], [1n, 1n], f([4, 4])],
  [
    'dilate2d_f32',
    'shape_overflow',
    [f([1, 2, 2, 1])],
    [65_535n, 65_535n],
    f([1, 65_536, 65_536, 1]),
  ],
]

const UNKNOWN: readonly RefusedNode[] = [
  { op: '', id: 6, version: 1, attrs: [], args: [f([1])], out: f([1]), code: 'op_unknown' },
  { op: '', id: 0xffff, version: 1, attrs: [], args: [f([1])], out: f([1]), code: 'op_unknown' },
  {
    op: 'relu_f32',
    id: 40,
    version: 2,
    attrs: [],
    args: [f([1])],
    out: f([1]),
    code: 'op_version_unknown',
  },
]

/** Every node, in the order of the file. */
export function refusedNodes(): RefusedNode[] {
  const rows = [
    ...SHAPES,
    ...PRODUCTS,
    ...CONVOLUTIONS,
    ...ATTENTION,
    ...ARITHMETIC,
    ...CONVERSIONS,
    ...ROWS,
    ...POOLS,
    ...MOVEMENT,
  ]
  const named = rows.map(([op, code, args, attrs, out]) => ({
    op,
    id: opNamed(op)?.id ?? 0,
    version: 1,
    attrs: attrs.map(String),
    args,
    out,
    code,
  }))
  return [...UNKNOWN, ...named]
}

/** The text of `op-nodes.json`: an array, one node a line; dtypes as in the encoding. */
export function refusalFile(): string {
  return `[\n${refusedNodes()
    .map((node) => JSON.stringify(node))
    .join(',\n')}\n]\n`
}
