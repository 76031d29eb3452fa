/** `tb-cli program export FOLDER FILE`: the weights of a program folder as one safetensors file. */

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { type NamedTensor, writeSafetensors } from '../../model/safetensors.ts'
import { elementBytes, elementCount } from '../../program/shape.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { type Command, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { readFolderWeights, readProgramFolder } from '../program-folder.ts'

const DTYPES: Readonly<Record<number, string>> = { 1: 'F32', 2: 'I8', 3: 'I32' }

export const run: Command = (context, input) => {
  installNativeHash()
  const source = readProgramFolder(resolve(context.cwd, input.args[0] ?? ''))
  const path = resolve(context.cwd, input.args[1] ?? '')
  const bytes = readFolderWeights(source)
  const tensors = source.description.weights.flatMap((weight, index): NamedTensor[] => {
    const { dtype, dims, name, parts } = weight
    const whole = bytes[index] as Uint8Array
    const kind = DTYPES[dtype] as string
    if (parts === undefined) return [{ name, dtype: kind, dims, bytes: whole }]
    const width = elementBytes(dtype)
    return parts.map((part) => ({
      name: part.name,
      dtype: kind,
      dims: part.dims,
      bytes: whole.subarray(part.start * width, (part.start + elementCount(part.dims)) * width),
    }))
  })
  const file = writeSafetensors(distinct(tensors))
  try {
    writeFileSync(path, file)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return fail(EXIT.failed, 'output_unwritable', { path, reason })
  }
  const result = { ok: true, path, tensors: tensors.length, bytes: file.length }
  report(context, result, () => `${tensors.length} tensors, ${file.length} bytes: ${path}`)
  return Promise.resolve()
}

/** A name that stands twice gets a number. */
function distinct(tensors: readonly NamedTensor[]): NamedTensor[] {
  const seen = new Map<string, number>()
  return tensors.map((tensor) => {
    const count = seen.get(tensor.name) ?? 0
    seen.set(tensor.name, count + 1)
    return count === 0 ? tensor : { ...tensor, name: `${tensor.name}.${count}` }
  })
}
