/**
 * The `fold` verification, independent of the native one: is every op of a committed trace right?
 *
 *     matmul_s8   Y = A B^T     coins r over Goldilocks; u = B^T r; row m passes if A[m] u = Y[m] r
 *     other ops                 recomputed from the committed operands, byte by byte
 *
 * A wrong product passes with probability at most 1/p, p = 2^64 - 2^32 + 1, because the coins come
 * from the validator's secret and were fixed by nobody before the trace was. A row that fails is
 * recomputed, which gives the element for a fraud proof. An honest trace is never refused.
 *
 * Arithmetic: field elements are cut into four limbs of 16 bits, so that every inner sum is a sum of
 * whole numbers below 2^53 in f64 and exact; only row results become wide integers.
 * Source: docs/reference/numerics.md, section 8; Freivalds 1977.
 */

import { assert } from '../../base/assert.ts'
import { concatBytes, u32Bytes, utf8 } from '../../base/bytes.ts'
import { blake3Keyed } from '../../base/hash.ts'
import { evaluateOp } from '../../program/evaluate.ts'
import { definitionOf, outputValue, valueTypes } from '../../program/ir.ts'
import { lastAxis } from '../../program/shape.ts'
import { firstDifference, s8Elements, s32Elements, tensorOf } from '../../program/tensor.ts'
import type { Program, Tensor, TensorType } from '../../program/types.ts'

/** The Goldilocks prime. */
export const GOLDILOCKS: bigint = 0xffff_ffff_0000_0001n
const COINS_PER_BLOCK = 4
const LIMBS = 4
const LIMB = 0x1_0000
/** Columns after which a sum of 32-bit terms, two to a limb, is reduced: 2^52 at most. */
const COLUMNS_PER_SUM = 0x8_0000

/** The validator's own randomness for one receipt. */
export interface FoldCoins {
  /** 32 bytes, never used for signing. */
  readonly secret: Uint8Array
  readonly receiptId: Uint8Array
}

/** All tensors of a run; their digests have been checked against the receipt. */
export interface FoldTrace {
  readonly inputs: readonly Uint8Array[]
  readonly weights: readonly Uint8Array[]
  /** One per op, in program order. */
  readonly outputs: readonly Uint8Array[]
}

export type FoldVerdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly opIndex: number; readonly element: number }

/** `count` coins below p for the op with this index. */
export function foldCoins(coins: FoldCoins, opIndex: number, count: number): BigUint64Array {
  const label = concatBytes(utf8('bt/fold/1'), coins.receiptId, u32Bytes(opIndex))
  const seed = blake3Keyed(coins.secret, label)
  const drawn = new BigUint64Array(count)
  let filled = 0
  for (let block = 0; filled < count; block++) {
    const bytes = blake3Keyed(seed, u32Bytes(block))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let word = 0; word < COINS_PER_BLOCK && filled < count; word++) {
      const coin = view.getBigUint64(8 * word, true)
      if (coin < GOLDILOCKS) drawn[filled++] = coin
    }
  }
  return drawn
}

/**
 * The first op, in program order, whose committed output does not follow from its committed operands.
 * @param program checked
 * @throws RefusalError tensor_length when bytes do not have the length of their value.
 */
export function foldVerify(program: Program, trace: FoldTrace, coins: FoldCoins): FoldVerdict {
  assert(trace.outputs.length === program.ops.length, 'the trace has one output for every op')
  const types = valueTypes(program)
  const values = [...trace.inputs, ...trace.weights, ...trace.outputs].map((bytes, value) =>
    tensorOf(types[value] as TensorType, bytes),
  )
  for (const [opIndex, node] of program.ops.entries()) {
    const out = values[outputValue(program, opIndex)] as Tensor
    const args = node.args.map((value) => values[value] as Tensor)
    const element =
      definitionOf(node).provable === 'freivalds'
        ? wrongProduct(args, out, foldCoins(coins, opIndex, lastAxis(out.type)))
        : firstDifference(out.type, evaluateOp(node, args, out.type).bytes, out.bytes)
    if (element >= 0) return { kind: 'invalid', opIndex, element }
  }
  return { kind: 'valid' }
}

/** Four planes of `count` limbs, least significant first. */
function planesOf(elements: BigUint64Array): Float64Array[] {
  const planes = Array.from({ length: LIMBS }, () => new Float64Array(elements.length))
  elements.forEach((element, index) => {
    planes.forEach((plane, limb) => {
      plane[index] = Number((element >> BigInt(16 * limb)) & 0xffffn)
    })
  })
  return planes
}

