/**
 * Every gradient rule against finite differences of the op itself, over random shapes and attributes.
 *
 * The loss is the sum of the outputs times random seeds, in f64; its slope along a random direction
 * is taken by a stencil of five points. fast-check prints the seed of a failure.
 */

import { strict as check } from 'node:assert'

import fc from 'fast-check'
import { attempt } from '../../../src/base/refusal.ts'
import { GRADIENT_RULES, gradients } from '../../../src/program/autograd.ts'
import {
  f32Attribute,
  type Handle,
  intAttribute,
  ProgramBuilder,
} from '../../../src/program/builder.ts'
import { evaluate, evaluateOp } from '../../../src/program/evaluate.ts'
import { opNamed } from '../../../src/program/ops.ts'
import { elementCount } from '../../../src/program/shape.ts'
import { f32Elements, f32Tensor, s32Tensor } from '../../../src/program/tensor.ts'
import { F32, type Tensor, type TensorType } from '../../../src/program/types.ts'
import { stream } from './samples.ts'

/** Numbers in [-1, 1); away from zero and positive; far apart from one another. */
type Domain = 'any' | 'positive' | 'apart'

interface Draw {
  readonly op: string
  readonly args: readonly Tensor[]
  readonly attrs: readonly bigint[]
}

class Dice {
  readonly next: () => number

  constructor(seed: number) {
    this.next = stream(seed * 2 + 1)
    for (let warm = 0; warm < 8; warm++) this.next()
  }

  between(low: number, high: number): number {
    return low + Math.floor(((this.next() + 1) / 2) * (high - low + 1))
  }

  dims(rankMin: number, rankMax: number, most = 4): number[] {
    return Array.from({ length: this.between(rankMin, rankMax) }, () => this.between(1, most))
  }

  pick<Value>(from: readonly Value[]): Value {
    return from[this.between(0, from.length - 1)] as Value
  }

  tensor(dims: readonly number[], domain: Domain = 'any'): Tensor {
    const count = elementCount(dims)
    if (domain !== 'apart') {
      const values = Array.from({ length: count }, this.next)
      return f32Tensor(dims, domain === 'positive' ? values.map((v) => 1.25 + 0.75 * v) : values)
    }
    const places = Array.from({ length: count }, (_, index) => index)
    for (let index = count - 1; index > 0; index--) {
      const other = this.between(0, index)
      const kept = places[index] as number
      places[index] = places[other] as number
      places[other] = kept
    }
    return f32Tensor(
      dims,
      places.map((place) => 0.19 * (place - Math.floor(count / 2)) + 0.07),
    )
  }
}

function same(dice: Dice, op: string, count: number, domain: Domain, attrs: bigint[] = []): Draw {
  const dims = dice.dims(1, 4)
  return { op, args: Array.from({ length: count }, () => dice.tensor(dims, domain)), attrs }
}

/** Halves of one set of numbers, so that no two of them are close. */
function broadcast(dice: Dice, op: string, domain: Domain = 'any'): Draw {
  const dims = dice.dims(1, 4)
  const second = dice.pick([dims, [dims.at(-1) as number], [1]])
  const [left, right] = [elementCount(dims), elementCount(second)]
  const all = f32Elements(dice.tensor([left + right], domain))
  const args = [f32Tensor(dims, all.slice(0, left)), f32Tensor(second, all.slice(left))]
  return { op, args, attrs: [] }
}

const reals = (...values: number[]): bigint[] => values.map(f32Attribute)
const integers = (...values: number[]): bigint[] => values.map(intAttribute)

function perAxis(values: readonly number[], beyond: (axis: number) => number = () => 0): bigint[] {
  return Array.from({ length: 8 }, (_, axis) => intAttribute(values[axis] ?? beyond(axis)))
}

