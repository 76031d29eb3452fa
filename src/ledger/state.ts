/**
 * The ledger's state: typed tables of checksummed values, read through views that can be thrown away.
 *
 * A `View` lays changes over what is below it; executing a block writes to a fresh view, and only a
 * block that is valid to its end has its view folded down. Keys are strings within a table, values
 * are immutable: put a new one, never change one that was read.
 *
 * Invariants
 *   - A key is hex or a fixed-width number, so that text order is the order the rules iterate in.
 *   - `entries` goes in key order on every node, whatever the order of writing.
 */

import { assert } from '../base/assert.ts'
import { type Codec, encode } from '../base/codec.ts'
import { byText } from '../base/ordered.ts'

/** A named set of values of one type. The name is part of every key in the state tree. */
export interface Table<Value> {
  readonly name: string
  readonly codec: Codec<Value>
}

const registered = new Map<string, Table<unknown>>()

/** Declares a table once, at load. */
export function table<Value>(name: string, codec: Codec<Value>): Table<Value> {
  assert(/^[a-z][a-z-]*$/.test(name), 'a table has a plain name')
  assert(!registered.has(name), 'a table is declared once')
  const made = { name, codec }
  registered.set(name, made as Table<unknown>)
  return made
}

/** Every table, by name; what the store needs to read values back. */
export function tables(): ReadonlyMap<string, Table<unknown>> {
  return registered
}

/** A number as a key: fixed width, so that text order is number order. */
export function numberKey(value: bigint | number): string {
  return BigInt(value).toString(16).padStart(16, '0')
}

export interface Reader {
  get<Value>(from: Table<Value>, key: string): Value | undefined
  /** In key order; with `prefix`, only keys that begin with it. */
  entries<Value>(from: Table<Value>, prefix?: string): readonly (readonly [string, Value])[]
  /** The entry with the greatest key that is not above `key`. */
  floor<Value>(from: Table<Value>, key: string): readonly [string, Value] | undefined
}

type Values = Map<string, unknown>

/** Keys of a table in order, and those that came or went since. */
interface Order {
  keys: readonly string[]
  readonly touched: Set<string>
}

/** One changed value, as it goes to the store and into the state tree. */
export interface Change {
  readonly table: string
  readonly key: string
  /** The encoding, or undefined when the value is gone. */
  readonly value: Uint8Array | undefined
}

const GONE = Symbol('gone')

/** The settled state, as of the last applied block. */
export class State implements Reader {
  readonly #tables = new Map<string, Values>()
  /** Made when first asked for; brought up to date when asked for again. */
  readonly #orders = new Map<string, Order>()

  get<Value>(from: Table<Value>, key: string): Value | undefined {
    return this.#tables.get(from.name)?.get(key) as Value | undefined
  }

  entries<Value>(from: Table<Value>, prefix = ''): readonly (readonly [string, Value])[] {
    const values = this.#tables.get(from.name)
    if (values === undefined) return []
    const keys = this.#keys(from.name, values)
    const picked: (readonly [string, Value])[] = []
    for (let at = lowerBound(keys, prefix); at < keys.length; at++) {
      const key = keys[at] as string
      if (!key.startsWith(prefix)) break
      picked.push([key, values.get(key) as Value])
    }
    return picked
  }

  floor<Value>(from: Table<Value>, key: string): readonly [string, Value] | undefined {
    const values = this.#tables.get(from.name)
    if (values === undefined) return undefined
    const keys = this.#keys(from.name, values)
    const at = lowerBound(keys, key)
    const found = keys[at] === key ? key : keys[at - 1]
    return found === undefined ? undefined : [found, values.get(found) as Value]
  }

  /** Only `View.fold` and the loader call this. */
  set(name: string, key: string, value: unknown): void {
    const values = this.#tables.get(name) ?? new Map<string, unknown>()
    this.#tables.set(name, values)
    const known = values.has(key)
    if (value === undefined) values.delete(key)
    else values.set(key, value)
    if (known !== (value !== undefined)) this.#orders.get(name)?.touched.add(key)
  }

