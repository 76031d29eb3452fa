/** Openings: no element of any op needs more bytes than the op is said to need. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'
import {
  CHUNK_BYTES,
  chunkCount,
  coveringChunks,
  DIGEST_BYTES,
  siblingCount,
} from '../../../src/program/blake3-tree.ts'
import { f32Attribute, intAttribute } from '../../../src/program/builder.ts'
import { opCosts } from '../../../src/program/cost.ts'
import { checkProgram, valueTypes } from '../../../src/program/ir.ts'
import { needsOf } from '../../../src/program/openings.ts'
import { opNamed } from '../../../src/program/ops.ts'
import { elementCount, tensorBytes } from '../../../src/program/shape.ts'
import { F32, type Program, S8, S32, type TensorType } from '../../../src/program/types.ts'

interface Site {
  readonly op: string
  readonly args: readonly TensorType[]
  readonly attrs: readonly bigint[]
}

function f32(...dims: number[]): TensorType {
  return { dtype: F32, dims }
}

function programOf({ op, args, attrs }: Site): Program {
  const definition = opNamed(op)
  check.ok(definition !== undefined)
  const program = {
    version: 1,
    inputs: args,
    weights: [],
    ops: [{ op: definition.id, version: 1, args: args.map((_, index) => index), attrs }],
    outputs: [args.length],
  }
  checkProgram(program)
  return program
}

/** Bytes of the chunks and chaining values that open what the element needs, from types alone. */
function openedBytes(program: Program, element: number, pointed: number): number {
  const types = valueTypes(program)
  return needsOf(program, types, 0, element, pointed).reduce((sum, { value, ranges }) => {
    const wanted = coveringChunks(ranges)
    const total = chunkCount(tensorBytes(types[value] as TensorType))
    return sum + wanted.length * CHUNK_BYTES + siblingCount(wanted, total) * DIGEST_BYTES
  }, 0)
}

const nat = (min: number, max: number) => fc.integer({ min, max })

const convolution: fc.Arbitrary<Site> = fc
  .record({
    side: nat(20, 60),
    channels: fc.constantFrom(1, 3, 12, 64, 100, 256),
    kernel: fc.tuple(nat(1, 7), nat(1, 7)),
    stride: nat(1, 3),
    pad: nat(0, 9),
    dilation: fc.tuple(nat(1, 3), nat(1, 3)),
    isGrouped: fc.boolean(),
    dtype: fc.constantFrom(F32, S8),
  })
  .map(({ side, channels, kernel, stride, pad, dilation, isGrouped, dtype }) => {
    const groups = isGrouped ? channels : 1
    return {
      op: dtype === F32 ? 'conv2d_f32' : 'conv2d_s8',
      args: [
        { dtype, dims: [2, side, side + 3, channels] },
        { dtype, dims: [channels, ...kernel, channels / groups] },
      ],
      attrs: [stride, stride, pad, pad, pad, 0, ...dilation, groups].map(intAttribute),
    }
  })

const pool: fc.Arbitrary<Site> = fc
  .record({
    side: nat(15, 60),
    channels: fc.constantFrom(1, 3, 64, 300),
    kernel: nat(1, 6),
    stride: nat(1, 6),
    op: fc.constantFrom('maxpool2d_f32', 'avgpool2d_f32', 'maxpool2d_grad_f32'),
  })
  .map(({ side, channels, kernel, stride, op }) => {
    const pad = Math.trunc(kernel / 2)
    const places = Math.trunc((side + pad - kernel) / stride) + 1
    const x = f32(2, side, side, channels)
    const dy = f32(2, places, places, channels)
    const attrs = [kernel, kernel, stride, stride, pad, pad, 0, 0]
    return {
      op,
      args: op === 'maxpool2d_grad_f32' ? [x, dy] : [x],
      attrs: [...attrs, ...(op === 'avgpool2d_f32' ? [1] : [])].map(intAttribute),
    }
  })

