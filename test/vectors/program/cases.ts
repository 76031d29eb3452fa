/**
 * Operands and attributes of the vectors of every op from the second lot on: products of batches,
 * convolutions, attention, functions, normalisations, pools, movement.
 *
 * The ops of the first lot have theirs in `vectors.ts`, whose bytes are fixed.
 */

import { f32Attribute as f32, intAttribute as int } from '../../../src/program/builder.ts'
import { F32, type OpDefinition, S8, S32, type Tensor } from '../../../src/program/types.ts'
import { type Fill, SPECIAL_F32, SPECIAL_S32, type Stream, tensor } from './stream.ts'

export interface Case {
  readonly args: readonly Tensor[]
  readonly attrs: readonly bigint[]
}

type Dims = readonly number[]
type Make = (stream: Stream) => Case[]

const FILLS: readonly Fill[] = ['plain', 'special', 'wild', 'tiny']
const TINIEST = 0x0c000000n
const LARGEST = 0x7f7fffffn
const SUBNORMAL = 1n
const MINUS_ZERO = 0x80000000n

const RANK_8: Dims = [2, 1, 1, 2, 1, 1, 1, 3]
const SHAPES: readonly Dims[] = [[1], [7], [3, 5], [2, 3, 4], [1, 33], RANK_8]

/** f32 tensors of given bits. */
function ofBits(dims: Dims, bits: readonly number[]): Tensor {
  return { type: { dtype: F32, dims }, bytes: new Uint8Array(Uint32Array.from(bits).buffer) }
}

function ofIntegers(dims: Dims, values: readonly number[]): Tensor {
  return { type: { dtype: S32, dims }, bytes: new Uint8Array(Int32Array.from(values).buffer) }
}

/** Operands of these shapes, filled in each way, under each list of attributes. */
function each(
  dtype: number,
  shapes: readonly (readonly Dims[])[],
  attributes: readonly (readonly bigint[])[] = [[]],
  fills: readonly Fill[] = FILLS,
): Make {
  return (stream) =>
    shapes.flatMap((operands) =>
      attributes.flatMap((attrs) =>
        fills.map((fill) => ({
          args: operands.map((dims) => tensor(stream, dtype, dims, fill)),
          attrs,
        })),
      ),
    )
}

function all(...makes: readonly Make[]): Make {
  return (stream) => makes.flatMap((make) => make(stream))
}

/** Every value against every other, as two operands of one square. */
function pairs<Value>(
  values: readonly Value[],
  of: (dims: Dims, values: readonly Value[]) => Tensor,
): readonly [Tensor, Tensor] {
  const dims = [values.length, values.length]
  return [
    of(
      dims,
      values.flatMap((left) => values.map(() => left)),
    ),
    of(
      dims,
      values.flatMap(() => values),
    ),
  ]
}

const specialPairs: Make = () => [{ args: pairs(SPECIAL_F32, ofBits), attrs: [] }]

/** The second operand has the shape of the first, is a row, is one number. */
function broadcasts(dtype: number, fills: readonly Fill[]): Make {
  const shapes = SHAPES.flatMap((dims) => [
    [dims, dims],
    [dims, [dims.at(-1) as number]],
    [dims, [1]],
  ])
  return each(dtype, shapes, [[]], fills)
}

const binaryF32: Make = all(broadcasts(F32, ['plain', 'special', 'wild']), specialPairs)
const binaryS32: Make = all(broadcasts(S32, ['special', 'wild']), () => [
  { args: pairs(SPECIAL_S32, ofIntegers), attrs: [] },
])

/**
 * Quotients that are hard to round: divisors whose mantissa is all ones, numerators that put the
 * quotient as near as can be to the middle between two neighbours, quotients at the bounds of the
 * normal numbers, of 2^-103 and of overflow.
 */