  #keys(name: string, values: Values): readonly string[] {
    const order = this.#orders.get(name)
    if (order === undefined) {
      const keys = [...values.keys()].sort(byText)
      this.#orders.set(name, { keys, touched: new Set() })
      return keys
    }
    if (order.touched.size > 0) {
      const present = [...order.touched].filter((key) => values.has(key)).sort(byText)
      const kept = order.keys.filter((key) => !order.touched.has(key))
      order.keys = merged(kept, present)
      order.touched.clear()
    }
    return order.keys
  }
}

/** Changes over a base that stays untouched until `fold`. */
export class View implements Reader {
  readonly #base: State | View
  readonly #changed = new Map<string, Map<string, unknown>>()

  constructor(base: State | View) {
    this.#base = base
  }

  get<Value>(from: Table<Value>, key: string): Value | undefined {
    const changed = this.#changed.get(from.name)
    if (changed?.has(key)) {
      const value = changed.get(key)
      return value === GONE ? undefined : (value as Value)
    }
    return this.#base.get(from, key)
  }

  put<Value>(into: Table<Value>, key: string, value: Value): void {
    this.#change(into.name, key, value)
  }

  remove<Value>(from: Table<Value>, key: string): void {
    this.#change(from.name, key, GONE)
  }

  entries<Value>(from: Table<Value>, prefix = ''): readonly (readonly [string, Value])[] {
    const below = this.#base.entries(from, prefix)
    const changed = this.#changed.get(from.name)
    if (changed === undefined || changed.size === 0) return below
    const kept = below.filter(([key]) => !changed.has(key))
    const added = [...changed.entries()].filter(
      ([key, value]) => value !== GONE && key.startsWith(prefix),
    ) as [string, Value][]
    if (added.length === 0) return kept
    return [...kept, ...added].sort(([left], [right]) => byText(left, right))
  }

  floor<Value>(from: Table<Value>, key: string): readonly [string, Value] | undefined {
    const changed = this.#changed.get(from.name)
    if (changed === undefined || changed.size === 0) return this.#base.floor(from, key)
    // What is removed here may hide several entries below, so all of them are looked at.
    const found = this.entries(from).filter(([each]) => each <= key)
    return found[found.length - 1]
  }

  /** Keys of a table that were put or removed here. */
  changedKeys<Value>(of: Table<Value>): string[] {
    return [...(this.#changed.get(of.name)?.keys() ?? [])]
  }

  /** Every change, encoded, in (table, key) order. */
  changes(): Change[] {
    const changes: Change[] = []
    for (const [name, keys] of [...this.#changed].sort(([a], [b]) => byText(a, b))) {
      const { codec } = registered.get(name) as Table<unknown>
      for (const [key, value] of [...keys].sort(([a], [b]) => byText(a, b))) {
        changes.push({ table: name, key, value: value === GONE ? undefined : encode(codec, value) })
      }
    }
    return changes
  }

  /** Writes the changes down, into the state or the view below. */
  fold(): void {
    for (const [name, keys] of this.#changed) {
      for (const [key, value] of keys) {
        if (this.#base instanceof State) {
          this.#base.set(name, key, value === GONE ? undefined : value)
        } else this.#base.#change(name, key, value)
      }
    }
    this.#changed.clear()
  }

  #change(name: string, key: string, value: unknown): void {
    const keys = this.#changed.get(name) ?? new Map<string, unknown>()
    this.#changed.set(name, keys)
    keys.set(key, value)
  }
}

function lowerBound(keys: readonly string[], prefix: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < prefix) low = middle + 1
    else high = middle
  }
  return low
}

/** Two ordered lists without a common key, as one. */
function merged(left: readonly string[], right: readonly string[]): string[] {
  const all: string[] = []
  let at = 0
  for (const key of right) {
    for (; at < left.length && (left[at] as string) < key; at++) all.push(left[at] as string)
    all.push(key)
  }
  for (; at < left.length; at++) all.push(left[at] as string)
  return all
}