const attention: fc.Arbitrary<Site> = fc
  .tuple(nat(1, 4), nat(1, 60), nat(0, 200), nat(1, 128), nat(1, 300), nat(0, 1))
  .map(([heads, queries, more, depth, width, causal]) => ({
    op: 'attention_f32',
    args: [
      f32(heads, queries, depth),
      f32(heads, queries + more, depth),
      f32(heads, queries + more, width),
    ],
    attrs: [f32Attribute(1), intAttribute(causal)],
  }))

function axes(...values: readonly number[]): bigint[] {
  return Array.from({ length: 8 }, (_, axis) => intAttribute(values[axis] ?? 0))
}

const FIXED: readonly Site[] = [
  { op: 'matmul_f32', args: [f32(900, 700), f32(800, 700)], attrs: [] },
  { op: 'bmm_f32', args: [f32(9, 90, 301), f32(9, 80, 301)], attrs: [] },
  { op: 'add_f32', args: [f32(900, 700), f32(700)], attrs: [] },
  { op: 'rope_f32', args: [f32(9, 90, 300), f32(90, 150), f32(90, 150)], attrs: [] },
  { op: 'mask_causal_f32', args: [f32(9, 90, 301)], attrs: [] },
  { op: 'layernorm_f32', args: [f32(90, 3001), f32(3001), f32(3001)], attrs: [0n] },
  { op: 'rmsnorm_f32', args: [f32(90, 3001), f32(3001)], attrs: [0n] },
  { op: 'softmax_f32', args: [f32(90, 3001)], attrs: [] },
  { op: 'sum_rows_f32', args: [f32(20, 3001)], attrs: [] },
  { op: 'sum_rows_f32', args: [f32(300, 7)], attrs: [] },
  { op: 'transpose_f32', args: [f32(300, 3001)], attrs: [] },
  {
    op: 'permute_f32',
    args: [f32(30, 301, 17)],
    attrs: [2, 0, 1, 3, 4, 5, 6, 7].map(intAttribute),
  },
  { op: 'expand_f32', args: [f32(300, 1)], attrs: axes(5, 300, 301) },
  { op: 'slice_f32', args: [f32(300, 3001)], attrs: [...axes(7, 9), ...axes(200, 2000)] },
  { op: 'pad_f32', args: [f32(300, 301)], attrs: [...axes(7, 9), ...axes(0, 2000)] },
  { op: 'concat_f32', args: [f32(300, 301), f32(300, 17)], attrs: [1n] },
  { op: 'flip_f32', args: [f32(300, 301)], attrs: axes(1, 0) },
  { op: 'dilate2d_f32', args: [f32(3, 90, 90, 7)], attrs: [3n, 2n] },
  { op: 'gather_f32', args: [f32(9000, 70), { dtype: S32, dims: [300, 5] }], attrs: [] },
  { op: 'one_hot_f32', args: [{ dtype: S32, dims: [300, 5] }], attrs: [700n] },
]

describe('the opening of an element', () => {
  it('takes no more bytes than are counted for its op', () => {
    const site = fc.oneof(convolution, pool, attention, fc.constantFrom(...FIXED))
    fc.assert(
      fc.property(site, fc.array(nat(0, 0x7fff_ffff), { minLength: 5 }), (drawn, picks) => {
        const program = programOf(drawn)
        const [cost] = opCosts(program)
        const elements = elementCount((valueTypes(program).at(-1) as TensorType).dims)
        for (const pick of [0, elements - 1, ...picks]) {
          const opened = openedBytes(program, pick % elements, pick % 9_001)
          check.ok(opened <= (cost?.openingBytes ?? 0), `${opened} bytes, ${cost?.openingBytes}`)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is not counted as more than twice what some element needs, for kernels in the midst', () => {
    const site: Site = {
      op: 'conv2d_f32',
      args: [f32(2, 60, 60, 64), f32(64, 3, 3, 64)],
      attrs: [1, 1, 1, 1, 1, 1, 1, 1, 1].map(intAttribute),
    }
    const program = programOf(site)
    const midst = (30 * 60 + 30) * 64
    check.ok((opCosts(program)[0]?.openingBytes ?? 0) < 2 * openedBytes(program, midst, 0))
  })
})
