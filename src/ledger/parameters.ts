/**
 * The parameter sets in force over time: each version from its height on, none ever changed.
 *
 * A job is judged by the version in force at its match height, so versions stay in state.
 */

import { assert } from '../base/assert.ts'
import { container, list, u32, u64 } from '../base/codec.ts'
import { type Params, paramsFromValues, paramValues } from '../governance/params.ts'
import { numberKey, type Reader, table, type View } from './state.ts'

const ParamSetCodec = container({ height: u64, values: list(u64, 256) })
const PARAM_SETS = table('param-sets', ParamSetCodec)
const ActiveCodec = container({ version: u32 })
const ACTIVE = table('param-active', ActiveCodec)

export interface ActiveParams {
  readonly version: number
  readonly params: Params
}

export function activeParams(reader: Reader): ActiveParams {
  const version = reader.get(ACTIVE, 'params')?.version
  assert(version !== undefined, 'parameters are set in genesis')
  return { version, params: paramsAt(reader, version) }
}

export function paramsAt(reader: Reader, version: number): Params {
  const set = reader.get(PARAM_SETS, numberKey(version))
  assert(set !== undefined, 'every version that is named is kept')
  return paramsFromValues(set.values)
}

/** The height from which a version has been in force. */
export function paramsHeight(reader: Reader, version: number): bigint {
  return reader.get(PARAM_SETS, numberKey(version))?.height ?? 0n
}

/** The values that were in force at `height`. */
export function paramsInForceAt(reader: Reader, height: bigint): Params {
  let { version } = activeParams(reader)
  while (version > 0 && paramsHeight(reader, version) > height) version -= 1
  return paramsAt(reader, version)
}

/** Puts new values in force from `height` on. @returns the new version. */
export function enactParams(view: View, params: Params, height: bigint): number {
  const before = view.get(ACTIVE, 'params')?.version
  const version = before === undefined ? 0 : before + 1
  view.put(PARAM_SETS, numberKey(version), { height, values: paramValues(params) })
  view.put(ACTIVE, 'params', { version })
  return version
}