function convolution(dice: Dice): Draw {
  const axis = () => {
    const [kernel, stride, dilation] = [dice.between(1, 3), dice.between(1, 3), dice.between(1, 2)]
    const [before, after] = [dice.between(0, 3), dice.between(0, 3)]
    const extent = dilation * (kernel - 1) + 1
    const size = Math.max(1, extent - before - after) + dice.between(0, 4)
    return { kernel, stride, dilation, before, after, size }
  }
  const [h, w] = [axis(), axis()]
  const [channels, outputs] = [dice.between(1, 3), dice.between(1, 3)]
  return {
    op: 'conv2d_f32',
    args: [
      dice.tensor([dice.between(1, 2), h.size, w.size, channels]),
      dice.tensor([outputs, h.kernel, w.kernel, channels]),
    ],
    attrs: [h.stride, w.stride, h.before, w.before, h.after, w.after, h.dilation, w.dilation]
      .concat(1)
      .map(intAttribute),
  }
}

function attention(dice: Dice): Draw {
  const [heads, queries] = [dice.between(1, 2), dice.between(1, 4)]
  const [keys, depth] = [queries + dice.between(0, 3), dice.between(1, 4)]
  return {
    op: 'attention_f32',
    args: [
      dice.tensor([heads, queries, depth]),
      dice.tensor([heads, keys, depth]),
      dice.tensor([heads, keys, dice.between(1, 4)]),
    ],
    attrs: [f32Attribute(0.7), intAttribute(dice.between(0, 1))],
  }
}

function pool(dice: Dice, op: string): Draw {
  const axis = () => {
    const [kernel, stride] = [dice.between(1, 3), dice.between(1, 3)]
    const before = dice.between(0, kernel - 1)
    const size = Math.max(kernel - before, 1) + dice.between(0, 4)
    const room = size + before - kernel
    // Padding after the end, as far as no window begins there.
    const after = Math.trunc(room / stride) * stride < room ? dice.between(0, kernel - 1) : 0
    const last = Math.trunc((room + after) / stride) * stride
    return { kernel, stride, before, after: last - before < size ? after : 0, size }
  }
  const [h, w] = [axis(), axis()]
  const counted = op === 'avgpool2d_f32' ? [dice.between(0, 1)] : []
  return {
    op,
    args: [dice.tensor([dice.between(1, 2), h.size, w.size, dice.between(1, 2)], 'apart')],
    attrs: [h.kernel, w.kernel, h.stride, w.stride, h.before, w.before, h.after, w.after]
      .concat(counted)
      .map(intAttribute),
  }
}

function matrices(dice: Dice): readonly [number, number, number] {
  return [dice.between(1, 5), dice.between(1, 5), dice.between(1, 6)]
}

