/** Every gradient of a method is the slope that differences show, through the tape, on any layout. */

import { strict as check } from 'node:assert'

import { Tensor } from '../../../src/tensor/tensor.ts'
import { REMOTE, ramp } from './devices.ts'

interface Case {
  readonly name: string
  readonly inputs: readonly (readonly number[])[]
  readonly run: (...inputs: Tensor[]) => Tensor
  /** Keeps away from places without a slope. */
  readonly from?: number
}

/** Numbers between -1 and 1, or `from` and from + 1, that no two runs disagree about. */
function numbers(count: number, seed: number, from: number | undefined): number[] {
  return ramp(count).map((at) => {
    const unit = (((at + 1) * 7919 + seed * 104_729) % 1009) / 1009
    return from === undefined ? 2 * unit - 1 : from + unit
  })
}

const ROW = [3, 4]
const gain = (): number[] => [4]

const CASES: readonly Case[] = [
  { name: 'add', inputs: [ROW, ROW], run: (a, b) => a.add(b) },
  { name: 'add a row', inputs: [ROW, [4]], run: (a, b) => a.add(b) },
  { name: 'add a column', inputs: [ROW, [3, 1]], run: (a, b) => a.add(b) },
  { name: 'add a number', inputs: [ROW], run: (a) => a.add(2) },
  { name: 'sub', inputs: [[4], ROW], run: (a, b) => a.sub(b) },
  { name: 'mul', inputs: [ROW, ROW], run: (a, b) => a.mul(b) },
  { name: 'mul, one element', inputs: [ROW, [1]], run: (a, b) => a.mul(b) },
  { name: 'mul with itself', inputs: [ROW], run: (a) => a.mul(a) },
  { name: 'div', inputs: [ROW, ROW], run: (a, b) => a.div(b), from: 1 },
  { name: 'div by a column', inputs: [ROW, [3, 1]], run: (a, b) => a.div(b), from: 1 },
  { name: 'div by a number', inputs: [ROW], run: (a) => a.div(4) },
  { name: 'div, safe', inputs: [ROW, ROW], run: (a, b) => a.div(b, 'safe'), from: 1 },
  { name: 'neg', inputs: [ROW], run: (a) => a.neg() },
  { name: 'abs', inputs: [ROW], run: (a) => a.abs() },
  { name: 'exp', inputs: [ROW], run: (a) => a.exp() },
  { name: 'log', inputs: [ROW], run: (a) => a.log(), from: 1 },
  { name: 'sqrt', inputs: [ROW], run: (a) => a.sqrt(), from: 1 },
  { name: 'rsqrt', inputs: [ROW], run: (a) => a.rsqrt(), from: 1 },
  { name: 'tanh', inputs: [ROW], run: (a) => a.tanh() },
  { name: 'erf', inputs: [ROW], run: (a) => a.erf() },
  { name: 'sigmoid', inputs: [ROW], run: (a) => a.sigmoid() },
  { name: 'relu', inputs: [ROW], run: (a) => a.relu() },
  { name: 'gelu', inputs: [ROW], run: (a) => a.gelu() },
  { name: 'silu', inputs: [ROW], run: (a) => a.silu() },
  { name: 'clip', inputs: [ROW], run: (a) => a.clip(-0.4, 0.4) },
  { name: 'maximum', inputs: [ROW, ROW], run: (a, b) => a.maximum(b) },
  { name: 'minimum', inputs: [ROW, [4]], run: (a, b) => a.minimum(b) },
  { name: 'select', inputs: [ROW, ROW], run: (a, b) => a.detach().select(a, b) },
  { name: 'softmax', inputs: [ROW], run: (a) => a.softmax() },
  { name: 'softmax down the columns', inputs: [ROW], run: (a) => a.softmax(0) },
  { name: 'sum', inputs: [ROW], run: (a) => a.sum() },
  { name: 'sum along an axis', inputs: [[2, 3, 2]], run: (a) => a.sum(1) },
  { name: 'mean', inputs: [ROW], run: (a) => a.mean() },
  { name: 'mean along two axes', inputs: [[2, 3, 2]], run: (a) => a.mean([0, 2], 'keep') },
  { name: 'max', inputs: [ROW], run: (a) => a.max(1) },
  { name: 'min', inputs: [ROW], run: (a) => a.min(0) },
  {
    name: 'matmul',
    inputs: [
      [2, 3],
      [3, 2],
    ],
    run: (a, b) => a.matmul(b),
  },
  {
    name: 'matmul, transposed',
    inputs: [
      [3, 2],
      [2, 3],
    ],
    run: (a, b) => a.transpose().matmul(b.transpose()),
  },
  {
    name: 'matmul of rows of rows',
    inputs: [
      [2, 2, 3],
      [3, 2],
    ],
    run: (a, b) => a.matmul(b),
  },
  {
    name: 'matmul, batched',
    inputs: [
      [2, 2, 3],
      [2, 3, 2],
    ],
    run: (a, b) => a.matmul(b),
  },
  {
    name: 'matmul, broadcast',
    inputs: [
      [2, 3],
      [2, 3, 2],
    ],
    run: (a, b) => a.matmul(b),
  },
  {
    name: 'attention',
    inputs: [
      [1, 3, 2],
      [1, 3, 2],
      [1, 3, 2],
    ],
    run: (q, k, v) => q.attention(k, v),
  },
  {
    name: 'attention, causal',
    inputs: [
      [2, 3, 2],
      [2, 3, 2],
      [2, 3, 2],
    ],
    run: (q, k, v) => q.attention(k, v, { mask: 'causal' }),
  },
  { name: 'layerNorm', inputs: [ROW, gain(), gain()], run: (x, g, b) => x.layerNorm(g, b) },
  { name: 'rmsNorm', inputs: [ROW, gain()], run: (x, g) => x.rmsNorm(g) },
  {
    name: 'rope',
    inputs: [[3, 4]],
    run: (x) => x.rope(Tensor.full([3, 2], 0.6), Tensor.full([3, 2], 0.8)),
  },
  {
    name: 'conv2d',
    inputs: [
      [1, 4, 4, 2],
      [3, 2, 2, 2],
    ],
    run: (x, k) => x.conv2d(k, { padding: 1, stride: 2 }),
  },
  { name: 'maxPool2d', inputs: [[1, 4, 4, 1]], run: (x) => x.maxPool2d({ kernel: 2 }) },
  { name: 'avgPool2d', inputs: [[1, 4, 4, 1]], run: (x) => x.avgPool2d({ kernel: 2 }) },
  { name: 'view', inputs: [ROW], run: (a) => a.view([2, 6]) },
  { name: 'reshape of a transpose', inputs: [ROW], run: (a) => a.transpose().reshape([6, 2]) },
  { name: 'transpose, twice', inputs: [ROW], run: (a) => a.transpose().mul(2).transpose() },
  { name: 'permute', inputs: [[2, 3, 2]], run: (a) => a.permute([2, 0, 1]) },
  { name: 'slice', inputs: [[4, 3]], run: (a) => a.slice(0, 1, 3).slice(1, 0, 2) },
  { name: 'slice with steps', inputs: [[2, 7]], run: (a) => a.slice(1, 1, 7, 3).slice(1, 0, 2, 2) },
  { name: 'slice with steps past the end', inputs: [[5, 2]], run: (a) => a.slice(0, 0, 5, 4) },
  { name: 'expand', inputs: [[3, 1]], run: (a) => a.expand([2, 3, 4]) },
  {
    name: 'concat',
    inputs: [
      [2, 3],
      [1, 3],
    ],
    run: (a, b) => Tensor.concat([a, b, a]),
  },
  { name: 'pad', inputs: [ROW], run: (a) => a.pad([1, 0], [0, 2]) },
  { name: 'flip', inputs: [ROW], run: (a) => a.flip([1]) },
  {
    name: 'gather',
    inputs: [[3, 2]],
    run: (a) => a.gather(Tensor.from([2, 0, 2], [3], { dtype: 's32' })),
  },
  { name: 'clone', inputs: [ROW], run: (a) => a.clone() },
  { name: 'contiguous', inputs: [ROW], run: (a) => a.transpose().contiguous() },
  { name: 'to another device and back', inputs: [ROW], run: (a) => a.to(REMOTE).mul(2).to('cpu') },
  {
    name: 'writing in place',
    inputs: [ROW, ROW],
    run: (a, b) => a.mul(1).add_(b).mul_(3).sub_(a).div_(2),
  },
  { name: 'copying in place', inputs: [[1, 4]], run: (a) => Tensor.zeros([3, 4]).copy_(a) },
]

