/**
 * Refusals: what outside input is answered with when it cannot be taken.
 *
 * A refusal has a stable snake_case `code` and the facts that explain it. The codes of a room
 * stand in its own table, with meaning and way out; `docs/errors.md` is generated from the tables.
 * Match on `code`, never on prose.
 */

export type Fact = string | number | bigint | boolean

export interface Refusal {
  readonly code: string
  readonly facts: Readonly<Record<string, Fact>>
}

/** One line of a room's table: what the code means and what the reader can do about it. */
export interface RefusalEntry {
  readonly meaning: string
  readonly remedy: string
}

export type RefusalTable = Readonly<Record<string, RefusalEntry>>

export function refusal(code: string, facts: Readonly<Record<string, Fact>> = {}): Refusal {
  return { code, facts }
}

/** A refusal on its way up. Edges turn it into a gossip verdict, an HTTP status or an exit code. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError'
  readonly refusal: Refusal

  constructor(reason: Refusal, options?: ErrorOptions) {
    super(describeRefusal(reason), options)
    this.refusal = reason
  }
}

/** Throws a refusal; for decoders, whose callers want a value or nothing. */
export function refuse(code: string, facts: Readonly<Record<string, Fact>> = {}): never {
  throw new RefusalError(refusal(code, facts))
}

/** `code key=value key=value`, for logs and terminals. */
export function describeRefusal({ code, facts }: Refusal): string {
  const pairs = Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`)
  return [code, ...pairs].join(' ')
}

/** Runs `make` and returns its value, or the refusal it threw. Our own mistakes pass through. */
export function attempt<Value>(
  make: () => Value,
): { readonly value: Value } | { readonly refused: Refusal } {
  try {
    return { value: make() }
  } catch (error) {
    if (error instanceof RefusalError) return { refused: error.refusal }
    throw error
  }
}

export const REFUSALS: RefusalTable = {
  codec_oversized: {
    meaning: 'The bytes are longer than any value of this type can be.',
    remedy: 'Send one object in one message, within the limits of docs/reference/wire.md.',
  },
  codec_malformed: {
    meaning: 'The bytes are not an SSZ encoding of this type.',
    remedy: 'Encode with the schema of docs/reference/wire.md.',
  },
  codec_not_canonical: {
    meaning: 'The bytes decode, but the value has another encoding: padding or trailing bytes.',
    remedy: 'Encode with the schema of docs/reference/wire.md; each value has one encoding.',
  },
  hex_malformed: {
    meaning: 'The text is not lower-case hexadecimal of the expected width.',
    remedy: 'Give two hexadecimal digits for each byte.',
  },
}
