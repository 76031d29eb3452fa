/** Results that the runtime of the seed plan got wrong, by name, on every device. */

import { strict as check } from 'node:assert'

import { RefusalError } from '../../../src/base/refusal.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { DEVICES, ramp, titleOf } from './devices.ts'

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof RefusalError && error.refusal.code === code
}

for (const device of DEVICES) {
  const of = (values: readonly number[], dims: readonly number[]): Tensor =>
    Tensor.from(values, dims, { device })

  describe(`the defects of the seed plan's runtime, on ${titleOf(device)}`, () => {
    it('row sums of a slice: its offset counts once', () => {
      const part = of(ramp(8, 1), [4, 2]).slice(0, 1, 3)
      check.deepEqual([...part.sum(1).toArray()], [7, 11])
      check.deepEqual([...of(ramp(8), [4, 2]).slice(0, 1, 3).sum(1).toArray()], [5, 9])
    })

    it('a matrix product with a transposed view: strides are seen', () => {
      const turned = of(ramp(6, 1), [2, 3]).transpose(0, 1)
      const unit = of([1, 0, 0, 1], [2, 2])
      check.deepEqual([...turned.matmul(unit).toArray()], [1, 4, 2, 5, 3, 6])
    })

    it('a sum over a strided view: what lies between is not added', () => {
      check.equal(of([1, 4, 6, 9], [4]).slice(0, 0, 4, 2).sum().item(), 7)
    })

    it('2x3 by 2x3: refused, nothing is read past the end', () => {
      const a = of(ramp(6), [2, 3])
      check.throws(() => a.matmul(a), refusedWith('shape_mismatch'))
    })

    it('bytes plus bytes: refused, nothing is written past the end', () => {
      const bytes = Tensor.fromData(Int8Array.of(1, 2, 3, 4), [4], { device })
      check.throws(() => bytes.add(bytes), refusedWith('tensor_dtype_mismatch'))
      const unsigned = Uint8Array.of(1, 2) as unknown as Int8Array
      check.throws(
        () => Tensor.fromData(unsigned, [2], { device }),
        refusedWith('tensor_dtype_unsupported'),
      )
    })

    it('a view of a transposed tensor: a reason or a copy, never other elements', () => {
      const turned = of(ramp(6, 1), [2, 3]).transpose(0, 1)
      check.throws(() => turned.view([6]), refusedWith('tensor_view_impossible'))
      check.deepEqual([...turned.reshape([6]).toArray()], [1, 4, 2, 5, 3, 6])
    })

    it('2x3 plus 1x3: a row is a row on every device', () => {
      const [a, b] = [of([0, 1, 2, 3, 4, 5], [2, 3]), of([10, 20, 30], [1, 3])]
      check.deepEqual([...a.add(b).toArray()], [10, 21, 32, 13, 24, 35])
      check.deepEqual([...b.add(a).toArray()], [10, 21, 32, 13, 24, 35])
    })
  })
}
