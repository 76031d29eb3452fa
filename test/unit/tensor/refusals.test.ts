/** What cannot be taken is refused with a code, and leaves everything as it was. */

import { strict as check } from 'node:assert'

import { RefusalError } from '../../../src/base/refusal.ts'
import { encodeOpTable } from '../../../src/program/op-table.ts'
import { setDefaultDevice } from '../../../src/tensor/device.ts'
import { loadTensors } from '../../../src/tensor/io/native-tensors.ts'
import type { Dims } from '../../../src/tensor/making.ts'
import { signatureOf } from '../../../src/tensor/signature.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { ramp } from './devices.ts'

const t = Tensor.from(ramp(6), [2, 3])
const bytes = Tensor.from([1, 2, 3], [3], { dtype: 's8' })
const ones = (...dims: number[]): Tensor => Tensor.ones(dims)

const CASES: readonly (readonly [what: string, code: string, run: () => unknown])[] = [
  ['a shape of rank 9', 'shape_rank', () => Tensor.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1])],
  ['a shape of rank 0', 'shape_rank', () => Tensor.zeros([])],
  ['a view of rank 9', 'shape_rank', () => t.view([1, 1, 1, 1, 1, 1, 1, 2, 3])],
  ['an expansion to rank 9', 'shape_rank', () => t.expand([1, 1, 1, 1, 1, 1, 1, 2, 3])],
  ['an empty shape', 'shape_empty', () => Tensor.zeros([2, 0])],
  ['a product that overflows', 'shape_overflow', () => Tensor.zeros([65_536, 65_536, 65_536])],
  ['a product that overflows in a view', 'shape_overflow', () => t.expand([2 ** 31, 2, 3])],
  ['a negative size', 'tensor_dims_malformed', () => Tensor.zeros([-2])],
  ['half a size', 'tensor_dims_malformed', () => Tensor.zeros([1.5])],
  ['a size of 2^32', 'tensor_dims_malformed', () => Tensor.zeros([2 ** 32])],
  ['no list of sizes', 'tensor_dims_malformed', () => Tensor.zeros('ab' as unknown as Dims)],
  [
    'an unknown type',
    'tensor_dtype_unsupported',
    () => Tensor.zeros([1], { dtype: 'f64' as 'f32' }),
  ],
  [
    'an array of doubles',
    'tensor_dtype_unsupported',
    () => Tensor.fromData(new Float64Array(1) as unknown as Float32Array),
  ],
  [
    'too few elements',
    'tensor_length_mismatch',
    () => Tensor.fromData(new Float32Array(5), [2, 3]),
  ],
  ['an empty array', 'shape_empty', () => Tensor.fromData(new Float32Array(0))],
  ['a view of other size', 'tensor_length_mismatch', () => t.view([4])],
  ['a rest that is none', 'tensor_length_mismatch', () => t.reshape([4, -1])],
  ['an axis past the last', 'tensor_axis_unknown', () => t.sum(2)],
  ['half an axis', 'tensor_axis_unknown', () => t.sum(0.5)],
  ['an axis twice', 'tensor_axis_unknown', () => t.sum([0, -2])],
  ['an order that is none', 'tensor_axis_unknown', () => t.permute([0, 0])],
  ['a slice past the end', 'tensor_slice_out_of_range', () => t.slice(1, 1, 4)],
  ['an empty slice', 'tensor_slice_out_of_range', () => t.slice(1, 1, 1)],
  ['a slice backwards', 'tensor_slice_out_of_range', () => t.slice(1, 0, 3, -1)],
  ['a slice that stands', 'tensor_slice_out_of_range', () => t.slice(1, 0, 3, 0)],
  ['a negative stride', 'tensor_stride_negative', () => t.strided([2, 2], [-1, 1])],
  [
    'a negative stride of data',
    'tensor_stride_negative',
    () => Tensor.fromData(new Float32Array(4), [2], { strides: [-1], offset: 3 }),
  ],
  ['a stride past the end', 'tensor_stride_out_of_range', () => t.strided([2, 3], [4, 1])],
  ['an offset past the end', 'tensor_stride_out_of_range', () => t.strided([1], [1], 6)],
  ['windows that overlap', 'tensor_layout_unsupported', () => t.strided([3, 3], [1, 1])],
  ['shapes that do not broadcast', 'tensor_broadcast_mismatch', () => t.add(ones(4))],
  ['a target that would grow', 'tensor_broadcast_mismatch', () => ones(3).copy_(t)],
  ['a sum in place that would grow', 'tensor_broadcast_mismatch', () => ones(3).add_(t)],
  ['a copy of another type', 'tensor_dtype_mismatch', () => bytes.clone().copy_(ones(3))],
  ['numbers of two types', 'tensor_dtype_mismatch', () => t.add(t.cast('s32'))],
  ['bytes and bytes', 'tensor_dtype_mismatch', () => bytes.add(bytes)],
  ['a quotient of integers', 'tensor_dtype_mismatch', () => t.cast('s32').div(2)],
  ['a mean of integers', 'dtype_mismatch', () => bytes.mean()],
  ['a product of two types', 'tensor_dtype_mismatch', () => ones(1, 3).matmul(bytes.view([3, 1]))],
  ['a product of vectors', 'shape_rank', () => ones(3).matmul(ones(3))],
  ['depths that differ', 'shape_mismatch', () => t.matmul(t)],
  ['a zero as divisor', 'tensor_division_by_zero', () => t.div(0)],
  ['a divisor with a zero', 'tensor_division_by_zero', () => ones(2, 3).div(t)],
  ['a divisor too small to be loaded', 'tensor_division_by_zero', () => t.div(1e-40)],
  ['a factor without end', 'attribute_out_of_range', () => t.mul(Number.POSITIVE_INFINITY)],
  ['a scale of zero', 'attribute_out_of_range', () => t.quantise(0)],
  ['a zero point past a byte', 'attribute_out_of_range', () => t.quantise(1, 200)],
  ['several elements as one', 'tensor_not_scalar', () => t.item()],
  ['the array of a transpose', 'tensor_not_contiguous', () => t.transpose().data()],
  ['a device that is none', 'tensor_device_unknown', () => t.to('abacus')],
  ['a default device that is none', 'tensor_device_unknown', () => setDefaultDevice('abacus')],
  ['a plugin that is absent', 'tensor_device_unavailable', () => t.to('./no/such/fabric.so')],
  ['a concatenation of s32', 'op_unknown', () => Tensor.concat([t.cast('s32'), t.cast('s32')])],
  [
    'a convolution that does not fit',
    'shape_mismatch',
    () => ones(1, 2, 2, 1).conv2d(ones(1, 3, 3, 1)),
  ],
]

