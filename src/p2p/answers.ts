/** The response frame: result byte, four context bytes, then a chunk or an encoded refusal. */

import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { attempt, type Refusal, refusal } from '../base/refusal.ts'
import { CONTEXT_BYTES, RESULT, RefusalBody } from './protocols.ts'

export const ANSWER_HEADER_BYTES: number = 1 + CONTEXT_BYTES

export type AnswerFrame =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'broken'; readonly reason: string }

/** The context of a chain: the first four bytes of its genesis hash. */
export function contextOf(genesisHash: Uint8Array): Uint8Array {
  return genesisHash.subarray(0, CONTEXT_BYTES)
}

export function chunkFrame(context: Uint8Array, chunk: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(RESULT.ok), context, chunk)
}

export function refusalFrame(context: Uint8Array, reason: Refusal): Uint8Array {
  const facts = Object.entries(reason.facts)
    .slice(0, 8)
    .map(([name, value]) => ({ name: clip(name, 32), text: clip(String(value), 128) }))
  const body = encode(RefusalBody, { code: clip(reason.code, 64), facts })
  return concatBytes(Uint8Array.of(RESULT.refused), context, body)
}

export function parseAnswer(context: Uint8Array, frame: Uint8Array): AnswerFrame {
  if (frame.length < ANSWER_HEADER_BYTES) return { kind: 'broken', reason: 'answer_truncated' }
  if (!equalBytes(frame.subarray(1, ANSWER_HEADER_BYTES), context)) {
    return { kind: 'broken', reason: 'wrong_context' }
  }
  const body = frame.subarray(ANSWER_HEADER_BYTES)
  if (frame[0] === RESULT.ok) return { kind: 'chunk', bytes: body }
  if (frame[0] !== RESULT.refused) return { kind: 'broken', reason: 'result_unknown' }
  const parsed = attempt(() => decode(RefusalBody, body))
  if ('refused' in parsed) return { kind: 'broken', reason: 'refusal_malformed' }
  const facts = parsed.value.facts.map(({ name, text }) => [plain(name), plain(text)] as const)
  return { kind: 'refused', refusal: refusal(plain(parsed.value.code), Object.fromEntries(facts)) }
}

function clip(text: string, bytesMax: number): Uint8Array {
  return utf8(text).subarray(0, bytesMax)
}

/** A stranger's bytes as text that is safe to print: anything unusual becomes a full stop. */
function plain(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  ).join('')
}
