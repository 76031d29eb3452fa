/**
 * What a tensor must do, as a table: small computations with their results.
 *
 * `covers` names the tests of the runtime that the seed plan describes. A scenario runs eagerly on
 * every device and, traced, as a program on every fabric, in the simulated market too; results are
 * those given here, and digests are equal everywhere.
 */

import type { Dims } from '../../../src/tensor/making.ts'
import { noGrad } from '../../../src/tensor/scope.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'

export interface ScenarioInput {
  readonly dims: Dims
  readonly values: readonly number[]
}

export interface Scenario {
  readonly name: string
  readonly covers: readonly string[]
  readonly inputs: readonly ScenarioInput[]
  readonly run: (...inputs: Tensor[]) => Readonly<Record<string, Tensor>>
  readonly expected: Readonly<Record<string, readonly number[]>>
}

function ramp(dims: Dims, first = 0): ScenarioInput {
  const count = dims.reduce((product, size) => product * size, 1)
  return { dims, values: Array.from({ length: count }, (_, index) => first + index) }
}

const f32 = (values: readonly number[]): number[] => values.map(Math.fround)

function times(count: number, value: number): number[] {
  return Array.from({ length: count }, () => value)
}

function gradOf(tensor: Tensor): Tensor {
  const { grad } = tensor
  if (grad === undefined) throw new Error('the scenario has led no gradient here')
  return grad
}

function tracked(...tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.requiresGrad = true
}

const STORAGE: readonly Scenario[] = [
  {
    name: 'what is written through a view and through a slice is seen by all',
    covers: ['ViewSliceMutation'],
    inputs: [ramp([4])],
    run: (t) => {
      const base = t.clone()
      base.view([2, 2]).slice(0, 0, 1).slice(1, 1, 2).fill_(42)
      base.slice(0, 0, 2).slice(0, 0, 1).fill_(99)
      return { base }
    },
    expected: { base: [99, 42, 2, 3] },
  },
  {
    name: 'a slice begins at its start',
    covers: ['SliceOffsetStart'],
    inputs: [ramp([5])],
    run: (t) => ({ part: t.slice(0, 2, 5) }),
    expected: { part: [2, 3, 4] },
  },
  {
    name: 'a clone has storage of its own',
    covers: [
      'CloneDistinctStorage',
      'CloneBeforeDetachIndepStorage',
      'CloneBeforeDetachIndepStorageMps',
      'CloneBeforeDetachIndepStorageMetal',
    ],
    inputs: [ramp([2], 1)],
    run: (t) => {
      const base = t.clone()
      const copy = base.clone()
      base.slice(0, 0, 1).fill_(3)
      copy.clone().detach().div_(2)
      return { base, copy }
    },
    expected: { base: [3, 2], copy: [1, 2] },
  },
  {
    name: 'what is detached shares storage',
    covers: ['DetachSharesStorage', 'DetachSharesStorageMps', 'DetachSharesStorageMetal'],
    inputs: [ramp([2], 8)],
    run: (t) => {
      const base = t.clone()
      base.detach().div_(2)
      return { base }
    },
    expected: { base: [4, 4.5] },
  },
  {
    name: 'contiguous keeps the values of a strided view',
    covers: [
      'ContiguousPreservesData',
      'CpuMetalRoundtripNonContiguousLarge',
      'NonContiguousZeroCopyAndAlignment',
    ],
    inputs: [ramp([5])],
    run: (t) => ({ every: t.slice(0, 0, 5, 2).contiguous() }),
    expected: { every: [0, 2, 4] },
  },
  {
    name: 'fill fills',
    covers: ['FillCpu', 'FillMetalMatchesCpu'],
    inputs: [ramp([4])],
    run: (t) => ({ filled: t.clone().fill_(3).add(t.mul(0)) }),
    expected: { filled: [3, 3, 3, 3] },
  },
]