/** The field element whose four limb sums are given; limb sums are whole numbers of either sign. */
function fromLimbSums(sums: readonly number[]): bigint {
  const whole = sums.reduce((total, sum, limb) => total + (BigInt(sum) << BigInt(16 * limb)), 0n)
  const residue = whole % GOLDILOCKS
  return residue < 0n ? residue + GOLDILOCKS : residue
}

/** Number of the first wrong element of Y = A B^T, or -1 when every row passes. */
function wrongProduct(args: readonly Tensor[], out: Tensor, coins: BigUint64Array): number {
  const [a, b] = args.map(s8Elements) as [Int8Array, Int8Array]
  const y = s32Elements(out)
  const [rows, columns] = out.type.dims as readonly [number, number]
  const depth = lastAxis((args[0] as Tensor).type)
  const coinPlanes = planesOf(coins)
  const mixed = planesOf(mixRows(b, columns, depth, coinPlanes))
  for (let row = 0; row < rows; row++) {
    const left = dotS8(a, row * depth, mixed)
    const right = dotS32(y, row * columns, coinPlanes)
    if (left !== right) {
      const element = wrongInRow(a, b, y, row, columns, depth)
      assert(element >= 0, 'a row that fails the check holds a wrong element')
      return element
    }
  }
  return -1
}

/** u = B^T r: |sum| <= columns * 2^16 * 2^7 < 2^53, for a program of 4 GiB has < 2^30 columns. */
function mixRows(
  b: Int8Array,
  columns: number,
  depth: number,
  coinPlanes: readonly Float64Array[],
): BigUint64Array {
  const sums = coinPlanes.map((plane) => {
    const sum = new Float64Array(depth)
    for (let n = 0; n < columns; n++) {
      const coin = plane[n] as number
      const base = n * depth
      for (let k = 0; k < depth; k++) {
        sum[k] = (sum[k] as number) + coin * (b[base + k] as number)
      }
    }
    return sum
  })
  return BigUint64Array.from({ length: depth }, (_, k) =>
    fromLimbSums(sums.map((sum) => sum[k] as number)),
  )
}

/** One row of A times u: |sum| <= 2^16 * 2^16 * 2^7. */
function dotS8(a: Int8Array, base: number, planes: readonly Float64Array[]): bigint {
  return fromLimbSums(
    planes.map((plane) => {
      let sum = 0
      for (let k = 0; k < plane.length; k++) sum += (plane[k] as number) * (a[base + k] as number)
      return sum
    }),
  )
}

/** One row of Y times r, a bounded number of columns at a time. */
function dotS32(y: Int32Array, base: number, planes: readonly Float64Array[]): bigint {
  const columns = (planes[0] as Float64Array).length
  let total = 0n
  for (let from = 0; from < columns; from += COLUMNS_PER_SUM) {
    const to = Math.min(from + COLUMNS_PER_SUM, columns)
    total += partialDotS32(y, base, planes, from, to)
  }
  return total % GOLDILOCKS
}

/** Y in halves of 16 bits: a low half stands at its coin's limb, a high half one limb above. */
function partialDotS32(
  y: Int32Array,
  base: number,
  planes: readonly Float64Array[],
  from: number,
  to: number,
): bigint {
  const sums = new Float64Array(LIMBS + 1)
  planes.forEach((plane, limb) => {
    let low = 0
    let high = 0
    for (let n = from; n < to; n++) {
      const value = y[base + n] as number
      const coin = plane[n] as number
      low += coin * (value & (LIMB - 1))
      high += coin * (value >> 16)
    }
    sums[limb] = (sums[limb] as number) + low
    sums[limb + 1] = (sums[limb + 1] as number) + high
  })
  return fromLimbSums(Array.from(sums))
}

function wrongInRow(
  a: Int8Array,
  b: Int8Array,
  y: Int32Array,
  row: number,
  columns: number,
  depth: number,
): number {
  for (let n = 0; n < columns; n++) {
    let sum = 0
    for (let k = 0; k < depth; k++) {
      sum += (a[row * depth + k] as number) * (b[n * depth + k] as number)
    }
    if (sum !== y[row * columns + n]) return row * columns + n
  }
  return -1
}
