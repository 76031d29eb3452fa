/**
 * The golden vectors of every op, as a fabric is asked them: one small program each.
 *
 *   test/vectors/program/<op>.json --> program, operands, the one right result
 *
 * The files are compared with `digests.json` beside them before a word of them is believed.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { equalBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { blake3 } from '../../base/hash.ts'
import { RefusalError, refuse } from '../../base/refusal.ts'
import { checkProgram } from '../../program/ir.ts'
import { F32, type Program, S8, S32, type TensorType } from '../../program/types.ts'
import { REPOSITORY_ROOT } from '../../runtime/io/native-addon.ts'
import type { FabricDevice } from './fabric-device.ts'

export const VECTORS_FOLDER: string = join(REPOSITORY_ROOT, 'test/vectors/program')

export interface GoldenVector {
  /** One op on inputs of its own. */
  readonly program: Program
  readonly given: readonly Uint8Array[]
  readonly expected: Uint8Array
}

export interface GoldenSuite {
  /** Name of the op. */
  readonly op: string
  readonly vectors: readonly GoldenVector[]
}

/** How a fabric does on the vectors. */
export interface GoldenVerdict {
  readonly equal: number
  /** Vectors of ops that the fabric does not have. */
  readonly unsupported: number
  /** The first few vectors whose result is another one, or has none. */
  readonly wrong: readonly WrongVector[]
}

export interface WrongVector {
  readonly op: string
  /** Place in the file of the op, from 0. */
  readonly vector: number
  readonly reason: string
}

/** Wrong vectors that are told one by one; a fabric with more is broken anyway. */
export const WRONG_MAX = 16
/** `code` of a run that a fabric refuses because it has no kernel: FABRIC_UNSUPPORTED. */
const UNSUPPORTED = 3

interface VectorTensor {
  readonly dtype: string
  readonly dims: readonly number[]
  readonly hex: string
}

interface VectorText {
  readonly id: number
  readonly version: number
  readonly attrs: readonly string[]
  readonly args: readonly VectorTensor[]
  readonly out: VectorTensor
}

/** Every suite, in the order of the ops. @throws RefusalError vectors_damaged */
export function readGoldenSuites(folder: string = VECTORS_FOLDER): GoldenSuite[] {
  const digests = JSON.parse(readFileSync(join(folder, 'digests.json'), 'utf8')) as object
  return Object.entries(digests).map(([file, digest]) => {
    const text = readFileSync(join(folder, file), 'utf8')
    const found = toHex(blake3(utf8(text)))
    if (found !== digest) refuse('vectors_damaged', { file, found, wanted: String(digest) })
    const vectors = (JSON.parse(text) as readonly VectorText[]).map(vectorOf)
    return { op: file.replace(/\.json$/, ''), vectors }
  })
}

function vectorOf({ id, version, attrs, args, out }: VectorText): GoldenVector {
  const node = { op: id, version, args: args.map((_, place) => place), attrs: attrs.map(BigInt) }
  const inputs = args.map(typeOf)
  const program = { version: 1, inputs, weights: [], ops: [node], outputs: [args.length] }
  checkProgram(program)
  return { program, given: args.map(({ hex }) => fromHex(hex)), expected: fromHex(out.hex) }
}

const DTYPES: Readonly<Record<string, number>> = { f32: F32, s8: S8, s32: S32 }

function typeOf({ dtype, dims }: VectorTensor): TensorType {
  return { dtype: DTYPES[dtype] ?? 0, dims }
}

/** Runs every vector. A fabric that dies is judged by what it had done until then. */
export async function judgeGolden(
  device: FabricDevice,
  suites: readonly GoldenSuite[],
): Promise<GoldenVerdict> {
  const wrong: WrongVector[] = []
  let [equal, unsupported] = [0, 0]
  for (const { op, vectors } of suites) {
    for (const [vector, golden] of vectors.entries()) {
      const said = await ask(device, golden)
      if (said === 'equal') equal++
      else if (said === 'unsupported') unsupported++
      else if (wrong.push({ op, vector, reason: said }) >= WRONG_MAX) {
        return { equal, unsupported, wrong }
      }
    }
  }
  return { equal, unsupported, wrong }
}

/** @returns `equal`, `unsupported`, or what is wrong */
async function ask(device: FabricDevice, golden: GoldenVector): Promise<string> {
  try {
    const { outputs } = await device.run(golden.program, golden.given, [0])
    const made = outputs[0] as Uint8Array
    return equalBytes(made, golden.expected) ? 'equal' : differenceOf(made, golden)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    const { code, facts } = error.refusal
    const isLacking = code === 'fabric_refused' && facts['code'] === UNSUPPORTED
    return isLacking ? 'unsupported' : `${code}: ${String(facts['reason'] ?? '')}`
  }
}

function differenceOf(made: Uint8Array, { expected }: GoldenVector): string {
  const at = expected.findIndex((byte, index) => byte !== made[index])
  return `byte ${at} is ${made[at] ?? 'absent'}, not ${expected[at]}`
}