const DRAWS: Readonly<Record<string, (dice: Dice) => Draw>> = {
  matmul_f32: (dice) => {
    const [m, n, k] = matrices(dice)
    return { op: 'matmul_f32', args: [dice.tensor([m, k]), dice.tensor([n, k])], attrs: [] }
  },
  bmm_f32: (dice) => {
    const [m, n, k] = matrices(dice)
    return { op: 'bmm_f32', args: [dice.tensor([3, m, k]), dice.tensor([3, n, k])], attrs: [] }
  },
  conv2d_f32: convolution,
  attention_f32: attention,
  rope_f32: (dice) => {
    const [rows, half] = [dice.between(1, 3), dice.between(1, 3)]
    const tables = [dice.tensor([rows, half]), dice.tensor([rows, half])]
    return {
      op: 'rope_f32',
      args: [dice.tensor([...dice.dims(0, 2), rows, 2 * half]), ...tables],
      attrs: [],
    }
  },
  mask_causal_f32: (dice) => {
    const rows = dice.between(1, 4)
    const dims = [...dice.dims(0, 2), rows, rows + dice.between(0, 2)]
    return { op: 'mask_causal_f32', args: [dice.tensor(dims)], attrs: [] }
  },
  ...Object.fromEntries(
    (
      [
        ['add', 'any'],
        ['sub', 'any'],
        ['mul', 'any'],
        ['div', 'positive'],
        ['max', 'apart'],
        ['min', 'apart'],
      ] as const
    ).map(([name, domain]) => [
      `${name}_f32`,
      (dice: Dice) => broadcast(dice, `${name}_f32`, domain),
    ]),
  ),
  scale_f32: (dice) => same(dice, 'scale_f32', 1, 'any', reals(-1.5)),
  shift_f32: (dice) => same(dice, 'shift_f32', 1, 'any', reals(0.5)),
  axpy_f32: (dice) => same(dice, 'axpy_f32', 2, 'any', reals(-1.5)),
  select_f32: (dice) => same(dice, 'select_f32', 3, 'apart'),
  relu_f32: (dice) => same(dice, 'relu_f32', 1, 'apart'),
  abs_f32: (dice) => same(dice, 'abs_f32', 1, 'apart'),
  clip_f32: (dice) => same(dice, 'clip_f32', 1, 'apart', reals(-0.6, 0.9)),
  ...Object.fromEntries(
    ['exp', 'tanh', 'erf', 'gelu', 'silu', 'sigmoid', 'softmax'].map((name) => [
      `${name}_f32`,
      (dice: Dice) => same(dice, `${name}_f32`, 1, 'any'),
    ]),
  ),
  ...Object.fromEntries(
    ['log', 'sqrt', 'rsqrt'].map((name) => [
      `${name}_f32`,
      (dice: Dice) => same(dice, `${name}_f32`, 1, 'positive'),
    ]),
  ),
  sum_last_f32: (dice) => same(dice, 'sum_last_f32', 1, 'any'),
  mean_last_f32: (dice) => same(dice, 'mean_last_f32', 1, 'any'),
  max_last_f32: (dice) => same(dice, 'max_last_f32', 1, 'apart'),
  sum_rows_f32: (dice) => ({
    op: 'sum_rows_f32',
    args: [dice.tensor(dice.dims(2, 2))],
    attrs: [],
  }),
  layernorm_f32: (dice) => {
    const dims = [...dice.dims(0, 3), dice.between(2, 6)]
    const width = dims.at(-1) as number
    return {
      op: 'layernorm_f32',
      args: [dice.tensor(dims), dice.tensor([width]), dice.tensor([width])],
      attrs: reals(0.25),
    }
  },
  rmsnorm_f32: (dice) => {
    const dims = [...dice.dims(0, 3), dice.between(1, 6)]
    return {
      op: 'rmsnorm_f32',
      args: [dice.tensor(dims), dice.tensor([dims.at(-1) as number])],
      attrs: reals(0.25),
    }
  },
  transpose_f32: (dice) => ({
    op: 'transpose_f32',
    args: [dice.tensor(dice.dims(2, 2))],
    attrs: [],
  }),
  permute_f32: (dice) => {
    const dims = dice.dims(1, 5, 3)
    const order = dims
      .map((_, axis) => ({ axis, at: dice.next() }))
      .sort((left, right) => left.at - right.at)
      .map(({ axis }) => axis)
    return {
      op: 'permute_f32',
      args: [dice.tensor(dims)],
      attrs: perAxis(order, (axis) => axis),
    }
  },
  reshape_f32: (dice) => {
    const dims = dice.dims(1, 4)
    return {
      op: 'reshape_f32',
      args: [dice.tensor(dims)],
      attrs: perAxis([1, elementCount(dims), 1]),
    }
  },
  expand_f32: (dice) => {
    const wide = dice.dims(1, 5, 3)
    const dims = wide
      .slice(dice.between(0, wide.length - 1))
      .map((size) => dice.pick([size, 1, size]))
    return { op: 'expand_f32', args: [dice.tensor(dims)], attrs: perAxis(wide) }
  },
  slice_f32: (dice) => {
    const dims = dice.dims(1, 4, 5)
    const starts = dims.map((size) => dice.between(0, size - 1))
    const sizes = dims.map((size, axis) => dice.between(1, size - (starts[axis] as number)))
    return {
      op: 'slice_f32',
      args: [dice.tensor(dims)],
      attrs: [...perAxis(starts), ...perAxis(sizes)],
    }
  },
  pad_f32: (dice) => {
    const dims = dice.dims(1, 4, 3)
    const side = () => perAxis(dims.map(() => dice.between(0, 2)))
    return { op: 'pad_f32', args: [dice.tensor(dims)], attrs: [...side(), ...side()] }
  },
  concat_f32: (dice) => {
    const dims = dice.dims(1, 4)
    const axis = dice.between(0, dims.length - 1)
    return {
      op: 'concat_f32',
      args: [dice.tensor(dims), dice.tensor(dims.with(axis, dice.between(1, 4)))],
      attrs: integers(axis),
    }
  },
  gather_f32: (dice) => {
    const [table, index] = [dice.dims(1, 3), dice.dims(1, 3)]
    const rows = Array.from({ length: elementCount(index) }, () => dice.between(-2, 5))
    return { op: 'gather_f32', args: [dice.tensor(table), s32Tensor(index, rows)], attrs: [] }
  },
  flip_f32: (dice) => {
    const dims = dice.dims(1, 4)
    return {
      op: 'flip_f32',
      args: [dice.tensor(dims)],
      attrs: perAxis(dims.map(() => dice.between(0, 1))),
    }
  },
  dilate2d_f32: (dice) => ({
    op: 'dilate2d_f32',
    args: [dice.tensor(dice.dims(4, 4, 3))],
    attrs: integers(dice.between(1, 3), dice.between(1, 3)),
  }),
  maxpool2d_f32: (dice) => pool(dice, 'maxpool2d_f32'),
  avgpool2d_f32: (dice) => pool(dice, 'avgpool2d_f32'),
}

