/** Orders that do not depend on insertion, locale or engine: what is hashed or iterated by rule. */

/** By UTF-16 code units, as `<` compares strings. Never by locale. */
export function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

export function byBigint(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** The entries of `map` in key order. */
export function sortedEntries<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map.entries()].sort(([left], [right]) => byText(left, right))
}
