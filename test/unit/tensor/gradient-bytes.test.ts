/** Gradients as bytes: one encoding, a digest for each group, and nothing malformed is taken. */

import { strict as check } from 'node:assert'
import fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { RefusalError } from '../../../src/base/refusal.ts'
import { parseGradients, serialiseGradients } from '../../../src/tensor/gradient-bytes.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { REMOTE } from './devices.ts'

function trained(device: string): {
  readonly w: Tensor
  readonly b: Tensor
  readonly idle: Tensor
} {
  const make = (values: readonly number[], dims: readonly number[]): Tensor => {
    const tensor = Tensor.from(values, dims, { device })
    tensor.requiresGrad = true
    return tensor
  }
  const [w, b, idle] = [make([1, 2, 3, 4], [2, 2]), make([1, 1], [2]), make([5], [1])]
  const x = Tensor.from([1, -1, 2, 0.5], [2, 2], { device })
  x.matmul(w).add(b).gelu().sum().backward()
  return { w, b, idle }
}

function bytesOn(device: string): Uint8Array {
  const { w, b, idle } = trained(device)
  return serialiseGradients({ layer: [w, b], 'a/idle': idle })
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal.code
    throw error
  }
  return 'taken'
}

describe('serialised gradients', () => {
  const { w, b } = trained('cpu')
  const bytes = bytesOn('cpu')

  it('come back as they were, in order of their groups', () => {
    const groups = parseGradients(bytes)
    check.deepEqual(
      groups.map(({ name, dims }) => [name, dims]),
      [
        ['a/idle', [[1]]],
        ['layer', [[2, 2], [2]]],
      ],
    )
    check.deepEqual([...(groups[0]?.tensors[0] ?? [])], [0], 'no gradient is zeros')
    check.deepEqual(groups[1]?.tensors, [w.grad?.toArray(), b.grad?.toArray()])
  })

  it('have the digest of the tensor where a group has one', () => {
    const [group] = parseGradients(serialiseGradients({ w }))
    check.equal(toHex(group?.digest ?? new Uint8Array()), w.grad?.digest())
  })

  it('are the same bytes from every device, and in whatever order groups are named', () => {
    check.deepEqual(bytesOn('reference'), bytes)
    check.deepEqual(bytesOn(REMOTE), bytes)
    check.deepEqual(serialiseGradients({ b, w }), serialiseGradients({ w, b }))
  })

  it('are refused when one byte is another', () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ 0x40
      const code = codeOf(() => parseGradients(damaged))
      // A letter of a name may become another letter: names are not under the digest of a group.
      if (code === 'taken')
        check.notDeepEqual(
          parseGradients(damaged).map(({ name }) => name),
          ['a/idle', 'layer'],
        )
    }
  })

  it('are refused when cut off or followed by anything', () => {
    for (let length = 0; length < bytes.length; length++) {
      check.notEqual(
        codeOf(() => parseGradients(bytes.slice(0, length))),
        'taken',
      )
    }
    check.equal(
      codeOf(() => parseGradients(new Uint8Array([...bytes, 0]))),
      'gradients_malformed',
    )
  })

  it('are refused with elements that no op stores, whatever the digest says', () => {
    const subnormal = Tensor.fromData(Float32Array.of(1e-42))
    subnormal.requiresGrad = true
    const plain = Tensor.ones([1])
    plain.requiresGrad = true
    plain.sum().backward()
    plain.grad?.data().set([1e-42])
    check.equal(
      codeOf(() => parseGradients(serialiseGradients({ plain }))),
      'gradients_malformed',
    )
  })

  it('take names that are words, at least one group, and one tensor in each', () => {
    for (const groups of [{}, { 'two words': w }, { '': w }, { w: [] }, { ['x'.repeat(129)]: w }]) {
      check.equal(
        codeOf(() => serialiseGradients(groups)),
        'gradients_malformed',
      )
    }
  })

  it('survive any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        check.notEqual(
          codeOf(() => parseGradients(noise)),
          'taken',
        )
        const headed = new Uint8Array([...bytes.slice(0, 8), ...noise])
        check.notEqual(
          codeOf(() => parseGradients(headed)),
          'taken',
        )
      }),
    )
  })
})
