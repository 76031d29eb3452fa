/**
 * The lines of a lab log: one JSON object each, every field in one order and in one spelling.
 *
 *   line --read--> entry --written--> the same line, or it is refused
 *
 * So nothing can hide in a line: no field that nobody reads, none that stands twice, no number in a
 * second form.
 */

import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { attempt, refuse } from '../base/refusal.ts'
import { INPUTS_MAX, OPS_MAX, OUTPUTS_MAX } from '../program/ir.ts'
import { COVERS, type LabEntry, NAME_BYTES_MAX, TEXT_BYTES_MAX, textOf } from './lab-entry.ts'

/** The last line of a log. */
export interface Seal {
  readonly entries: number
  /** Chain value of the last entry. */
  readonly head: Uint8Array
  readonly signed: { readonly key: Uint8Array; readonly signature: Uint8Array } | undefined
}

/** An entry with as many op digests as a program may have stays below. */
export const LINE_CHARS_MAX: number = 512 * 1024

const SEAL_START = '{"kind":"seal",'
const U32_MAX = 0xffff_ffff
const U16_MAX = 0xffff
const COMMIT = /^([0-9a-f]{40})?$/

export function writeEntryLine(entry: LabEntry, index: number, chain: Uint8Array): string {
  const { fabric, machine } = entry
  return JSON.stringify({
    kind: 'entry',
    index,
    name: textOf(entry.name),
    covers: COVERS[entry.covers],
    program: toHex(entry.program),
    inputs: entry.inputs.map(toHex),
    outputs: entry.outputs,
    ops: entry.ops.map(toHex),
    outputDigest: toHex(entry.outputDigest),
    profileEpoch: entry.profileEpoch === null ? null : toHex(entry.profileEpoch),
    fabric: {
      name: textOf(fabric.name),
      version: textOf(fabric.version),
      isa: textOf(fabric.isa),
      device: textOf(fabric.device),
      vendor: textOf(fabric.vendor),
      driver: textOf(fabric.driver),
      kernelDigest: toHex(fabric.kernelDigest),
    },
    machine: {
      system: textOf(machine.system),
      processor: textOf(machine.processor),
      cores: machine.cores,
      memoryBytes: Number(machine.memoryBytes),
      runtime: textOf(machine.runtime),
    },
    timeMs: Number(entry.timeMs),
    commit: textOf(entry.commit),
    modified: entry.modified,
    benchmark: textOf(entry.benchmark),
    chain: toHex(chain),
  })
}

export function writeSealLine({ entries, head, signed }: Seal): string {
  const bare = { kind: 'seal', entries, head: toHex(head) }
  if (signed === undefined) return JSON.stringify(bare)
  const { key, signature } = signed
  return JSON.stringify({ ...bare, key: toHex(key), signature: toHex(signature) })
}

export function isSealLine(line: string): boolean {
  return line.startsWith(SEAL_START)
}