const hardDivisions: Make = (stream) => {
  const numerators: number[] = []
  const divisors: number[] = []
  const put = (numerator: number, divisor: number): void => {
    numerators.push(numerator >>> 0)
    divisors.push(divisor >>> 0)
  }
  for (const divisor of [0x3fffffff, 0x00ffffff, 0x7f7fffff, 0xbfffffff, 0x40fffffe]) {
    for (let index = 0; index < 40; index++) put(stream.word(), divisor)
  }
  for (let index = 0; index < 300; index++) {
    // n = d (2 q + 1) / 2^25, rounded: n / d is a middle of neighbours but for what n lost.
    const divisor = 0x800000 + stream.below(0x800000)
    const middle = 0x1000001 + 2 * stream.below(0x800000)
    const exact = (BigInt(divisor) * BigInt(middle)) >> 24n
    const numerator = Number(exact >= 0x1000000n ? exact >> 1n : exact)
    const exponent = stream.below(40)
    put(
      ((107 + exponent) << 23) | (numerator & 0x7fffff),
      ((100 + stream.below(50)) << 23) | (divisor & 0x7fffff),
    )
  }
  for (const low of [0x0c000000, 0x0c000001, 0x0bffffff, 0x0d800000, 0x0c7fffff]) {
    for (const by of [0x3f800000, 0x3f800001, 0x3f7fffff, 0x40000000, 0x3effffff]) put(low, by)
  }
  for (const high of [0x7f7fffff, 0x7f000000, 0x7effffff]) {
    for (const by of [0x3f7fffff, 0x3f800001, 0x3f000000, 0x3effffff, 0x0c000000]) put(high, by)
  }
  const dims = [numerators.length]
  return [{ args: [ofBits(dims, numerators), ofBits(dims, divisors)], attrs: [] }]
}

/** Where a function changes its formula or leaves its range, with the neighbours on both sides. */
const BREAKS: readonly number[] = [
  0x3f200000, 0x3f6c0000, 0x40800000, 0x40b504f3, 0x3f3504f3, 0x3fb504f3, 0x3fa6cb9f, 0x3f800000,
  0x3f000000, 0x3eb17218, 0x42b17218, 0x42aeac4f, 0x42b0c0a5, 0x41317218, 0x0c000000, 0x0c800000,
  0x2b800000, 0x7f7fffff, 0x00800000, 0x4b000000, 0x4f000000, 0x7e800000,
].flatMap((bits) =>
  [-2, -1, 0, 1, 2].flatMap((step) => [bits + step, (bits + step + 0x80000000) >>> 0]),
)

const functionEdges: Make = () => {
  const bits = [...SPECIAL_F32, ...BREAKS]
  return [{ args: [ofBits([bits.length], bits)], attrs: [] }]
}

const unary: Make = all(
  functionEdges,
  each(F32, [[[1]], [[7]], [[2, 3, 4]], [RANK_8]], [[]], ['plain', 'special']),
  each(F32, [[[300]]], [[]], ['ramp', 'wild', 'tiny']),
)

function withNumbers(count: 1 | 2, operands: number): Make {
  const single = [[f32(1)], [f32(-0.1)], [MINUS_ZERO], [SUBNORMAL], [TINIEST], [LARGEST]]
  const double = [
    [f32(-1), f32(1)],
    [f32(0), f32(6)],
    [f32(1), f32(-1)],
    [MINUS_ZERO, SUBNORMAL],
    [TINIEST, LARGEST],
    [0xff7fffffn, 0x8c000000n],
  ]
  const attrs = count === 1 ? single : double
  const of = (dims: Dims): readonly Dims[] => Array.from({ length: operands }, () => dims)
  return all(
    each(F32, [of([7]), of([3, 5]), of(RANK_8)], attrs, ['plain', 'special']),
    each(F32, [of([65])], attrs.slice(1, 2), FILLS),
    (stream) => [
      {
        args: [...pairs(SPECIAL_F32, ofBits), tensor(stream, F32, [33, 33], 'special')].slice(
          0,
          operands,
        ),
        attrs: attrs[1] as readonly bigint[],
      },
    ],
  )
}

const select: Make = all(
  each(
    F32,
    SHAPES.map((dims) => [dims, dims, dims]),
  ),
  (stream) => [
    {
      args: [...pairs(SPECIAL_F32, ofBits), tensor(stream, F32, [33, 33], 'wild')],
      attrs: [],
    },
  ],
)

const batchedMatmul: Make = each(F32, [
  [
    [1, 1, 1],
    [1, 1, 1],
  ],
  [
    [2, 3, 5],
    [2, 2, 5],
  ],
  [
    [3, 1, 64],
    [3, 2, 64],
  ],
  [
    [1, 2, 513],
    [1, 1, 513],
  ],
  [
    [4, 2, 7],
    [4, 9, 7],
  ],
])

type Kernel = readonly [x: Dims, w: Dims, attrs: readonly number[]]

