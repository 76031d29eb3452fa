/**
 * Every fabric that this repository can build: its file, what it is, and how it comes to be there.
 *
 * A fabric exists when its file does; nothing else needs to know of it. A plugin is named by the
 * path of its shared object instead and enters by `pluginEntry`.
 */

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'

import { CPU_FABRIC_PATH, NATIVE_DIR } from '../../runtime/io/native-addon.ts'
import type { FabricOptions } from '../child-messages.ts'
import { ISAS, type Isa } from '../isa.ts'

/** Opening a device whose kernels are compiled already. */
export const OPEN_MS_MAX = 20_000
/** Opening one that may have to compile them all. */
export const COMPILE_MS_MAX = 300_000

export interface FabricEntry {
  /** As the command line names it. */
  readonly name: string
  readonly path: string
  readonly kind: 'cpu' | 'gpu' | 'plugin'
  /** Instruction sets that can be forced, narrowest first; empty where none can be. */
  readonly isas: readonly Isa[]
  /** What `init` is given besides the number of threads. */
  readonly options: FabricOptions
  /** Opening a device, self-test included; a first time may compile every kernel. */
  readonly openMsMax: number
  /** How to get the file when it is absent. */
  readonly remedy: string
}

function builtIn(name: string): string {
  return join(NATIVE_DIR, `libblocktorch_${name}.so`)
}

const SETUP = 'npm run setup'

function deviceEntry(name: string, remedy: string): FabricEntry {
  const path = builtIn(name)
  return { name, path, kind: 'gpu', isas: [], options: {}, openMsMax: COMPILE_MS_MAX, remedy }
}

export const FABRICS: readonly FabricEntry[] = [
  {
    name: 'cpu',
    path: CPU_FABRIC_PATH,
    kind: 'cpu',
    isas: process.arch === 'x64' ? ISAS : ['scalar'],
    options: {},
    openMsMax: OPEN_MS_MAX,
    remedy: SETUP,
  },
  deviceEntry('opencl', SETUP),
  deviceEntry('cuda', SETUP),
  deviceEntry('metal', `${SETUP} on macOS`),
]

/** @param path of a shared object that exports `fabric_query` */
export function pluginEntry(path: string): FabricEntry {
  const name = basename(path).replace(/\.(so|dylib)$/, '')
  const remedy = 'give the path of its shared object'
  return { name, path, kind: 'plugin', isas: [], options: {}, openMsMax: OPEN_MS_MAX, remedy }
}

export function fabricEntry(name: string): FabricEntry | undefined {
  return FABRICS.find((entry) => entry.name === name)
}

export function isBuilt({ path }: FabricEntry): boolean {
  return existsSync(path)
}
