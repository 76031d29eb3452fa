/** Runs programs on the CPU fabric in this process, one after another. */

import { type Isa, isaEnvironment } from '../../src/compute/isa.ts'
import type { NamedProgram } from '../../src/program/builder.ts'
import { encodeOpTable, opOutputBytes, outputOps } from '../../src/program/op-table.ts'
import {
  CPU_FABRIC_PATH,
  loadAddon,
  type NativeAddon,
  type NativeRun,
} from '../../src/runtime/io/native-addon.ts'

/** A program whose table is made once and which runs often. */
export interface Loaded {
  readonly named: NamedProgram
  /** The outputs of all ops, in program order. */
  ops(inputs: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** The outputs of the program, in order. */
  outputs(inputs: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
}

export type Load = (named: NamedProgram) => Loaded

/**
 * @param isa to force; undefined: the best there is
 * @throws RefusalError native_addon_missing
 */
export function openCpu(isa?: Isa): Load {
  // Native code reads the variable once, when the first kernel is chosen.
  Object.assign(process.env, isaEnvironment(isa))
  const addon = loadAddon()
  const device = addon.openFabric(CPU_FABRIC_PATH, '{"threads":2}')
  if ('refused' in device) throw new Error(`the CPU fabric refuses: ${device.refused}`)
  const found = device.isa
  if (isa !== undefined && found !== isa)
    throw new Error(`${isa} is asked for, the CPU has ${found}`)
  return loaderOf(addon)
}

/** @param addon with an open fabric; a process opens one once */
export function loaderOf(addon: NativeAddon): Load {
  let runs = 0n

  return (named) => {
    const table = encodeOpTable(named.program)
    const lengths = opOutputBytes(named.program)
    const wanted = outputOps(named.program)

    async function ops(inputs: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
      const run = await new Promise<NativeRun>((resolve) => {
        addon.fabricRun(table, ++runs, [...inputs, ...named.weights], lengths, resolve)
      })
      if (run.kind !== 'done') throw new Error(`the run failed: ${JSON.stringify(run)}`)
      return run.outputs
    }

    return {
      named,
      ops,
      outputs: async (inputs) => {
        const results = await ops(inputs)
        return wanted.map((op) => results[op] as Uint8Array)
      },
    }
  }
}
