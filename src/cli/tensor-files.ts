/**
 * Tensors from files, for programs that are run here: which file is which value, and that it fits.
 *
 *   --input NAME=FILE    NAME is the number of the input, from 0; `x0` and `input0` are the same; the
 *                        inputs of a program folder have names besides
 *   --weight FILE        found by its digest, which the program names; or NAME=FILE as for inputs
 *
 * Bytes are raw: little-endian elements, row by row, without padding. What ends in `.gz` is unpacked.
 */

import { resolve } from 'node:path'

import { equalBytes, toHex } from '../base/bytes.ts'
import { blake3 } from '../base/hash.ts'
import { describeType, tensorBytes } from '../program/shape.ts'
import type { Program, TensorType } from '../program/types.ts'
import type { Context, Input } from './context.ts'
import { EXIT, fail } from './failure.ts'
import { readUnpacked } from './files.ts'

export interface NamedTensor {
  readonly name: string
  readonly type: TensorType
  readonly bytes: Uint8Array
}

/** @throws CliFailure tensor_unnamed | tensor_name_unknown | tensor_given_twice | tensor_missing | tensor_size */
export function readInputs(
  { cwd }: Context,
  { options }: Input,
  { inputs }: Program,
  names: readonly string[] = [],
): NamedTensor[] {
  const files = new Map<number, string>()
  for (const word of words(options['input'])) {
    const known = names.findIndex((each) => word.startsWith(`${each}=`))
    const { name, path } =
      known < 0
        ? (named(word) ?? fail(EXIT.usage, 'tensor_unnamed', { input: word }))
        : { name: `${known}`, path: word.slice(`${names[known]}=`.length) }
    place(files, numberOf(name, inputs.length, 'input'), path, name)
  }
  return inputs.map((type, index) => {
    const name = names[index] ?? `input${index}`
    const path = files.get(index)
    const facts = { name, type: describeType(type), bytes: tensorBytes(type) }
    if (path === undefined) return fail(EXIT.usage, 'tensor_missing', facts)
    const bytes = readUnpacked(resolve(cwd, path), 'tensor_file_unreadable')
    checkSize(name, path, type, bytes)
    return { name, type, bytes }
  })
}

/** @throws CliFailure tensor_name_unknown | tensor_given_twice | tensor_missing | tensor_size | weights_differ */
export function readWeights(
  { cwd }: Context,
  { options }: Input,
  { weights }: Program,
): NamedTensor[] {
  const found = new Map<number, Uint8Array>()
  for (const word of words(options['weight'])) {
    const { name, path } = named(word) ?? { name: undefined, path: word }
    const bytes = readUnpacked(resolve(cwd, path), 'tensor_file_unreadable')
    const digest = blake3(bytes)
    const index =
      name === undefined
        ? weights.findIndex((weight) => equalBytes(weight.digest, digest))
        : numberOf(name, weights.length, 'weight')
    const wanted = weights[index]
    if (wanted === undefined) {
      return fail(EXIT.usage, 'weights_differ', { path, digest: toHex(digest) })
    }
    checkSize(`weight${index}`, path, wanted.type, bytes)
    if (!equalBytes(wanted.digest, digest)) {
      fail(EXIT.usage, 'weights_differ', { path, wanted: toHex(wanted.digest) })
    }
    place(found, index, bytes, `weight${index}`)
  }
  return weights.map(({ type, digest }, index) => {
    const name = `weight${index}`
    const facts = { name, type: describeType(type), bytes: tensorBytes(type) }
    const bytes = found.get(index)
    if (bytes !== undefined) return { name, type, bytes }
    return fail(EXIT.usage, 'tensor_missing', { ...facts, digest: toHex(digest) })
  })
}

function words(option: Input['options'][string]): readonly string[] {
  return Array.isArray(option) ? (option as readonly string[]) : []
}

function named(word: string): { readonly name: string; readonly path: string } | undefined {
  const at = word.indexOf('=')
  return at <= 0 ? undefined : { name: word.slice(0, at), path: word.slice(at + 1) }
}

function numberOf(name: string, count: number, kind: 'input' | 'weight'): number {
  const digits = /^(?:x|w|input|weight)?(\d{1,4})$/.exec(name)?.[1]
  const index = digits === undefined ? count : Number(digits)
  if (index < count) return index
  return fail(EXIT.usage, 'tensor_name_unknown', { name: name.slice(0, 80), kind, count })
}

function place<Value>(all: Map<number, Value>, index: number, value: Value, name: string): void {
  if (all.has(index)) fail(EXIT.usage, 'tensor_given_twice', { name })
  all.set(index, value)
}

function checkSize(name: string, path: string, type: TensorType, bytes: Uint8Array): void {
  const expectedBytes = tensorBytes(type)
  if (bytes.length === expectedBytes) return
  const facts = { name, path, bytes: bytes.length, expectedBytes, type: describeType(type) }
  fail(EXIT.usage, 'tensor_size', facts)
}
