/**
 * Text for terminals and for programs: JSON on one line, CSV, tables, durations.
 *
 * JSON carries whole numbers beyond 2^53 as decimal strings and bytes as hexadecimal.
 */

import { toHex } from '../base/bytes.ts'

export type Row = Readonly<Record<string, unknown>>

/** One line without a line break. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return item.toString()
    if (item instanceof Uint8Array) return toHex(item)
    return item
  })
}

/** A value as one field of text: nothing for what is absent, JSON for what has structure. */
export function text(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    return String(value)
  }
  return toJson(value)
}

function csvField(value: unknown): string {
  const field = text(value)
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

/** RFC 4180, with a head line; lines end in CR LF as it asks. */
export function toCsv(columns: readonly string[], rows: readonly Row[]): string {
  const lines = rows.map((row) => columns.map((column) => csvField(row[column])).join(','))
  return `${[columns.map(csvField).join(','), ...lines].join('\r\n')}\r\n`
}

/** Columns padded to their widest field; numbers to the right. An empty list says so. */
export function toTable(columns: readonly string[], rows: readonly Row[]): string {
  if (rows.length === 0) return '(none)'
  const fields = rows.map((row) => columns.map((column) => printable(text(row[column]))))
  const widths = columns.map((column, index) =>
    fields.reduce((width, line) => Math.max(width, line[index]?.length ?? 0), column.length),
  )
  const numeric = columns.map((column) => rows.every((row) => isNumber(row[column])))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return numeric[index] === true ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.toUpperCase())), ...fields.map(line)].join('\n')
}

/** `name: value`, one a line, values in one column. */
export function toPairs(pairs: readonly (readonly [string, unknown])[]): string {
  const width = pairs.reduce((widest, [name]) => Math.max(widest, name.length), 0)
  return pairs
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(text(value))}`.trimEnd())
    .join('\n')
}

/** Text of peers goes to terminals without the bytes that steer them. */
export function printable(value: string): string {
  return value.replace(/\p{Cc}/gu, '?')
}

function isNumber(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return true
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
}
