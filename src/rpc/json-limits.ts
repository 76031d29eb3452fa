/** Depth and keys of JSON text, counted before it is parsed: parsing costs more than counting. */

import { type Refusal, refusal } from '../base/refusal.ts'

export const DEPTH_MAX = 8
export const KEYS_MAX = 64

const STRINGS = /"(?:[^"\\]|\\.)*"/g

/** Nothing when the text is within the limits; whether it is JSON is for the parser. */
export function checkJsonLimits(text: string): Refusal | undefined {
  let depth = 0
  let keys = 0
  for (const [mark] of text.replace(STRINGS, '').matchAll(/[{}[\]:,]/g)) {
    if (mark === '{' || mark === '[') depth++
    else if (mark === '}' || mark === ']') depth--
    else keys++
    if (depth > DEPTH_MAX || keys > KEYS_MAX) {
      return refusal('json_too_deep', { depthMax: DEPTH_MAX, keysMax: KEYS_MAX })
    }
  }
  return undefined
}
