/**
 * The table of ops: one entry is everything that is known of an op.
 *
 *     shape   types in -> type out          work    static cost
 *     window  element -> operands it needs  run     the scalar loop
 *     reach   the most that any window needs
 *
 * The entries stand in `ops/`, a file for each family. Ids and versions are part of the protocol: an
 * entry is never changed, only added to; other bits are a new version under the same id.
 * Source: docs/reference/numerics.md, section 6, which gives each loop.
 */

import { ARITHMETIC } from './ops/arithmetic.ts'
import { ATTENTION } from './ops/attention.ts'
import { CONVERSIONS } from './ops/conversion.ts'
import { CONVOLUTIONS } from './ops/convolution.ts'
import type { Entry } from './ops/entry.ts'
import { MOVEMENT } from './ops/movement.ts'
import { POINTWISE } from './ops/pointwise.ts'
import { POOLS } from './ops/pools.ts'
import { PRODUCTS } from './ops/products.ts'
import { ROWS } from './ops/rows.ts'
import type { OpDefinition } from './types.ts'
import { reachOfFirst } from './windows.ts'

const VERSION_1: readonly Entry[] = [
  ...PRODUCTS,
  ...CONVOLUTIONS,
  ...ATTENTION,
  ...ARITHMETIC,
  ...CONVERSIONS,
  ...POINTWISE,
  ...ROWS,
  ...POOLS,
  ...MOVEMENT,
].sort((left, right) => left.id - right.id)

/** All ops, in order of id and version. */
export const OPS: readonly OpDefinition[] = VERSION_1.map((entry) => ({
  attributes: [],
  provable: 'recompute',
  reach: reachOfFirst(entry.window),
  ...entry,
  version: 1,
}))

const BY_KEY: ReadonlyMap<number, OpDefinition> = new Map(
  OPS.map((op) => [key(op.id, op.version), op]),
)
const BY_NAME: ReadonlyMap<string, OpDefinition> = new Map(OPS.map((op) => [op.name, op]))
const IDS: ReadonlySet<number> = new Set(OPS.map((op) => op.id))

function key(id: number, version: number): number {
  return id * 0x1_0000 + version
}

/** The definition, or undefined when the id or the version is not known. */
export function findOp(id: number, version: number): OpDefinition | undefined {
  return BY_KEY.get(key(id, version))
}

export function isOpId(id: number): boolean {
  return IDS.has(id)
}

/** The latest version of the op called `name`. */
export function opNamed(name: string): OpDefinition | undefined {
  return BY_NAME.get(name)
}
