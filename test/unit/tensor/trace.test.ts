/** Traces: what becomes of constants, dead ends, inputs and outputs, and what is refused. */

import { strict as check } from 'node:assert'

import { RefusalError } from '../../../src/base/refusal.ts'
import { decodeProgram } from '../../../src/program/ir.ts'
import { OPS } from '../../../src/program/ops.ts'
import { adamStep, sgdStep } from '../../../src/tensor/optimiser.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { type Traced, trace } from '../../../src/tensor/trace.ts'
import { ramp } from './devices.ts'

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof RefusalError && error.refusal.code === code
}

const square = { dims: [2, 2] }

function namesOf(body: (...inputs: Tensor[]) => Traced, inputs: number): string[] {
  const specs = Array.from({ length: inputs }, () => square)
  return trace(body, specs).program.ops.map(({ op }) => OPS.find(({ id }) => id === op)?.name ?? '')
}

describe('a trace', () => {
  it('is a program that its decoder takes, with the names given', () => {
    const named = trace(
      (x, w) => ({ y: x.matmul(w) }),
      [{ ...square, name: 'x' }, Tensor.ones([2, 3])],
    )
    check.deepEqual([named.inputNames, named.outputNames], [['x', 'x1'], ['y']])
    check.deepEqual(
      decodeProgram(named.bytes).inputs.map(({ dims }) => dims),
      [
        [2, 2],
        [2, 3],
      ],
    )
  })

  it('takes a transposed right side as it lies, and computes nothing twice', () => {
    check.deepEqual(
      namesOf((x, w) => x.matmul(w.transpose()), 2),
      ['matmul_f32'],
    )
    check.deepEqual(
      namesOf((x) => x.relu().add(x.relu()), 1),
      ['relu_f32', 'add_f32'],
    )
    check.deepEqual(
      namesOf((x) => x.view([4]).relu().view([2, 2]), 1),
      ['reshape_f32', 'relu_f32', 'reshape_f32'],
    )
  })

  it('holds what it takes from outside once, as it was', () => {
    const table = Tensor.from(ramp(4), [2, 2])
    const named = trace(
      (x) =>
        x
          .add(table)
          .mul(table.transpose())
          .add(Tensor.from(ramp(4), [2, 2])),
      [square],
    )
    table.fill_(9)
    check.equal(named.weights.length, 2)
    check.deepEqual([...new Float32Array((named.weights[0] as Uint8Array).slice().buffer)], ramp(4))
  })

  it('leaves out what leads nowhere, and refuses an input that does', () => {
    check.deepEqual(
      namesOf((x) => {
        x.exp().add(Tensor.ones([2, 2]))
        return x.relu()
      }, 1),
      ['relu_f32'],
    )
    check.throws(() => namesOf((x) => x.relu(), 2), refusedWith('trace_input_unused'))
  })

  it('gives an input, or one value twice, as outputs of their own', () => {
    check.deepEqual(
      namesOf((x) => [x, x], 1),
      ['reshape_f32', 'reshape_f32'],
    )
    check.deepEqual(
      namesOf((x) => x.transpose(), 1),
      ['transpose_f32'],
    )
  })

  it('refuses to look at a value', () => {
    for (const look of [
      (x: Tensor) => x.item(),
      (x: Tensor) => x.data(),
      (x: Tensor) => x.toArray(),
      (x: Tensor) => x.digest(),
      (x: Tensor) => x.to('cpu'),
    ]) {
      check.throws(
        () =>
          trace(
            (x) => {
              look(x)
              return x.relu()
            },
            [{ dims: [1] }],
          ),
        refusedWith('trace_value_unknown'),
      )
    }
  })

  it('refuses outputs that it did not make', () => {
    check.throws(() => trace(() => Tensor.ones([1]), []), refusedWith('trace_output_foreign'))
    check.throws(() => trace(() => [], [square]), refusedWith('trace_output_foreign'))
  })

  it('ends: its tensors are of no use afterwards, nor in another', () => {
    const kept: Tensor[] = []
    trace(
      (x) => {
        kept.push(x)
        return x.relu()
      },
      [square],
    )
    check.throws(() => kept[0]?.relu(), refusedWith('trace_ended'))
    check.throws(
      () => trace((y) => y.add(kept[0] as Tensor), [square]),
      refusedWith('tensor_device_mismatch'),
    )
  })

  it('divides as the format does, for it cannot look', () => {
    check.deepEqual(
      namesOf((x, y) => x.div(y), 2),
      ['div_f32'],
    )
  })

  it('is a whole step of training: forward, backward, update', () => {
    const step = (x: Tensor, w: Tensor, m: Tensor, v: Tensor): Traced => {
      w.requiresGrad = true
      x.matmul(w).silu().mean().backward()
      const grad = w.grad as Tensor
      const next = adamStep(w, grad, { mean: m, square: v }, 3)
      return {
        sgd: sgdStep(w, grad, 0.5),
        adam: next.parameter,
        m: next.moments.mean,
        v: next.moments.square,
      }
    }
    const named = trace(step, [square, square, square, square])
    check.equal(named.program.outputs.length, 4)
  })

  it('writes no integers in part: there is no op for it', () => {
    check.throws(
      () =>
        trace(
          (x) => {
            const whole = x.clone()
            whole.slice(0, 0, 1).fill_(1)
            return whole
          },
          [{ dims: [2], dtype: 's32' }],
        ),
      refusedWith('tensor_layout_unsupported'),
    )
  })
})