const AUTOGRAD: readonly Scenario[] = [
  {
    name: 'gradients of a sum are ones',
    covers: ['AddBackward', 'AddBackwardCpu', 'AutogradAddMetal', 'AddMetalMatchesCpu'],
    inputs: [ramp([3]), { dims: [3], values: [0, 2, 4] }],
    run: (a, b) => {
      tracked(a, b)
      const c = a.add(b)
      c.backward(c.onesLike())
      return { c, a: gradOf(a), b: gradOf(b) }
    },
    expected: { c: [0, 3, 6], a: [1, 1, 1], b: [1, 1, 1] },
  },
  {
    name: 'gradients of a product are the other factor',
    covers: ['MulBackward', 'MulBackwardCpu', 'AutogradMulMetal', 'MulMetalMatchesCpu'],
    inputs: [ramp([3], 1), ramp([3], 2)],
    run: (a, b) => {
      tracked(a, b)
      const c = a.mul(b)
      c.backward(c.onesLike())
      return { c, a: gradOf(a), b: gradOf(b) }
    },
    expected: { c: [2, 6, 12], a: [2, 3, 4], b: [1, 2, 3] },
  },
  {
    name: 'gradients of a quotient',
    covers: ['DivBackward', 'AutogradDivMetal', 'DivMetalMatchesCpu'],
    inputs: [ramp([3], 2), { dims: [3], values: [1, 2, 4] }],
    run: (a, b) => {
      tracked(a, b)
      const c = a.div(b)
      c.backward(c.onesLike())
      return { c, a: gradOf(a), b: gradOf(b) }
    },
    expected: { c: [2, 1.5, 1], a: [1, 0.5, 0.25], b: [-2, -0.75, -0.25] },
  },
  {
    name: 'a safe quotient has no gradient where the divisor is zero',
    covers: ['DivBackwardSafeCpu'],
    inputs: [ramp([3], 1), { dims: [3], values: [1, 0, 2] }],
    run: (a, b) => {
      tracked(a, b)
      const c = a.div(b, 'safe')
      c.backward(c.onesLike())
      return { c, a: gradOf(a), b: gradOf(b) }
    },
    expected: { c: [1, 0, 1.5], a: [1, 0, 0.5], b: [-1, 0, -0.75] },
  },
  {
    name: 'a division by a number has one over it as gradient',
    covers: ['DivScalarBackward', 'AutogradDivScalarMetal', 'DivScalarMetalMatchesCpu'],
    inputs: [ramp([3], 2)],
    run: (a) => {
      tracked(a)
      const b = a.div(2)
      b.backward(b.onesLike())
      return { b, a: gradOf(a) }
    },
    expected: { b: [1, 1.5, 2], a: [0.5, 0.5, 0.5] },
  },
  ...[1, 2, 3].map(
    (times): Scenario => ({
      name: `a leaf divided in place, ${times} times`,
      covers: [
        ['DivScalarInplace', 'DivScalarInplaceBackward'],
        ['DivScalarDoubleInplaceBackward'],
        ['DivScalarTripleInplaceBackward'],
      ][times - 1] as string[],
      inputs: [ramp([3], 4)],
      run: (t) => {
        const a = t.clone()
        tracked(a)
        for (let time = 0; time < times; time++) a.div_(2)
        a.backward(a.onesLike())
        return { value: a, grad: gradOf(a) }
      },
      expected: {
        value: [4, 5, 6].map((value) => value / 2 ** times),
        grad: [1, 1, 1].map((value) => value / 2 ** times),
      },
    }),
  ),
  ...[1, 2, 3].map(
    (times): Scenario => ({
      name: `a sum divided in place, ${times} times`,
      covers: [
        ['DivScalarInplaceChainBackward'],
        ['DivScalarChainDoubleInplaceBackward'],
        ['DivScalarChainTripleInplaceBackward'],
      ][times - 1] as string[],
      inputs: [ramp([3], 1), ramp([3], 1)],
      run: (a, other) => {
        tracked(a, other)
        const b = a.add(other)
        for (let time = 0; time < times; time++) b.div_(2)
        b.backward(b.onesLike())
        return { b, a: gradOf(a), other: gradOf(other) }
      },
      expected: {
        b: [2, 4, 6].map((value) => value / 2 ** times),
        a: [1, 1, 1].map((value) => value / 2 ** times),
        other: [1, 1, 1].map((value) => value / 2 ** times),
      },
    }),
  ),
  {
    name: 'what is detached leads no gradient back',
    covers: ['DetachNoGrad', 'AutogradDetachMetal'],
    inputs: [ramp([3], 1)],
    run: (a) => {
      tracked(a)
      const b = a.detach()
      b.requiresGrad = true
      const c = b.mul(b)
      c.backward(c.onesLike())
      if (a.grad !== undefined) throw new Error('the gradient went past detach')
      return { b: gradOf(b) }
    },
    expected: { b: [2, 4, 6] },
  },
  {
    name: 'the gradient of a transpose is transposed',
    covers: [
      'TransposeBackward',
      'TransposeBackwardCpu',
      'AutogradTransposeMetal',
      'CpuOnly.TransposeBackward',
      'TransposeMetalMatchesCpu',
    ],
    inputs: [ramp([2, 3], 1), ramp([3, 2], 1)],
    run: (a, c) => {
      tracked(a, c)
      a.transpose(0, 1).mul(c).sum().backward()
      return { a: gradOf(a), c: gradOf(c) }
    },
    expected: { a: [1, 3, 5, 2, 4, 6], c: [1, 4, 2, 5, 3, 6] },
  },
  {
    name: 'two transposes are none',
    covers: ['TransposeBackwardDoubleCpu'],
    inputs: [ramp([2, 3], 1), ramp([2, 3], 7)],
    run: (a, c) => {
      tracked(a, c)
      a.transpose(0, 1).transpose(0, 1).mul(c).sum().backward()
      return { a: gradOf(a), c: gradOf(c) }
    },
    expected: { a: [7, 8, 9, 10, 11, 12], c: [1, 2, 3, 4, 5, 6] },
  },
  {
    name: 'gradients of a matrix product',
    covers: [
      'MatmulBackward',
      'MatmulBackwardCpu',
      'AutogradMatmulMetal',
      'CpuOnly.MatmulBackward',
      'MatmulMetalMatchesCpu',
    ],
    inputs: [ramp([2, 3], 1), ramp([3, 2], 1)],
    run: (a, b) => {
      tracked(a, b)
      const c = a.matmul(b)
      c.sum().backward()
      return { c, a: gradOf(a), b: gradOf(b) }
    },
    expected: { c: [22, 28, 49, 64], a: [3, 7, 11, 3, 7, 11], b: [5, 5, 7, 7, 9, 9] },
  },
  {
    name: 'gradients of the sum and of the mean of everything',
    covers: [
      'SumBackwardCpu',
      'MeanBackwardCpu',
      'SumMeanBackward',
      'AutogradSumMetal',
      'AutogradMeanMetal',
      'CpuOnly.SumBackward',
      'CpuOnly.MeanBackward',
      'SumMetalMatchesCpu',
      'MeanMetalMatchesCpu',
    ],
    inputs: [ramp([2, 2], 1), ramp([2, 2], 1)],
    run: (t, u) => {
      tracked(t, u)
      const [sum, mean] = [t.sum(), u.mean()]
      sum.backward()
      mean.backward()
      return { sum, mean, t: gradOf(t), u: gradOf(u) }
    },
    expected: { sum: [10], mean: [2.5], t: [1, 1, 1, 1], u: [0.25, 0.25, 0.25, 0.25] },
  },
  {
    name: 'gradients of the sum and of the mean along an axis',
    covers: ['SumMeanAxisBackward'],
    inputs: [ramp([2, 3, 4], 1), ramp([2, 3, 4], 1)],
    run: (t, u) => {
      tracked(t, u)
      const [sum, mean] = [t.sum(1), u.mean(1)]
      sum.backward(sum.onesLike())
      mean.backward(mean.onesLike())
      return { sum: sum.slice(0, 0, 1), mean: mean.slice(0, 1, 2), t: gradOf(t), u: gradOf(u) }
    },
    expected: {
      sum: [15, 18, 21, 24],
      mean: [17, 18, 19, 20],
      t: times(24, 1),
      u: times(24, Math.fround(1 / 3)),
    },
  },
  {
    name: 'the gradient of a view has the shape of what was viewed',
    covers: ['ViewBackward', 'AutogradViewMetal'],
    inputs: [ramp([2, 2], 1)],
    run: (t) => {
      tracked(t)
      const sum = t.view([4]).sum()
      sum.backward()
      return { sum, t: gradOf(t) }
    },
    expected: { sum: [10], t: [1, 1, 1, 1] },
  },
  {
    name: 'a step of training by hand',
    covers: [],
    inputs: [ramp([2, 3], 1), { dims: [3, 1], values: [1, -1, 2] }],
    run: (x, w) => {
      const weights = w.clone()
      tracked(weights)
      x.matmul(weights).relu().sum().backward()
      const rate = 0.5
      noGrad(() => weights.sub_(gradOf(weights).mul(rate)))
      return { weights }
    },
    expected: { weights: [-1.5, -4.5, -2.5] },
  },
]

