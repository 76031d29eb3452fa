/**
 * The header of a safetensors file, read as the one kind of JSON that it is.
 *
 * A general parser would hide what must be refused: a name that stands twice, a number that is no
 * whole number, a field that nobody reads. This one knows objects of exactly the needed fields.
 */

import { refuse } from '../base/refusal.ts'

const RANK_MAX = 8
const METADATA = '__metadata__'
const NUMBER = /(?:0|[1-9][0-9]{0,15})(?![0-9.eE])/y
const SPACE = /[ \t\r\n]*/y

export interface HeaderEntry {
  readonly name: string
  readonly dtype: string
  readonly dims: readonly number[]
  readonly start: number
  readonly end: number
}

export class HeaderReader {
  readonly #text: string
  #offset = 0

  /** @throws RefusalError safetensors_malformed unless the bytes are UTF-8 */
  constructor(bytes: Uint8Array) {
    try {
      this.#text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      this.#text = refuse('safetensors_malformed', { what: 'UTF-8' })
    }
  }

  /** @throws RefusalError safetensors_malformed */
  *entries(): Generator<HeaderEntry> {
    for (const name of this.#fields()) {
      if (name === METADATA) {
        for (const _ of this.#fields()) this.#string()
      } else {
        yield this.#entry(name)
      }
    }
    this.#skip()
    if (this.#offset !== this.#text.length) this.#malformed('more after the end')
  }

  #entry(name: string): HeaderEntry {
    let dtype: string | undefined
    let dims: readonly number[] | undefined
    let offsets: readonly number[] | undefined
    for (const field of this.#fields()) {
      if (field === 'dtype' && dtype === undefined) dtype = this.#string()
      else if (field === 'shape' && dims === undefined) dims = this.#numbers(RANK_MAX)
      else if (field === 'data_offsets' && offsets === undefined) offsets = this.#numbers(2)
      else this.#malformed('a field', name)
    }
    const [start, end] = offsets ?? []
    if (dtype === undefined || dims === undefined || start === undefined || end === undefined) {
      return this.#malformed('a missing field', name)
    }
    return { name, dtype, dims, start, end }
  }

  /** The keys of an object; the caller reads the value after each. */
  *#fields(): Generator<string> {
    this.#expect('{')
    if (this.#takes('}')) return
    do {
      const name = this.#string()
      this.#expect(':')
      yield name
    } while (this.#takes(','))
    this.#expect('}')
  }

  #numbers(most: number): number[] {
    const numbers: number[] = []
    this.#expect('[')
    if (this.#takes(']')) return numbers
    do {
      numbers.push(this.#wholeNumber())
      if (numbers.length > most) this.#malformed('a list')
    } while (this.#takes(','))
    this.#expect(']')
    return numbers
  }

  #string(): string {
    this.#expect('"')
    const start = this.#offset - 1
    for (let mark = ''; mark !== '"'; this.#offset++) {
      mark = this.#text[this.#offset] ?? this.#malformed('a string')
      // Whatever is escaped, it does not end the string.
      if (mark === '\\') this.#offset++
    }
    try {
      return JSON.parse(this.#text.slice(start, this.#offset)) as string
    } catch {
      return this.#malformed('a string')
    }
  }

  #wholeNumber(): number {
    this.#skip()
    NUMBER.lastIndex = this.#offset
    const found = NUMBER.exec(this.#text)?.[0] ?? this.#malformed('a whole number')
    this.#offset += found.length
    return Number(found)
  }

  #expect(mark: string): void {
    if (!this.#takes(mark)) this.#malformed(mark)
  }

  #takes(mark: string): boolean {
    this.#skip()
    if (this.#text[this.#offset] !== mark) return false
    this.#offset++
    return true
  }

  #skip(): void {
    SPACE.lastIndex = this.#offset
    this.#offset += SPACE.exec(this.#text)?.[0].length ?? 0
  }

  #malformed(what: string, tensor = ''): never {
    const facts = tensor === '' ? {} : { tensor }
    return refuse('safetensors_malformed', { ...facts, offset: this.#offset, what })
  }
}