/** Ops that change in steps only: their operands get no gradient. */
const STEPS: readonly string[] = ['greater_f32', 'one_hot_f32', 'argmax_f32']

function typeOfOut({ op, args, attrs }: Draw): TensorType {
  const builder = new ProgramBuilder()
  const handles = args.map(({ type }, index) => builder.input(`x${index}`, type))
  return builder.op(op, handles, attrs).type
}

/** The outputs of the op. */
function forward({ op, attrs }: Draw, args: readonly Tensor[], type: TensorType): Float32Array {
  const definition = opNamed(op)
  check.ok(definition !== undefined)
  const node = { op: definition.id, version: definition.version, args: [], attrs }
  return f32Elements(evaluateOp(node, args, type))
}

/** By number of operand, the gradient that the transformed program computes; none where refused. */
function backward(draw: Draw, seeds: Tensor): ReadonlyMap<number, Float32Array> {
  const found = new Map<number, Float32Array>()
  for (const [index, arg] of draw.args.entries()) {
    if (arg.type.dtype !== F32) continue
    const builder = new ProgramBuilder()
    const handles = draw.args.map(({ type }, at) => builder.input(`x${at}`, type))
    const seed = builder.input('seed', seeds.type)
    const y = builder.op(draw.op, handles, draw.attrs)
    const made = attempt(() => gradients(builder, y, seed, [handles[index] as Handle]))
    if ('refused' in made) {
      check.equal(made.refused.code, 'differentiation_unsupported')
      continue
    }
    // An op of its own, for the gradient may be the seed itself; and one for each input, so that all
    // are used.
    const gradient = builder.op('scale_f32', [made.value[0] as Handle], reals(1))
    builder.output('gradient', gradient)
    builder.output('y', y)
    for (const [at, handle] of [...handles, seed].entries()) {
      if (handle.type.dtype !== F32) continue
      builder.output(`used${at}`, builder.op('scale_f32', [handle], reals(2 + at)))
    }
    const { program } = builder.build()
    const outputs = evaluate(
      program,
      [...draw.args, seeds].map(({ bytes }) => bytes),
      [],
    )
    const bytes = outputs[gradient.index] as Uint8Array
    found.set(index, f32Elements({ type: gradient.type, bytes }))
    check.deepEqual(gradient.type.dims, arg.type.dims, `${draw.op} operand ${index}`)
  }
  return found
}

