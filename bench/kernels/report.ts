/**
 * What the benchmark of the kernels says, and what it must not fall below.
 *
 * A rate is work in a nanosecond: Gflop/s, Gop/s, GB/s, Gelement/s. `ratio` is the time of the
 * reference over ours, the median over pairs that were taken in turn: 1 is as fast, 2 twice as fast.
 *
 * Source: docs/reference/bench.md
 */

import type { Isa } from '../../src/compute/isa.ts'

/** One row, as native/bench/kernels-bench.cpp prints it. */
export interface Row {
  readonly op: string
  readonly shape: string
  readonly isa: Isa
  readonly threads: number
  readonly medianNs: number
  readonly p25Ns: number
  readonly bestNs: number
  readonly rate: number
  readonly bestRate: number
  readonly unit: string
  /** Absent where there is nothing to compare with on this machine. */
  readonly reference?: string
  readonly referenceMedianNs?: number
  readonly referenceP25Ns?: number
  readonly referenceBestNs?: number
  readonly ratio?: number
  readonly bestRatio?: number
}

/** What one process found, before its rows. */
export interface Found {
  readonly isa: Isa
  readonly vnni: boolean
  readonly kernelDigest: string
  readonly openblas: string
  readonly onednn: string
}

interface Budget {
  readonly op: string
  readonly isa?: Isa
  readonly threads: number
  /** Shapes it applies to; every shape where absent. */
  readonly shape?: RegExp
  readonly ratioMin: number
}

const CUBES = /^(256|512|1024|2048)\^3$/
const LARGE_CUBES = /^(1024|2048)\^3$/

const BUDGETS: readonly Budget[] = [
  { op: 'matmul_f32', isa: 'avx512', threads: 1, shape: CUBES, ratioMin: 0.95 },
  { op: 'matmul_f32', isa: 'avx2', threads: 1, shape: CUBES, ratioMin: 0.92 },
  { op: 'matmul_f32', threads: 2, shape: LARGE_CUBES, ratioMin: 1.85 },
  { op: 'matmul_s8', isa: 'avx512', threads: 1, shape: CUBES, ratioMin: 0.95 },
  { op: 'value_floor', threads: 1, ratioMin: 0.98 },
  { op: 'softmax_f32', isa: 'avx512', threads: 1, ratioMin: 1.5 },
  { op: 'layernorm_f32', isa: 'avx512', threads: 1, ratioMin: 1 },
  { op: 'gelu_f32', isa: 'avx512', threads: 1, ratioMin: 1 },
  { op: 'attention_f32', isa: 'avx512', threads: 1, ratioMin: 1 },
]

export function budgetOf(row: Row): number | undefined {
  return BUDGETS.find(
    ({ op, isa, threads, shape }) =>
      op === row.op &&
      threads === row.threads &&
      (isa === undefined || isa === row.isa) &&
      (shape === undefined || shape.test(row.shape)),
  )?.ratioMin
}

/** Rows with a budget that they do not meet. */
export function below(rows: readonly Row[]): readonly Row[] {
  return rows.filter((row) => {
    const least = budgetOf(row)
    return least !== undefined && row.ratio !== undefined && row.ratio < least
  })
}

export function lineOf(row: Row): string {
  const own = `${row.rate.toFixed(1)} ${row.unit}`
  const least = budgetOf(row)
  const verdict = least === undefined ? '' : ` (budget ${least.toFixed(2)})`
  const beside =
    row.ratio === undefined ? '' : `  ${row.ratio.toFixed(2)} x ${row.reference}${verdict}`
  const place = `${row.op} ${row.shape} ${row.isa} ${row.threads}t`
  return `${place.padEnd(44)} ${own.padStart(18)}${beside}`
}
