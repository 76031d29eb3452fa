/** Orders that do not depend on insertion, locale or engine: what is hashed or iterated by rule. */

/** By UTF-16 code units, as `<` compares strings. Never by locale. */
export function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

export function byBigint(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0
}