const NUMERICS: readonly Scenario[] = [
  {
    name: 'a safe division gives zero where the divisor is zero',
    covers: [
      'DivSafeMasksZero',
      'DivSafeMasksZeroTruncatedShape',
      'DivSafeResetsOffsets',
      'DivSafeVectorSample',
    ],
    inputs: [ramp([3], 1), ramp([3])],
    run: (a, b) => ({ c: a.div(b, 'safe') }),
    expected: { c: [0, 2, 1.5] },
  },
  {
    name: 'a safe division by the number zero gives zeros',
    covers: ['DivScalarSafeMasksZero'],
    inputs: [ramp([3], 1)],
    run: (a) => ({ c: a.div(0, 'safe') }),
    expected: { c: [0, 0, 0] },
  },
  {
    name: 'sums and means along an axis, which stays or goes',
    covers: [
      'SumAxisDim1',
      'MeanAxisDim1',
      'SumMeanAxisDim1',
      'SumMeanAxisCpuMetal',
      'SumMeanAxisBareShape',
    ],
    inputs: [ramp([2, 3, 4], 1)],
    run: (a) => ({ s: a.sum(1), sk: a.sum(1, 'keep'), m: a.mean(1), mk: a.mean(1, 'keep') }),
    expected: {
      s: [15, 18, 21, 24, 51, 54, 57, 60],
      sk: [15, 18, 21, 24, 51, 54, 57, 60],
      m: [5, 6, 7, 8, 17, 18, 19, 20],
      mk: [5, 6, 7, 8, 17, 18, 19, 20],
    },
  },
]

