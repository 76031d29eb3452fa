/** The devices that tests of tensors run on: all that exist here, one with memory of its own. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

import '../../../src/tensor/io/entry.ts'

import { CPU_FABRIC_PATH, NATIVE_DIR } from '../../../src/runtime/io/native-addon.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import type { Scenario } from './scenarios.ts'

/** The CPU fabric by its path: the same kernels behind fabric.h, in memory that is not ours. */
export const REMOTE: string = CPU_FABRIC_PATH

function usable(name: string): boolean {
  if (!existsSync(join(NATIVE_DIR, `libblocktorch_${name}.so`))) return false
  try {
    Tensor.zeros([1], { device: name }).dispose()
    return true
  } catch {
    // Built, but there is no such hardware here.
    return false
  }
}

export const DEVICES: readonly string[] = [
  'cpu',
  'reference',
  REMOTE,
  ...['opencl', 'cuda'].filter(usable),
]

/** For titles: paths differ between machines. */
export function titleOf(device: string): string {
  return device === REMOTE ? 'the fabric of the CPU' : device
}

/** first, first + 1, ... */
export function ramp(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

export type Outputs = Readonly<Record<string, Tensor>>

/** What a scenario gives when it is computed at once. */
export function eager({ inputs, run }: Scenario, device: string): Outputs {
  return run(...inputs.map(({ dims, values }) => Tensor.from(values, dims, { device })))
}

/** By the names of the outputs. */
export function digestsOf(outputs: Outputs): Record<string, string> {
  return Object.fromEntries(Object.entries(outputs).map(([name, out]) => [name, out.digest()]))
}

export function eagerDigests(scenario: Scenario): Record<string, string> {
  return digestsOf(eager(scenario, 'cpu'))
}