/** stride, pad (top, left, bottom, right), dilation, groups. */
const CONVOLUTIONS: readonly Kernel[] = [
  [
    [1, 1, 1, 1],
    [1, 1, 1, 1],
    [1, 1, 0, 0, 0, 0, 1, 1, 1],
  ],
  [
    [2, 5, 4, 3],
    [2, 3, 3, 3],
    [1, 1, 1, 1, 1, 1, 1, 1, 1],
  ],
  [
    [1, 7, 6, 2],
    [3, 2, 3, 2],
    [2, 3, 0, 1, 1, 2, 1, 1, 1],
  ],
  [
    [1, 8, 7, 1],
    [2, 3, 2, 1],
    [1, 2, 2, 0, 1, 3, 2, 3, 1],
  ],
  [
    [1, 4, 4, 4],
    [6, 2, 2, 2],
    [1, 1, 1, 0, 0, 1, 1, 1, 2],
  ],
  [
    [1, 3, 5, 6],
    [6, 3, 1, 1],
    [2, 1, 1, 0, 1, 0, 1, 1, 6],
  ],
  [
    [1, 2, 2, 1],
    [1, 3, 3, 1],
    [1, 1, 2, 2, 2, 2, 1, 1, 1],
  ],
  // Places where no tap meets the input.
  [
    [1, 2, 2, 2],
    [1, 2, 2, 2],
    [3, 2, 7, 3, 6, 5, 1, 2, 1],
  ],
  [
    [1, 3, 3, 2],
    [1, 2, 2, 2],
    [1, 1, 4, 4, 4, 4, 3, 2, 1],
  ],
  // Chains of more than 512.
  [
    [1, 3, 3, 58],
    [2, 3, 3, 58],
    [1, 1, 1, 1, 0, 0, 1, 1, 1],
  ],
  [
    [1, 1, 1, 513],
    [2, 1, 1, 513],
    [1, 1, 0, 0, 0, 0, 1, 1, 1],
  ],
  // The ends of the ranges.
  [
    [1, 1, 1, 2],
    [1, 1, 1, 2],
    [65_535, 65_535, 65_535, 0, 0, 65_535, 65_535, 65_535, 1],
  ],
  [
    [1, 1, 2, 1],
    [1, 2, 2, 1],
    [65_535, 1, 65_535, 65_534, 65_535, 0, 65_535, 65_535, 1],
  ],
]

function convolutions(dtype: number, fills: readonly Fill[]): Make {
  return all(
    ...CONVOLUTIONS.map(([x, w, attrs]) => {
      const isDeep = (w[1] as number) * (w[2] as number) * (w[3] as number) > 500
      return each(dtype, [[x, w]], [attrs.map(int)], isDeep ? fills.slice(0, 1) : fills)
    }),
  )
}

/** heads, queries, keys, depth, width; causal. */
const ATTENTION: readonly (readonly [sizes: Dims, causal: number])[] = [
  [[1, 1, 1, 1, 1], 0],
  [[1, 1, 1, 1, 1], 1],
  [[2, 3, 5, 4, 3], 0],
  [[2, 3, 5, 4, 3], 1],
  [[1, 5, 5, 3, 2], 1],
  [[1, 2, 64, 8, 4], 0],
  [[1, 3, 65, 8, 2], 1],
  [[1, 2, 130, 5, 3], 0],
  [[1, 2, 3, 512, 1], 0],
]
const SCALES = [f32(0.5), f32(-1), MINUS_ZERO, SUBNORMAL, TINIEST, LARGEST]

const attention: Make = all(
  ...ATTENTION.map(([[heads, queries, keys, depth, width], causal], index) => {
    const operands = [
      [heads, queries, depth],
      [heads, keys, depth],
      [heads, keys, width],
    ] as readonly number[][]
    const scales = index === 3 ? SCALES : SCALES.slice(0, 1)
    const attrs = scales.map((scale) => [scale, int(causal)])
    return each(F32, [operands], attrs, [...FILLS, 'equal'])
  }),
)

const mask: Make = each(F32, [
  [[1, 1]],
  [[3, 5]],
  [[2, 4, 4]],
  [[1, 1, 2, 1, 1, 2, 2, 3]],
  [[1, 7]],
])