const BROADCAST: readonly Scenario[] = [
  {
    name: 'one number with a matrix, on either side',
    covers: ['Broadcast.ScalarTensor'],
    inputs: [{ dims: [1], values: [2] }, ramp([2, 3])],
    run: (s, t) => ({ add: s.add(t), mul: s.mul(t), div: t.div(s) }),
    expected: { add: [2, 3, 4, 5, 6, 7], mul: [0, 2, 4, 6, 8, 10], div: [0, 0.5, 1, 1.5, 2, 2.5] },
  },
  {
    name: 'a row with a matrix, on either side',
    covers: ['Broadcast.VectorMatrix'],
    inputs: [{ dims: [1, 4], values: [1, 2, 4, 8] }, ramp([2, 4])],
    run: (v, m) => ({ add: m.add(v), mul: v.mul(m), div: m.div(v) }),
    expected: {
      add: [1, 3, 6, 11, 5, 7, 10, 15],
      mul: [0, 2, 8, 24, 4, 10, 24, 56],
      div: [0, 0.5, 0.5, 0.375, 4, 2.5, 1.5, 0.875],
    },
  },
  {
    name: 'axes of one element against others, in rank 4',
    covers: ['Broadcast.HigherRank'],
    inputs: [ramp([2, 1, 3, 1], 1), { dims: [1, 2, 1, 2], values: [1, 2, 4, 8] }],
    run: (a, b) => ({ add: a.add(b), mul: a.mul(b), div: a.div(b) }),
    expected: {
      add: [2, 3, 3, 4, 4, 5, 5, 9, 6, 10, 7, 11, 5, 6, 6, 7, 7, 8, 8, 12, 9, 13, 10, 14],
      mul: [1, 2, 2, 4, 3, 6, 4, 8, 8, 16, 12, 24, 4, 8, 5, 10, 6, 12, 16, 32, 20, 40, 24, 48],
      div: [
        1, 0.5, 2, 1, 3, 1.5, 0.25, 0.125, 0.5, 0.25, 0.75, 0.375, 4, 2, 5, 2.5, 6, 3, 1, 0.5, 1.25,
        0.625, 1.5, 0.75,
      ],
    },
  },
  {
    name: 'a column with a matrix',
    covers: [],
    inputs: [ramp([2, 3], 1), { dims: [2, 1], values: [10, 100] }],
    run: (a, b) => ({ add: a.add(b), sub: b.sub(a) }),
    expected: { add: [11, 12, 13, 104, 105, 106], sub: [9, 8, 7, 96, 95, 94] },
  },
]

