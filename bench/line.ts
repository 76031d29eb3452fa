/** One measured number, as `npm run bench` prints it: one JSON object a line. */

export interface BenchLine {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** What was measured: sizes, counts, which implementation. */
  readonly facts?: Readonly<Record<string, string | number>>
}

/** Middle of the values; of an even number, the lower middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN
}

/** Milliseconds each of `count` runs takes, after one run that is not counted. */
export function timesMs(count: number, run: (index: number) => void): number[] {
  run(0)
  return Array.from({ length: count }, (_, index) => {
    const startMs = performance.now()
    run(index + 1)
    return performance.now() - startMs
  })
}
