/**
 * The port `Meter` over prom-client, and the text that `/metrics` answers with.
 *
 * Invariants
 *   - Only metrics of the catalogue, with exactly their labels, can be written.
 *   - Money stays a bigint from the ledger to the digits of the text.
 *   - A metric has at most SERIES_MAX series, whatever peers send: further ones count as `other`.
 */

import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import { assert } from '../../base/assert.ts'
import { byText } from '../../base/ordered.ts'
import type { Labels, Meter } from '../../runtime/ports.ts'
import { CATALOGUE, type MetricLine, OTHER, SERIES_MAX } from '../catalogue.ts'

interface Entry {
  readonly line: MetricLine
  readonly series: Set<string>
  readonly write: (amount: number | bigint, labels: Labels) => void
}

/** Money of one metric: the exact sum of each series, by its label text. */
type Sums = Map<string, bigint>

export class PrometheusMeter implements Meter {
  readonly #registry = new Registry()
  readonly #entries = new Map<string, Entry>()
  readonly #exact: { readonly line: MetricLine; readonly sums: Sums }[] = []

  constructor() {
    for (const line of CATALOGUE) this.#entries.set(line.name, this.#entry(line))
  }

  add(name: string, amount: number | bigint, labels: Labels = {}): void {
    assert(amount >= 0, 'a counter only goes up')
    this.#write('counter', name, amount, labels)
  }

  set(name: string, value: number, labels: Labels = {}): void {
    this.#write('gauge', name, value, labels)
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    this.#write('histogram', name, value, labels)
  }

  /** Prometheus text format 0.0.4. */
  async text(): Promise<string> {
    const counted = await this.#registry.metrics()
    return counted + this.#exact.map(({ line, sums }) => exactText(line, sums)).join('')
  }

  #write(type: MetricLine['type'], name: string, amount: number | bigint, labels: Labels): void {
    const entry = this.#entries.get(name)
    assert(entry !== undefined, `the metric ${name} stands in the catalogue`)
    const { line, series, write } = entry
    assert(line.type === type, `the metric ${name} is a ${line.type}`)
    const known = Object.keys(labels).length === line.labels.length
    assert(
      known && line.labels.every((label) => labels[label] !== undefined),
      `the metric ${name} has the labels ${line.labels.join(', ')}`,
    )
    write(amount, bounded(line, series, labels))
  }

  #entry(line: MetricLine): Entry {
    return { line, series: new Set(), write: this.#writer(line) }
  }

  #writer(line: MetricLine): Entry['write'] {
    const { name, help, labels, buckets } = line
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] }
    if (line.isExact) return this.#exactWriter(line)
    switch (line.type) {
      case 'counter': {
        const counter = new Counter(options)
        return (amount, given) => counter.inc({ ...given }, Number(amount))
      }
      case 'gauge': {
        const gauge = new Gauge(options)
        return (amount, given) => gauge.set({ ...given }, Number(amount))
      }
      case 'histogram': {
        const histogram = new Histogram({ ...options, buckets: [...buckets] })
        return (amount, given) => histogram.observe({ ...given }, Number(amount))
      }
    }
  }

  #exactWriter(line: MetricLine): Entry['write'] {
    const sums: Sums = new Map()
    // A counter without labels has one series from the start.
    if (line.labels.length === 0) sums.set('', 0n)
    this.#exact.push({ line, sums })
    return (amount, labels) => {
      assert(
        typeof amount === 'bigint' || Number.isSafeInteger(amount),
        `${line.name} counts whole nBLOCK`,
      )
      const key = labelText(line, labels)
      sums.set(key, (sums.get(key) ?? 0n) + BigInt(amount))
    }
  }
}

/** The labels, or `other` for all of them once the metric has as many series as it may. */
function bounded(line: MetricLine, series: Set<string>, labels: Labels): Labels {
  const key = labelText(line, labels)
  if (series.has(key)) return labels
  if (series.size < SERIES_MAX) {
    series.add(key)
    return labels
  }
  return Object.fromEntries(line.labels.map((label) => [label, OTHER]))
}

function labelText({ labels }: MetricLine, given: Labels): string {
  if (labels.length === 0) return ''
  return `{${labels.map((label) => `${label}="${escaped(given[label] ?? '')}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function exactText({ name, help }: MetricLine, sums: Sums): string {
  const lines = [...sums.entries()]
    .sort(([left], [right]) => byText(left, right))
    .map(([labels, sum]) => `${name}${labels} ${sum}\n`)
  return `\n# HELP ${name} ${help}\n# TYPE ${name} counter\n${lines.join('')}`
}