const MODELS: readonly Scenario[] = [
  {
    name: 'rank 8 through transposes, slices and sums',
    covers: ['AddSupportsRankNine'],
    inputs: [ramp([1, 2, 1, 2, 1, 2, 1, 2])],
    run: (t) => ({
      turned: t.permute([7, 6, 5, 4, 3, 2, 1, 0]).add(t.permute([7, 6, 5, 4, 3, 2, 1, 0])),
      summed: t.slice(5, 1, 2).sum([1, 3]),
    }),
    expected: {
      turned: [0, 16, 8, 24, 4, 20, 12, 28, 2, 18, 10, 26, 6, 22, 14, 30],
      summed: [32, 36],
    },
  },
  {
    name: 'products of many matrices, one of them broadcast',
    covers: [],
    inputs: [ramp([2, 2, 2], 1), { dims: [1, 2, 2], values: [0, 1, 1, 0] }],
    run: (a, b) => ({ y: a.matmul(b), z: b.matmul(a) }),
    expected: { y: [2, 1, 4, 3, 6, 5, 8, 7], z: [3, 4, 1, 2, 7, 8, 5, 6] },
  },
  {
    name: 'largest elements and where they are',
    covers: [],
    inputs: [{ dims: [2, 3], values: [1, 5, 5, -1, -2, -3] }],
    run: (t) => ({ max: t.max(1), min: t.min(0), argmax: t.argmax(1).cast('f32') }),
    expected: { max: [5, -1], min: [-1, -2, -3], argmax: [1, 0] },
  },
  {
    name: 'a softmax of equals, down the columns',
    covers: [],
    inputs: [{ dims: [4, 2], values: [1, 2, 1, 2, 1, 2, 1, 2] }],
    run: (t) => ({ p: t.softmax(0) }),
    expected: { p: times(8, 0.25) },
  },
  {
    name: 'rows by number, put together and padded',
    covers: [],
    inputs: [ramp([3, 2]), { dims: [2], values: [2, 0] }],
    run: (t, index) => ({
      rows: t.gather(index.cast('s32')),
      both: t.slice(0, 0, 1).pad([0, 1], [0, 0]),
      flat: t.flip([0, 1]),
    }),
    expected: { rows: [4, 5, 0, 1], both: [0, 0, 1], flat: [5, 4, 3, 2, 1, 0] },
  },
  {
    name: 'a convolution, its pool and the gradients of both',
    covers: [],
    inputs: [ramp([1, 3, 3, 1], 1), { dims: [1, 2, 2, 1], values: [1, 0, 0, -1] }],
    run: (x, k) => {
      tracked(x, k)
      const y = x.conv2d(k)
      y.maxPool2d({ kernel: 2 }).sum().backward()
      return { y, x: gradOf(x), k: gradOf(k) }
    },
    expected: {
      y: [-4, -4, -4, -4],
      x: [1, 0, 0, 0, -1, 0, 0, 0, 0],
      k: [1, 2, 4, 5],
    },
  },
  {
    name: 'numbers to eight bits and back',
    covers: [],
    inputs: [{ dims: [4], values: [-1, -0.25, 0.3, 200] }],
    run: (t) => ({ back: t.quantise(0.5, 1).dequantise(0.5, 1), whole: t.cast('s32').cast('f32') }),
    expected: { back: [-1, 0, 0.5, 63], whole: [-1, 0, 0, 200] },
  },
  {
    name: 'attention that sees one key gives its value',
    covers: [],
    inputs: [ramp([1, 2, 2], 1), ramp([1, 2, 2], 1), ramp([1, 2, 2], 5)],
    run: (q, k, v) => ({ y: q.attention(k, v, { mask: 'causal' }).slice(1, 0, 1) }),
    expected: { y: f32([5, 6]) },
  },
]

export const SCENARIOS: readonly Scenario[] = [
  ...STORAGE,
  ...AUTOGRAD,
  ...NUMERICS,
  ...BROADCAST,
  ...MODELS,
]
