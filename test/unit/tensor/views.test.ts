/** Views of views of views name the elements they should, and every device brings them in order. */

import { strict as check } from 'node:assert'
import fc from 'fast-check'

import { evaluate } from '../../../src/program/evaluate.ts'
import { producerOf } from '../../../src/program/ir.ts'
import {
  bytesOver,
  type DtypeName,
  dtypeCode,
  elementsFrom,
  elementsOver,
} from '../../../src/tensor/dtype.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { trace } from '../../../src/tensor/trace.ts'
import { DEVICES, ramp, titleOf } from './devices.ts'

/** One step of a chain of views; numbers are brought into range where they are used. */
interface Turn {
  readonly kind: 'permute' | 'slice' | 'reshape' | 'expand'
  readonly picks: readonly number[]
}

const turns = fc.array(
  fc.record({
    kind: fc.constantFrom<Turn['kind']>('permute', 'slice', 'slice', 'reshape', 'expand'),
    picks: fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 }),
  }),
  { maxLength: 5 },
)
const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 })

/** A plain model of a tensor: its dimensions and its elements in row-major order. */
interface Model {
  readonly dims: readonly number[]
  readonly values: readonly number[]
}

const sizeOf = (dims: readonly number[]): number =>
  dims.reduce((product, size) => product * size, 1)

function indexed(dims: readonly number[], visit: (index: readonly number[]) => number): number[] {
  return Array.from({ length: sizeOf(dims) }, (_, at) => {
    let rest = at
    const index = dims.map(() => 0)
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = rest % (dims[axis] as number)
      rest = Math.floor(rest / (dims[axis] as number))
    }
    return visit(index)
  })
}

function elementAt({ dims, values }: Model, index: readonly number[]): number {
  return values[index.reduce((at, place, axis) => at * (dims[axis] as number) + place, 0)] as number
}

function turned(tensor: Tensor, model: Model, { kind, picks }: Turn): [Tensor, Model] {
  const { dims } = model
  const rank = dims.length
  const [first, second, third, fourth] = picks as [number, number, number, number]
  switch (kind) {
    case 'permute': {
      const order = ramp(rank).sort(
        (left, right) => ((left * first + second) % 7) - ((right * first + second) % 7),
      )
      const to = order.map((axis) => dims[axis] as number)
      const values = indexed(to, (index) =>
        elementAt(
          model,
          ramp(rank).map((axis) => index[order.indexOf(axis)] as number),
        ),
      )
      return [tensor.permute(order), { dims: to, values }]
    }
    case 'slice': {
      const axis = first % rank
      const size = dims[axis] as number
      const start = second % size
      const end = start + 1 + (third % (size - start))
      const step = 1 + (fourth % 3)
      const to = dims.with(axis, Math.ceil((end - start) / step))
      const values = indexed(to, (index) =>
        elementAt(model, index.with(axis, start + (index[axis] as number) * step)),
      )
      return [tensor.slice(axis, start, end, step), { dims: to, values }]
    }
    case 'reshape': {
      const size = sizeOf(dims)
      const inner = ramp(size, 1).filter((each) => size % each === 0)
      const last = inner[first % inner.length] as number
      const to = second % 2 === 0 ? [size / last, last] : [size / last, 1, last]
      return [tensor.reshape(to), { dims: to, values: model.values }]
    }
    case 'expand': {
      if (rank > 5 || sizeOf(dims) > 200) return [tensor, model]
      const to = [1 + (first % 2), ...dims.map((size) => (size === 1 ? 1 + (second % 3) : size))]
      const values = indexed(to, (index) =>
        elementAt(
          model,
          index.slice(1).map((place, axis) => (dims[axis] === 1 ? 0 : place)),
        ),
      )
      return [tensor.expand(to), { dims: to, values }]
    }
  }
}

function chained(tensor: Tensor, model: Model, chain: readonly Turn[]): [Tensor, Model] {
  return chain.reduce(([t, m], turn) => turned(t, m, turn), [tensor, model] as [Tensor, Model])
}

const runs = { numRuns: 60 }

describe('views', () => {
  for (const device of DEVICES) {
    for (const dtype of ['f32', 's8', 's32'] as const) {
      it(`name the elements they should: ${dtype} on ${titleOf(device)}`, () => {
        fc.assert(
          fc.property(shapes, turns, (dims, chain) => {
            const values = ramp(sizeOf(dims), 1)
            const base = Tensor.from(values, dims, { device, dtype })
            const [view, model] = chained(base, { dims, values }, chain)
            check.deepEqual(view.dims, model.dims)
            check.deepEqual([...view.contiguous().toArray()], model.values)
            check.deepEqual([...view.toArray()], model.values)
          }),
          runs,
        )
      })
    }
  }

  it('are brought in order by the same ops in a program', () => {
    fc.assert(
      fc.property(shapes, turns, (dims, chain) => {
        const values = ramp(sizeOf(dims), 1)
        const [, model] = chained(Tensor.from(values, dims), { dims, values }, chain)
        const { program, weights } = trace(
          (x) => chained(x, { dims, values }, chain)[0],
          [{ dims }],
        )
        const made = evaluate(program, [bytesOver(Float32Array.from(values))], weights)
        const out = made[producerOf(program, program.outputs[0] as number)] as Uint8Array
        check.deepEqual([...elementsOver(1, out)], model.values)
      }),
      runs,
    )
  })

  for (const device of DEVICES) {
    it(`are written to where they lie, and nowhere else: on ${titleOf(device)}`, () => {
      fc.assert(
        fc.property(shapes, turns, (dims, chain) => {
          const written = chain.filter(({ kind }) => kind !== 'expand')
          const values = ramp(sizeOf(dims), 1)
          const base = Tensor.from(values, dims, { device })
          const [view, model] = chained(base, { dims, values }, written)
          if (!view.isAliasOf(base)) return
          view.mul_(-1)
          const wanted = values.map((value) => (model.values.includes(value) ? -value : value))
          check.deepEqual([...base.toArray()], wanted)
        }),
        runs,
      )
    })
  }

  it('compute as their copies do, whatever their layout', () => {
    fc.assert(
      fc.property(shapes, turns, (dims, chain) => {
        const base = Tensor.from(ramp(sizeOf(dims), 1), dims)
        const [view] = chained(base, { dims, values: ramp(sizeOf(dims), 1) }, chain)
        const copy = Tensor.from(view.toArray(), view.dims)
        for (const op of [
          (t: Tensor) => t.sum(),
          (t: Tensor) => t.sum(0),
          (t: Tensor) => t.softmax(-1),
          (t: Tensor) => t.add(t),
          (t: Tensor) => t.mul(t.slice(0, 0, 1)),
          (t: Tensor) => t.argmax(-1),
        ]) {
          check.equal(op(view).digest(), op(copy).digest())
        }
      }),
      runs,
    )
  })

  it('of integers too', () => {
    const dtypes: readonly DtypeName[] = ['s8', 's32']
    for (const dtype of dtypes) {
      const base = Tensor.fromData(elementsFrom(dtypeCode(dtype), ramp(6)), [2, 3])
      const picked = base.transpose().slice(0, 0, 3, 2)
      check.deepEqual([...picked.toArray()], [0, 3, 2, 5])
      check.deepEqual([...picked.argmax(0).toArray()], [1, 1])
    }
  })
})
