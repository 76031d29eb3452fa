/** One model with operands, and how near to each other two runtimes must come on it. */

import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import {
  type AttributeSpec,
  type DtypeName,
  oneNode,
  type TensorSpec,
  type ValueSpec,
} from '../unit/model/onnx-writer.ts'

/** |a - b| <= absolute + relative |b|. */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

export const EXACT: Tolerance = { absolute: 0, relative: 0 }
/** Single functions: a few units in the last place. */
export const FUNCTION: Tolerance = { absolute: 1e-7, relative: 2e-6 }
/** Sums of tens of products, in another order. */
export const SUM: Tolerance = { absolute: 2e-6, relative: 2e-6 }
/** Whole networks. */
export const NETWORK: Tolerance = { absolute: 2e-5, relative: 2e-5 }

export interface Operand {
  readonly name: string
  readonly dtype: DtypeName
  readonly dims: readonly number[]
  readonly values: readonly number[]
}

export interface OracleCase {
  readonly name: string
  /** The ONNX op it is about; undefined for networks. */
  readonly op: string | undefined
  readonly model: Uint8Array
  readonly operands: readonly Operand[]
  readonly tolerance: Tolerance
}

/** An operand that is given at run time: sizes, and where its numbers come from. */
export interface Drawn {
  readonly dims: readonly number[]
  readonly dtype?: DtypeName
  readonly from?: number
  readonly to?: number
}

/** Numbers even in [from, to); whole ones for integers. */
export function drawn(
  rng: SeededRng,
  { dims, dtype = 'float', from = -2, to = 2 }: Drawn,
): number[] {
  const count = dims.reduce((product, size) => product * size, 1)
  return Array.from({ length: count }, () => {
    const value = from + (rng.u32() / 0x1_0000_0000) * (to - from)
    return dtype === 'float' ? Math.fround(value) : Math.floor(value)
  })
}

export interface OpOptions {
  readonly attributes?: Readonly<Record<string, AttributeSpec>>
  readonly opset?: number
  readonly outputs?: readonly DtypeName[]
  readonly tolerance?: Tolerance
  readonly label?: string
}

/** A model of one node; operands with `values` are weights of the model. */
export function opCase(
  op: string,
  inputs: readonly (Drawn | TensorSpec)[],
  { tolerance = EXACT, label = '', ...options }: OpOptions = {},
): OracleCase {
  const specs = inputs.map((input): Omit<ValueSpec, 'name'> | TensorSpec =>
    'values' in input ? input : { dims: input.dims, dtype: input.dtype ?? 'float' },
  )
  const rng = new SeededRng(inputs.length + op.length)
  const operands = inputs.flatMap((input, index): Operand[] =>
    'values' in input
      ? []
      : [
          {
            name: `x${index}`,
            dtype: input.dtype ?? 'float',
            dims: input.dims,
            values: drawn(rng, input),
          },
        ],
  )
  const name = label === '' ? op : `${op} ${label}`
  return { name, op, model: oneNode(op, specs, options), operands, tolerance }
}
