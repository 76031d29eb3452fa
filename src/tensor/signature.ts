/**
 * One op on operands of certain types, checked by the program floor as the program that it is.
 *
 * The same few ops come again and again, so a signature is made once and kept; a device may hang
 * what it compiles on it.
 */

import { refuse } from '../base/refusal.ts'
import { checkProgram, PROGRAM_VERSION, valueTypes } from '../program/ir.ts'
import { opNamed } from '../program/ops.ts'
import type { OpDefinition, Program, TensorType } from '../program/types.ts'

export interface Signature {
  readonly definition: OpDefinition
  readonly attrs: readonly bigint[]
  readonly out: TensorType
  /** The op alone: its operands are the inputs. */
  readonly program: Program
}

/** Kept at most; then all are forgotten and made again. */
const SIGNATURES_MAX = 4096
const known = new Map<string, Signature>()

/** @throws RefusalError op_unknown and every code of `checkProgram` */
export function signatureOf(
  name: string,
  args: readonly TensorType[],
  attrs: readonly bigint[],
): Signature {
  const types = args.map(({ dtype, dims }) => `${dtype}[${dims.join(',')}]`)
  const key = `${name} ${types.join(' ')} ${attrs.join(',')}`
  const earlier = known.get(key)
  if (earlier !== undefined) return earlier
  const made = make(name, args, attrs)
  if (known.size >= SIGNATURES_MAX) known.clear()
  known.set(key, made)
  return made
}

function make(name: string, args: readonly TensorType[], attrs: readonly bigint[]): Signature {
  const definition = opNamed(name) ?? refuse('op_unknown', { op: name })
  const program: Program = {
    version: PROGRAM_VERSION,
    inputs: args,
    weights: [],
    ops: [{ op: definition.id, version: definition.version, args: args.map((_, at) => at), attrs }],
    outputs: [args.length],
  }
  checkProgram(program)
  return { definition, attrs, out: valueTypes(program)[args.length] as TensorType, program }
}