const rope: Make = each(F32, [
  [
    [1, 2],
    [1, 1],
    [1, 1],
  ],
  [
    [3, 4],
    [3, 2],
    [3, 2],
  ],
  [
    [2, 3, 6],
    [3, 3],
    [3, 3],
  ],
  [
    [1, 2, 1, 1, 2, 1, 3, 4],
    [3, 2],
    [3, 2],
  ],
])

const rows: Make = all(
  each(
    F32,
    [...SHAPES, [2, 65], [3, 130]].map((dims) => [dims]),
  ),
  each(F32, [[[1, 1000]]], [[]], ['plain']),
  () => [
    {
      args: [
        ofBits(
          [33, 33],
          SPECIAL_F32.flatMap(() => SPECIAL_F32),
        ),
      ],
      attrs: [],
    },
  ],
)

const EPSILONS = [[f32(1e-5)], [f32(0)], [f32(-1)], [SUBNORMAL], [TINIEST], [LARGEST]]

function norms(vectors: number): Make {
  const operands = (dims: Dims): readonly Dims[] => [
    dims,
    ...Array.from({ length: vectors }, () => [dims.at(-1) as number]),
  ]
  return all(
    each(F32, [[3, 5], [1], RANK_8, [2, 65], [2, 130]].map(operands), EPSILONS.slice(0, 1), [
      ...FILLS,
      'equal',
    ]),
    each(F32, [operands([2, 7])], EPSILONS),
    each(F32, [operands([1, 1000])], EPSILONS.slice(0, 1), ['plain']),
  )
}

/** x; kernel, stride, pad (top, left, bottom, right); the pooled shape. */
const POOLS: readonly (readonly [x: Dims, attrs: readonly number[], y: Dims])[] = [
  [
    [1, 1, 1, 1],
    [1, 1, 1, 1, 0, 0, 0, 0],
    [1, 1, 1, 1],
  ],
  [
    [1, 4, 4, 2],
    [2, 2, 2, 2, 0, 0, 0, 0],
    [1, 2, 2, 2],
  ],
  [
    [2, 5, 6, 1],
    [3, 2, 1, 2, 1, 0, 2, 1],
    [2, 6, 3, 1],
  ],
  [
    [1, 5, 5, 3],
    [3, 3, 2, 2, 1, 1, 1, 1],
    [1, 3, 3, 3],
  ],
  [
    [1, 3, 3, 1],
    [5, 4, 1, 1, 3, 3, 4, 3],
    [1, 6, 6, 1],
  ],
  // Elements that no window holds.
  [
    [1, 7, 5, 1],
    [1, 2, 3, 4, 0, 0, 0, 0],
    [1, 3, 1, 1],
  ],
  // The ends of the ranges.
  [
    [1, 2, 2, 1],
    [65_535, 65_535, 65_535, 65_535, 65_534, 65_534, 65_534, 65_534],
    [1, 2, 2, 1],
  ],
]

function pools(counted: readonly (readonly number[])[]): Make {
  return all(
    ...POOLS.map(([x, attrs]) =>
      each(
        F32,
        [[x]],
        counted.map((more) => [...attrs, ...more].map(int)),
        [...FILLS, 'equal'],
      ),
    ),
  )
}

const poolGradients: Make = all(
  ...POOLS.map(([x, attrs, y]) => each(F32, [[x, y]], [attrs.map(int)], [...FILLS, 'equal'])),
)

/** Eight attributes, one an axis. */
function perAxis(values: Dims, beyond: (axis: number) => number = () => 0): bigint[] {
  return Array.from({ length: 8 }, (_, axis) => int(values[axis] ?? beyond(axis)))
}

/** Shapes, each with its own attributes. */
function moves(dtype: number, table: readonly (readonly [Dims, readonly bigint[]])[]): Make {
  const fills: readonly Fill[] = dtype === F32 ? FILLS : ['wild', 'special']
  return all(...table.map(([dims, attrs]) => each(dtype, [[dims]], [attrs], fills)))
}

const PERMUTES = (
  [
    [[5], [0]],
    [
      [2, 3],
      [1, 0],
    ],
    [
      [2, 3],
      [0, 1],
    ],
    [
      [2, 3, 4],
      [2, 0, 1],
    ],
    [
      [1, 3, 2, 2],
      [0, 3, 1, 2],
    ],
    [
      [2, 1, 3, 1, 2, 1, 2, 1],
      [7, 6, 5, 4, 3, 2, 1, 0],
    ],
    [
      [2, 1, 3, 1, 2, 1, 2, 1],
      [1, 0, 3, 2, 6, 4, 7, 5],
    ],
  ] as const
).map(([dims, order]) => [dims, perAxis(order, (axis) => axis)] as const)

