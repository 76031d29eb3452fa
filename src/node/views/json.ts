/**
 * The words of every answer: ids as hex, money as digits, heights as numbers, lists in pages.
 *
 * Each view is a zod schema and a pure function whose result the schema describes; the schemas make
 * docs/reference/openapi.json, and tests parse real answers with them.
 */

import { z } from 'zod'

import { numberKey } from '../../ledger/state.ts'

export const LIMIT_MAX = 500
const LIMIT_DEFAULT = 50
const CURSOR_MAX = 160
const HEIGHT_TOP = (1n << 64n) - 1n

/** 32 bytes as lower-case hex. */
export const Id = z.string().regex(/^[0-9a-f]{64}$/)
export const MaybeId = z.string().regex(/^([0-9a-f]{64})?$/)
export const Hex = z.string().regex(/^([0-9a-f]{2})*$/)
/** nBLOCK. */
export const Amount = z.string().regex(/^\d+$/)
export const Height = z.number().int().nonnegative()
export const Count = z.number().int().nonnegative()
/** A fact as JSON has it: what passes 2^53 comes as digits. */
export const Fact = z.union([z.string(), z.number(), z.boolean()])

export const ListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  cursor: z.string().max(CURSOR_MAX).optional(),
})
export type ListQuery = z.infer<typeof ListQuery>

export interface Page<Row> {
  readonly items: readonly Row[]
  readonly next?: string
}

export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next: z.string().optional() })
}

/** A key that sorts the newest first. */
export function newestFirst(height: bigint, id: string): string {
  return `${numberKey(HEIGHT_TOP - height)}/${id}`
}

/**
 * The rows after `cursor`, at most `limit`, in the order of their keys. A cursor is the key of the
 * last row that was seen, so rows that come or go meanwhile are neither repeated nor skipped.
 */
export function pageOf<Source, Row>(
  rows: readonly Source[],
  keyOf: (row: Source) => string,
  show: (row: Source) => Row,
  { limit, cursor = '' }: ListQuery,
): Page<Row> {
  const keyed = rows
    .map((row) => ({ key: keyOf(row), row }))
    .filter(({ key }) => key > cursor)
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
  const shown = keyed.slice(0, limit)
  const items = shown.map(({ row }) => show(row))
  const last = shown[shown.length - 1]
  return keyed.length > shown.length && last !== undefined ? { items, next: last.key } : { items }
}

export function factsOf(
  facts: Readonly<Record<string, string | number | bigint | boolean>>,
): Record<string, string | number | boolean> {
  const entries = Object.entries(facts).map(([name, value]) => [
    name,
    typeof value === 'bigint' ? value.toString() : value,
  ])
  return Object.fromEntries(entries)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
