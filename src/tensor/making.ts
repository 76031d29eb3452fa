/** New tensors: of one number, of zeros, or over the elements of a typed array. */

import { refuse } from '../base/refusal.ts'
import { elementCount } from '../program/shape.ts'
import type { TensorType } from '../program/types.ts'
import { type Device, defaultDevice, deviceNamed } from './device.ts'
import { bytesOver, type DtypeName, dtypeCode, dtypeOf, type Elements } from './dtype.ts'
import { checkDims } from './layout.ts'
import { reshape, slice, strided } from './ops/shape.ts'
import { type View, viewOf } from './view.ts'
import { filled } from './write.ts'

export type Dims = readonly number[]

export interface TensorOptions {
  /** f32 when absent. */
  readonly dtype?: DtypeName
  /** The default device when absent. */
  readonly device?: string
  /** The owner, as the profile names it. */
  readonly label?: string
}

export interface DataOptions {
  readonly device?: string
  readonly label?: string
  /** Called once when the memory is no longer used by any tensor. */
  readonly deleter?: () => void
  /** Elements from one index to the next along each axis; side by side when absent. */
  readonly strides?: Dims
  /** Of the first element. */
  readonly offset?: number
}

function deviceOf(name: string | undefined): Device {
  return name === undefined ? defaultDevice() : deviceNamed(name)
}

function typeOf(dims: Dims, { dtype = 'f32' }: TensorOptions): TensorType {
  const code = dtypeCode(dtype)
  checkDims(code, dims)
  return { dtype: code, dims: [...dims] }
}

export function zerosOf(dims: Dims, options: TensorOptions): View {
  const type = typeOf(dims, options)
  const device = deviceOf(options.device)
  const { label = 'zeros' } = options
  return viewOf({ device, type, block: device.zeros(type, label), label })
}

export function fullOf(dims: Dims, value: number, options: TensorOptions): View {
  return filled(deviceOf(options.device), typeOf(dims, options), value, options.label ?? 'full')
}

/** @throws RefusalError tensor_length_mismatch and, with strides, those of `strided` */
export function overData(data: Elements, dims: Dims | undefined, options: DataOptions): View {
  const { label = 'data', deleter, strides, offset = 0 } = options
  const dtype = dtypeOf(data)
  const wanted = dims ?? [data.length]
  checkDims(dtype, wanted)
  checkDims(dtype, [data.length])
  if (strides === undefined && elementCount(wanted) !== data.length - offset) {
    const elements = data.length - offset
    refuse('tensor_length_mismatch', { dims: wanted.join(','), elements })
  }
  const device = deviceOf(options.device)
  const type = { dtype, dims: [data.length] }
  const block = device.adopt(type, bytesOver(data), label)
  const row = viewOf({ device, type, block, label, deleter })
  if (strides !== undefined) return strided(row, wanted, strides, offset)
  return reshape(offset === 0 ? row : slice(row, 0, offset, data.length, 1), wanted)
}