const RESHAPES = (
  [
    [[1], [1]],
    [[1], [1, 1, 1, 1, 1, 1, 1, 1]],
    [[6], [2, 3]],
    [[2, 3, 4], [24]],
    [
      [3, 4],
      [2, 1, 1, 3, 1, 2, 1, 1],
    ],
    [
      [2, 1, 1, 3, 1, 2, 1, 1],
      [4, 3],
    ],
  ] as const
).map(([dims, to]) => [dims, perAxis(to)] as const)

const EXPANDS = (
  [
    [[1], [1]],
    [[1], [7]],
    [[3], [3]],
    [
      [3, 1],
      [3, 5],
    ],
    [
      [1, 4],
      [3, 4],
    ],
    [[4], [2, 3, 4]],
    [
      [2, 1, 3],
      [2, 2, 4, 3],
    ],
    [[1], [2, 1, 2, 1, 2, 1, 2, 1]],
    [
      [2, 1, 1, 3, 1, 1, 2, 1],
      [2, 2, 1, 3, 1, 2, 2, 2],
    ],
  ] as const
).map(([dims, to]) => [dims, perAxis(to)] as const)

const SLICES = (
  [
    [[1], [0], [1]],
    [[7], [2], [3]],
    [[7], [6], [1]],
    [
      [3, 5],
      [1, 0],
      [2, 5],
    ],
    [
      [3, 5],
      [0, 3],
      [3, 2],
    ],
    [
      [2, 3, 4],
      [1, 1, 1],
      [1, 2, 3],
    ],
    [
      [2, 3, 1, 2, 1, 2, 1, 3],
      [1, 1, 0, 0, 0, 1, 0, 1],
      [1, 2, 1, 2, 1, 1, 1, 2],
    ],
  ] as const
).map(([dims, starts, sizes]) => [dims, [...perAxis(starts), ...perAxis(sizes)]] as const)

const PADS = (
  [
    [[1], [0], [0]],
    [[3], [2], [1]],
    [
      [2, 3],
      [1, 0],
      [0, 2],
    ],
    [
      [2, 3],
      [0, 3],
      [2, 0],
    ],
    [
      [1, 2, 2, 1],
      [0, 1, 1, 0],
      [0, 2, 0, 1],
    ],
    [
      [2, 1, 1, 2, 1, 1, 1, 2],
      [0, 1, 0, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 1, 0, 0, 1],
    ],
  ] as const
).map(([dims, before, after]) => [dims, [...perAxis(before), ...perAxis(after)]] as const)

function concats(dtype: number): Make {
  const table: readonly (readonly [Dims, Dims, number])[] = [
    [[1], [1], 0],
    [[3], [5], 0],
    [[2, 3], [1, 3], 0],
    [[2, 3], [2, 4], 1],
    [[2, 1, 3], [2, 2, 3], 1],
    [[2, 1, 1, 2, 1, 1, 1, 2], [2, 1, 1, 2, 1, 1, 1, 3], 7],
  ]
  const fills: readonly Fill[] = dtype === F32 ? FILLS : ['wild', 'special']
  return all(
    ...table.map(([left, right, axis]) => each(dtype, [[left, right]], [[int(axis)]], fills)),
  )
}

const gather: Make = (stream) => {
  const shapes: readonly (readonly [Dims, Dims])[] = [
    [[1], [1]],
    [[1, 3], [5]],
    [[5], [4, 2]],
    [[6, 3], [7]],
    [
      [5, 2, 2],
      [2, 3],
    ],
    [
      [6, 1, 2],
      [1, 2, 1, 1, 2, 3],
    ],
    [[3, 1, 2, 1, 1, 1, 1, 2], [4]],
  ]
  return shapes.flatMap(([table, index]) =>
    FILLS.map((fill, at) => ({
      args: [
        tensor(stream, F32, table, fill),
        tensor(stream, S32, index, at === 1 ? 'special' : at === 2 ? 'wild' : 'index'),
      ],
      attrs: [],
    })),
  )
}

