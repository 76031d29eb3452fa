/**
 * The determinism lab log: what was computed, on what, and which bits came out, as a chain.
 *
 *   entry 0 --> chain 0 --> entry 1 --> chain 1 --> ... --> seal: how many, the last chain, a signature
 *
 * A log is lines of JSON, one object each; entries, then one seal. What is hashed is the SSZ
 * encoding of an entry, never its JSON:
 *
 *   chain(i) = SHA-256("bt/lab/1" || chain(i - 1) || encoding of entry i), chain(-1) 32 zero bytes
 *   seal     = Ed25519 over SHA-256("bt/lab/seal/1" || u32 entries || chain of the last), if signed
 *
 * Invariants of a log that `readLabLog` gives back
 *   - Every line is the one way to write what it says; every chain value follows from those before.
 *   - The seal names the last entry: a log that was cut has none, or one that does not fit.
 *   - Output digests follow from op digests.
 *
 * Whether entries agree with one another is another question: `disagreements`.
 * Source: docs/reference/lab-log.md.
 */

import { concatBytes, equalBytes, toHex, u32Bytes, utf8, ZERO_32 } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { verifyZip215 } from '../base/ed25519-keys.ts'
import { sha256 } from '../base/hash.ts'
import { refuse } from '../base/refusal.ts'
import { outputDigest } from '../program/digest.ts'
import { COVERS, type LabEntry, LabEntryCodec, textOf } from './lab-entry.ts'
import {
  isSealLine,
  readEntryLine,
  readSealLine,
  type Seal,
  writeEntryLine,
  writeSealLine,
} from './lab-line.ts'

export interface LabLog {
  readonly entries: readonly LabEntry[]
  /** Chain value of each entry. */
  readonly chain: readonly Uint8Array[]
  readonly seal: Seal
}

/** What must be the same wherever a subject is computed. */
export type LabBits = Pick<LabEntry, 'ops' | 'outputDigest'>

/** Two entries about the same program and inputs whose bits are not the same. */
export interface Disagreement {
  readonly name: string
  /** Numbers of the entries. */
  readonly first: number
  readonly other: number
  /** The first op whose output differs, or -1 when only the output digests tell. */
  readonly op: number
}

export const LOG_BYTES_MAX: number = 64 * 1024 * 1024
export const ENTRIES_MAX = 65_536

const CHAIN_DOMAIN: Uint8Array = utf8('bt/lab/1')
const SEAL_DOMAIN: Uint8Array = utf8('bt/lab/seal/1')

/** What one more entry makes of the chain. @param before undefined for the first entry */
export function chainAfter(before: Uint8Array | undefined, entry: LabEntry): Uint8Array {
  return sha256(CHAIN_DOMAIN, before ?? ZERO_32, encode(LabEntryCodec, entry))
}

/** What a seal signs. */
export function sealDigest(entries: number, head: Uint8Array): Uint8Array {
  return sha256(SEAL_DOMAIN, u32Bytes(entries), head)
}

/** The text of a log. @param sign undefined: the seal bears no signature */
export function writeLabLog(
  entries: readonly LabEntry[],
  sign?: (digest: Uint8Array) => { readonly key: Uint8Array; readonly signature: Uint8Array },
): string {
  let head: Uint8Array | undefined
  const lines = entries.map((entry, index) => {
    head = chainAfter(head, entry)
    return writeEntryLine(entry, index, head)
  })
  const last = head ?? ZERO_32
  const signed = sign?.(sealDigest(entries.length, last))
  lines.push(writeSealLine({ entries: entries.length, head: last, signed }))
  return `${lines.join('\n')}\n`
}

/**
 * Reads a log of anybody's.
 * @throws RefusalError lab_log_oversized | lab_line_malformed | lab_chain_broken | lab_output_wrong |
 *   lab_log_unsealed | lab_seal_wrong
 */
export function readLabLog(text: string): LabLog {
  if (text.length > LOG_BYTES_MAX) {
    refuse('lab_log_oversized', { chars: text.length, most: LOG_BYTES_MAX })
  }
  const lines = text.split('\n')
  const isWhole = lines.pop() === ''
  const last = lines.at(-1)
  if (!isWhole || last === undefined || !isSealLine(last)) {
    return refuse('lab_log_unsealed', { lines: lines.length })
  }
  const entryLines = lines.slice(0, -1)
  if (entryLines.length > ENTRIES_MAX) {
    refuse('lab_log_oversized', { entries: entryLines.length, most: ENTRIES_MAX })
  }
  const chain: Uint8Array[] = []
  const entries = entryLines.map((line, index) => {
    const { entry, chain: said } = readEntryLine(line, index)
    const follows = chainAfter(chain.at(-1), entry)
    if (!equalBytes(follows, said))
      refuse('lab_chain_broken', { entry: index, name: textOf(entry.name) })
    checkOutput(entry, index)
    chain.push(said)
    return entry
  })
  const seal = readSealLine(last, entryLines.length)
  checkSeal(seal, entries.length, chain.at(-1) ?? ZERO_32)
  return { entries, chain, seal }
}

/** The output digest is that of the ops that make the outputs. */
function checkOutput(entry: LabEntry, index: number): void {
  const isProgram = COVERS[entry.covers] === 'program'
  const made = entry.outputs.map((op) => entry.ops[op])
  const isWhole = isProgram
    ? made.length > 0 && made.every((digest) => digest !== undefined)
    : entry.ops.length + entry.outputs.length === 0
  const isRight =
    isWhole && (!isProgram || equalBytes(outputDigest(made as Uint8Array[]), entry.outputDigest))
  if (!isRight) refuse('lab_output_wrong', { entry: index, name: textOf(entry.name) })
}

function checkSeal({ entries, head, signed }: Seal, found: number, last: Uint8Array): void {
  if (entries !== found || !equalBytes(head, last)) {
    refuse('lab_seal_wrong', { sealed: entries, found, reason: 'other entries' })
  }
  if (signed === undefined) return
  if (!verifyZip215(signed.key, sealDigest(entries, head), signed.signature)) {
    refuse('lab_seal_wrong', { sealed: entries, found, reason: 'signature' })
  }
}

/** Every entry is held against the first one about the same program and inputs. */
export function disagreements(entries: readonly LabEntry[]): Disagreement[] {
  const firsts = new Map<string, number>()
  return entries.flatMap((entry, other) => {
    const key = subjectOf(entry)
    const first = firsts.get(key)
    if (first === undefined) {
      firsts.set(key, other)
      return []
    }
    const op = firstDifference(entries[first] as LabBits, entry)
    return op === undefined ? [] : [{ name: textOf(entry.name), first, other, op }]
  })
}

/** What an entry is about: entries with one subject must have the same bits. */
export function subjectOf({ program, inputs }: Pick<LabEntry, 'program' | 'inputs'>): string {
  return toHex(concatBytes(program, ...inputs))
}

/** @returns the first op that differs, -1 when only the output does, undefined when nothing does */
export function firstDifference(left: LabBits, right: LabBits): number | undefined {
  const ops = Math.max(left.ops.length, right.ops.length)
  for (let op = 0; op < ops; op++) {
    const [one, two] = [left.ops[op], right.ops[op]]
    if (one === undefined || two === undefined || !equalBytes(one, two)) return op
  }
  return equalBytes(left.outputDigest, right.outputDigest) ? undefined : -1
}