/** @throws RefusalError lab_line_malformed */
export function readEntryLine(
  line: string,
  index: number,
): { readonly entry: LabEntry; readonly chain: Uint8Array } {
  const top = new Reading(objectOf(line, index), index)
  const fabric = top.object('fabric')
  const machine = top.object('machine')
  const entry: LabEntry = {
    name: top.text('name', NAME_BYTES_MAX),
    covers: (COVERS as readonly unknown[]).indexOf(top.value('covers')),
    program: top.digest('program'),
    inputs: top.digests('inputs', INPUTS_MAX),
    outputs: top.numbers('outputs', OUTPUTS_MAX, U16_MAX),
    ops: top.digests('ops', OPS_MAX),
    outputDigest: top.digest('outputDigest'),
    profileEpoch: top.value('profileEpoch') === null ? null : top.digest('profileEpoch'),
    fabric: {
      name: fabric.text('name', NAME_BYTES_MAX),
      version: fabric.text('version', NAME_BYTES_MAX),
      isa: fabric.text('isa', NAME_BYTES_MAX),
      device: fabric.text('device', TEXT_BYTES_MAX),
      vendor: fabric.text('vendor', TEXT_BYTES_MAX),
      driver: fabric.text('driver', TEXT_BYTES_MAX),
      kernelDigest: fabric.digest('kernelDigest'),
    },
    machine: {
      system: machine.text('system', TEXT_BYTES_MAX),
      processor: machine.text('processor', TEXT_BYTES_MAX),
      cores: machine.number('cores', U32_MAX),
      memoryBytes: BigInt(machine.number('memoryBytes', Number.MAX_SAFE_INTEGER)),
      runtime: machine.text('runtime', NAME_BYTES_MAX),
    },
    timeMs: BigInt(top.number('timeMs', Number.MAX_SAFE_INTEGER)),
    commit: top.text('commit', 40),
    modified: top.value('modified') === true,
    benchmark: top.text('benchmark', TEXT_BYTES_MAX),
  }
  const chain = top.digest('chain')
  if (entry.covers < 0) top.wrong('covers')
  if (!COMMIT.test(textOf(entry.commit))) top.wrong('commit')
  if (writeEntryLine(entry, index, chain) !== line) top.wrong('spelling')
  return { entry, chain }
}

/** @throws RefusalError lab_line_malformed */
export function readSealLine(line: string, index: number): Seal {
  const top = new Reading(objectOf(line, index), index)
  const signed =
    top.value('signature') === undefined
      ? undefined
      : { key: top.bytes('key', 32), signature: top.bytes('signature', 64) }
  const seal = { entries: top.number('entries', U32_MAX), head: top.digest('head'), signed }
  if (writeSealLine(seal) !== line) top.wrong('spelling')
  return seal
}

type Fields = Readonly<Record<string, unknown>>

function objectOf(line: string, index: number): Fields {
  if (line.length > LINE_CHARS_MAX) {
    refuse('lab_line_malformed', { line: index, field: 'length', chars: line.length })
  }
  try {
    const parsed: unknown = JSON.parse(line)
    if (isObject(parsed)) return parsed
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return refuse('lab_line_malformed', { line: index, field: 'syntax' })
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields of one object, each refused by its name when it is not what it should be. */
class Reading {
  readonly #fields: Fields
  readonly #line: number

  constructor(fields: Fields, line: number) {
    this.#fields = fields
    this.#line = line
  }

  wrong(field: string): never {
    return refuse('lab_line_malformed', { line: this.#line, field })
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
  }

  object(name: string): Reading {
    const value = this.value(name)
    return isObject(value) ? new Reading(value, this.#line) : this.wrong(name)
  }

  text(name: string, bytesMax: number): Uint8Array {
    const value = this.value(name)
    if (typeof value !== 'string') return this.wrong(name)
    const bytes = utf8(value)
    return bytes.length <= bytesMax ? bytes : this.wrong(name)
  }

  number(name: string, most: number): number {
    return this.#whole(this.value(name), name, most)
  }

  numbers(name: string, countMax: number, most: number): number[] {
    return this.#list(name, countMax).map((each) => this.#whole(each, name, most))
  }

  digest(name: string): Uint8Array {
    return this.bytes(name, 32)
  }

  digests(name: string, countMax: number): Uint8Array[] {
    return this.#list(name, countMax).map((each) => this.#hex(each, name, 32))
  }

  bytes(name: string, width: number): Uint8Array {
    return this.#hex(this.value(name), name, width)
  }

  #list(name: string, countMax: number): readonly unknown[] {
    const value = this.value(name)
    return Array.isArray(value) && value.length <= countMax ? value : this.wrong(name)
  }

  #whole(value: unknown, name: string, most: number): number {
    const isWhole = typeof value === 'number' && Number.isSafeInteger(value)
    return isWhole && value >= 0 && value <= most ? value : this.wrong(name)
  }

  #hex(value: unknown, name: string, width: number): Uint8Array {
    if (typeof value !== 'string') return this.wrong(name)
    const read = attempt(() => fromHex(value, width))
    return 'value' in read ? read.value : this.wrong(name)
  }
}