const STEP = 1 / 64
const STENCIL: readonly (readonly [number, number])[] = [
  [-2, 1 / 12],
  [-1, -8 / 12],
  [1, 8 / 12],
  [2, -1 / 12],
]

/** The slope of the loss along `direction` in operand `index`. */
function slope(draw: Draw, index: number, direction: Float32Array, seeds: Tensor): number {
  const weights = f32Elements(seeds)
  const type = seeds.type
  const own = f32Elements(draw.args[index] as Tensor)
  let sum = 0
  for (const [at, factor] of STENCIL) {
    const moved = own.map((value, place) => value + at * STEP * (direction[place] as number))
    const args = draw.args.with(index, f32Tensor((draw.args[index] as Tensor).type.dims, moved))
    // What is masked is -infinity everywhere, and says nothing of slopes.
    forward(draw, args, type).forEach((value, place) => {
      if (Number.isFinite(value)) sum += (factor / STEP) * value * (weights[place] as number)
    })
  }
  return sum
}

function checkDraw(draw: Draw, dice: Dice): void {
  const type = typeOfOut(draw)
  const seeds = dice.tensor(type.dims)
  for (const [index, gradient] of backward(draw, seeds)) {
    for (let trial = 0; trial < 2; trial++) {
      const direction = f32Elements(dice.tensor((draw.args[index] as Tensor).type.dims))
      let [found, size] = [0, 0]
      gradient.forEach((value, place) => {
        found += value * (direction[place] as number)
        size += Math.abs(value * (direction[place] as number))
      })
      const expected = slope(draw, index, direction, seeds)
      check.ok(
        Math.abs(found - expected) <= 1e-3 * (1 + size),
        `${draw.op} operand ${index}: ${found} against ${expected}`,
      )
    }
  }
}

describe('the gradient of', () => {
  for (const [name, draw] of Object.entries(DRAWS)) {
    it(`${name} is the slope that finite differences show`, function () {
      this.timeout(20_000)
      fc.assert(
        fc.property(fc.nat(0xffffff), (seed) => {
          const dice = new Dice(seed)
          checkDraw(draw(dice), dice)
        }),
        { numRuns: 40 },
      )
    })
  }

  it('every op that has a rule is among these, and every f32 op that training needs has one', () => {
    const checked = [...Object.keys(DRAWS), ...STEPS].sort()
    check.deepEqual(Object.keys(GRADIENT_RULES).sort(), checked)
  })

  it('a convolution in groups is refused', () => {
    const builder = new ProgramBuilder()
    const x = builder.input('x', { dtype: F32, dims: [1, 4, 4, 2] })
    const w = builder.input('w', { dtype: F32, dims: [2, 3, 3, 1] })
    const attrs = integers(1, 1, 1, 1, 1, 1, 1, 1, 2)
    const y = builder.op('conv2d_f32', [x, w], attrs)
    const made = attempt(() => gradients(builder, y, y, [x]))
    check.ok('refused' in made)
    check.equal(made.refused.code, 'differentiation_unsupported')
    check.equal(made.refused.facts['groups'], 2)
  })

  it('what changes in steps only is refused by name', () => {
    const builder = new ProgramBuilder()
    const x = builder.input('x', { dtype: F32, dims: [3] })
    const y = builder.op('greater_f32', [x, x])
    const made = attempt(() => gradients(builder, y, y, [x]))
    check.ok('refused' in made && made.refused.code === 'differentiation_unsupported')
  })
})
