/**
 * What a program folder says of its program, for people and for the command line.
 *
 *     FOLDER/program.bt           the canonical bytes
 *     FOLDER/program.json         this description
 *     FOLDER/weights/DIGEST       each weight, named by its BLAKE3
 *
 * The bytes are the program; the description only gives its numbers names.
 */

import { toHex } from '../base/bytes.ts'
import { valueTypes } from '../program/ir.ts'
import type { TensorType } from '../program/types.ts'
import type { EmittedProgram, Part } from './emit.ts'

export const DESCRIPTION_FORMAT = 1

/** A remark with a stable code. */
export interface Note {
  readonly code: string
  readonly facts: Readonly<Record<string, string | number>>
}

/** Where a program came from. */
export interface Origin {
  readonly format: string
  readonly file: string
  /** BLAKE3 of the file, hex. */
  readonly digest: string
  readonly producer?: string
  readonly opset?: number
}

export interface DescribedTensor {
  readonly name: string
  /** 1 f32, 2 s8, 3 s32. */
  readonly dtype: number
  readonly dims: readonly number[]
}

export interface DescribedOutput extends DescribedTensor {
  /** Names of the classes along the last axis. */
  readonly labels?: readonly string[]
}

export interface DescribedWeight extends DescribedTensor {
  readonly digest: string
  /** What lies in it end to end, when it holds several tensors of the model. */
  readonly parts?: readonly Part[]
}

export interface Description {
  readonly format: typeof DESCRIPTION_FORMAT
  readonly name: string
  /** Digest of the program, hex. */
  readonly program: string
  readonly origin: Origin
  readonly inputs: readonly DescribedTensor[]
  readonly outputs: readonly DescribedOutput[]
  readonly weights: readonly DescribedWeight[]
  readonly notes: readonly Note[]
}

/** @param labels of the last axis of the first output */
export function describe(
  { named, parts }: EmittedProgram,
  about: {
    readonly name: string
    readonly origin: Origin
    readonly notes: readonly Note[]
    readonly labels?: readonly string[]
  },
): Description {
  const { program, inputNames, weightNames, outputNames } = named
  const types = valueTypes(program)
  const told = (name: string, value: number): DescribedTensor => {
    const { dtype, dims } = types[value] as TensorType
    return { name, dtype, dims }
  }
  const { name, origin, notes, labels } = about
  const first = program.inputs.length
  return {
    format: DESCRIPTION_FORMAT,
    name,
    program: toHex(named.digest),
    origin,
    inputs: inputNames.map(told),
    outputs: outputNames.map((output, index) => ({
      ...told(output, program.outputs[index] as number),
      ...(labels === undefined || index > 0 ? {} : { labels }),
    })),
    weights: weightNames.map((weight, index) => ({
      ...told(weight, first + index),
      digest: toHex((program.weights[index] as { readonly digest: Uint8Array }).digest),
      ...(parts[index] === undefined ? {} : { parts: parts[index] }),
    })),
    notes,
  }
}