/** The sum of the output, each element weighed, so that no two gradients are equal. */
function loss({ run }: Case, inputs: readonly Tensor[]): Tensor {
  const out = run(...inputs)
  return out.mul(Tensor.from(numbers(out.size, 5, 1), out.dims)).sum()
}

function made({ inputs, from }: Case): Tensor[] {
  return inputs.map((dims, at) => {
    const count = dims.reduce((product, size) => product * size, 1)
    return Tensor.from(numbers(count, at + 1, from), dims)
  })
}

const STEP = 1 / 256

/** (f(x + h) - f(x - h)) / 2h for each element of each input. */
function slopes(of: Case): number[][] {
  const inputs = made(of)
  return inputs.map((input) => {
    const elements = input.data()
    return [...elements].map((value, index) => {
      const at = (shift: number): number => {
        elements[index] = value + shift
        const result = loss(of, inputs).item()
        elements[index] = value
        return result
      }
      return (at(STEP) - at(-STEP)) / (2 * STEP)
    })
  })
}

describe('the gradient of a tensor', () => {
  for (const each of CASES) {
    it(`is the slope that differences show: ${each.name}`, () => {
      const inputs = made(each)
      for (const input of inputs) input.requiresGrad = true
      loss(each, inputs).backward()
      const wanted = slopes(each)
      inputs.forEach((input, at) => {
        check.deepEqual(input.grad?.dims, input.dims)
        input.grad?.toArray().forEach((found, index) => {
          const slope = (wanted[at] as number[])[index] as number
          const off = Math.abs(found - slope) / Math.max(1, Math.abs(slope))
          check.ok(off < 0.02, `input ${at}, element ${index}: ${found}, not ${slope}`)
        })
      })
    })
  }
})