const oneHot: Make = each(
  S32,
  [[[1]], [[9]], [[2, 3]], [[1, 2, 1, 1, 1, 2, 1]]],
  [[1n], [2n], [7n]],
  ['index', 'special', 'wild'],
)

const FLIPS = (
  [
    [[1], [1]],
    [[5], [0]],
    [[5], [1]],
    [
      [2, 3],
      [1, 0],
    ],
    [
      [2, 3],
      [1, 1],
    ],
    [
      [2, 3, 4],
      [0, 1, 1],
    ],
    [
      [2, 1, 3, 1, 2, 1, 1, 2],
      [1, 1, 0, 1, 1, 0, 1, 1],
    ],
  ] as const
).map(([dims, flips]) => [dims, perAxis(flips)] as const)

const DILATES = (
  [
    [
      [1, 1, 1, 1],
      [65_535, 65_535],
    ],
    [
      [1, 1, 2, 3],
      [65_535, 1],
    ],
    [
      [2, 3, 2, 1],
      [1, 1],
    ],
    [
      [1, 3, 2, 2],
      [2, 1],
    ],
    [
      [1, 2, 3, 1],
      [1, 3],
    ],
    [
      [1, 3, 3, 1],
      [4, 2],
    ],
  ] as const
).map(([dims, strides]) => [dims, strides.map(int)] as const)

const truncate: Make = all(
  each(
    F32,
    SHAPES.map((dims) => [dims]),
    [[]],
    ['plain', 'special', 'wild', 'ramp'],
  ),
  () => {
    const halves = [
      0x3f7fffff, 0xbf7fffff, 0x3fffffff, 0xbfffffff, 0x4effffff, 0x4f000000, 0x4f000001,
      0xcf000000, 0xcf000001, 0xceffffff, 0x4b7fffff, 0xcb7fffff, 0x4affffff, 0x5f000000,
    ]
    return [{ args: [ofBits([halves.length], halves)], attrs: [] }]
  },
)

const CASES: Readonly<Record<string, Make>> = {
  bmm_f32: batchedMatmul,
  conv2d_f32: convolutions(F32, FILLS),
  conv2d_s8: convolutions(S8, ['wild', 'special']),
  attention_f32: attention,
  mask_causal_f32: mask,
  rope_f32: rope,
  div_f32: all(binaryF32, hardDivisions),
  max_f32: binaryF32,
  min_f32: binaryF32,
  greater_f32: binaryF32,
  shift_f32: withNumbers(1, 1),
  axpy_f32: withNumbers(1, 2),
  sub_s32: binaryS32,
  mul_s32: binaryS32,
  select_f32: select,
  widen_s8: each(
    S8,
    SHAPES.map((dims) => [dims]),
    [[]],
    ['wild', 'special'],
  ),
  truncate_f32: truncate,
  ...Object.fromEntries(
    ['abs', 'exp', 'log', 'sqrt', 'rsqrt', 'tanh', 'erf', 'gelu', 'silu', 'sigmoid'].map((name) => [
      `${name}_f32`,
      unary,
    ]),
  ),
  clip_f32: withNumbers(2, 1),
  mean_last_f32: rows,
  max_last_f32: rows,
  layernorm_f32: norms(2),
  rmsnorm_f32: norms(1),
  maxpool2d_f32: pools([[]]),
  avgpool2d_f32: pools([[0], [1]]),
  maxpool2d_grad_f32: poolGradients,
  permute_f32: moves(F32, PERMUTES),
  permute_s8: moves(S8, PERMUTES),
  permute_s32: moves(S32, PERMUTES),
  reshape_f32: moves(F32, RESHAPES),
  reshape_s8: moves(S8, RESHAPES),
  reshape_s32: moves(S32, RESHAPES),
  expand_f32: moves(F32, EXPANDS),
  slice_f32: moves(F32, SLICES),
  slice_s8: moves(S8, SLICES),
  slice_s32: moves(S32, SLICES),
  pad_f32: moves(F32, PADS),
  concat_f32: concats(F32),
  concat_s8: concats(S8),
  gather_f32: gather,
  one_hot_f32: oneHot,
  flip_f32: moves(F32, FLIPS),
  dilate2d_f32: moves(F32, DILATES),
}

/** The cases of an op, or undefined for one of the first lot. */
export function casesOf(op: OpDefinition, stream: Stream): Case[] | undefined {
  return CASES[op.name]?.(stream)
}