describe('the tensor room refuses', () => {
  for (const [what, code, run] of CASES) {
    it(`${what}: ${code}`, () => {
      check.throws(run, (error) => error instanceof RefusalError && error.refusal.code === code)
      check.deepEqual([...t.toArray()], ramp(6))
    })
  }
})

describe('the native door', () => {
  const native = loadTensors()
  const { program } = signatureOf('relu_f32', [{ dtype: 1, dims: [4] }], [])
  const table = encodeOpTable(program)
  const memory = new Uint8Array(64)

  it('takes no output in the memory of another value', () => {
    const refused = native.tensorRun(table, [memory.subarray(0, 16), memory.subarray(12, 28)])
    check.equal(refused, 'an output lies in the memory of another value')
  })

  it('takes no memory of another length, and none between elements', () => {
    check.match(
      native.tensorRun(table, [memory.subarray(0, 16), memory.subarray(16, 28)]) ?? '',
      /size/,
    )
    check.match(
      native.tensorRun(table, [memory.subarray(1, 17), memory.subarray(32, 48)]) ?? '',
      /aligned/,
    )
    check.match(native.tensorRun(table, [memory.subarray(0, 16)]) ?? '', /number of values/)
    check.match(native.tensorRun(table.slice(1), []) ?? '', /./)
  })

  it('throws for what is no call, and knows no number that it has not given', () => {
    for (const wrong of [
      () => native.tensorRun(table, [1 as unknown as Uint8Array]),
      () => native.deviceTake(99, 4, 'x'),
      () => native.deviceGive(99, 1),
      () => native.deviceRun(99, table, []),
      () => native.memoryPlace('x' as unknown as Uint8Array),
    ]) {
      check.throws(wrong, TypeError)
    }
  })
})
