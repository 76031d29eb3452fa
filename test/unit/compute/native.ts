/** The addon with the CPU fabric open, once for the whole test process, and folders for blobs. */

import { strict as check } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeOpTable, opOutputBytes } from '../../../src/program/op-table.ts'
import type { Program } from '../../../src/program/types.ts'
import {
  CPU_FABRIC_PATH,
  loadAddon,
  type NativeAddon,
  type NativeRun,
} from '../../../src/runtime/io/native-addon.ts'

let opened: NativeAddon | undefined

export function addon(): NativeAddon {
  if (opened === undefined) {
    opened = loadAddon()
    const device = opened.openFabric(CPU_FABRIC_PATH, '{"threads":2}')
    check.ok('fabric' in device, 'the CPU passes its self-test')
  }
  return opened
}

let runs = 0n

/** The outputs of all ops on the CPU fabric. */
export function runNative(program: Program, given: readonly Uint8Array[]): Promise<NativeRun> {
  return new Promise((resolve) => {
    addon().fabricRun(encodeOpTable(program), ++runs, given, opOutputBytes(program), resolve)
  })
}

/** Calls `use` with a fresh folder and removes it afterwards. */
export async function withFolder<Value>(use: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), 'blobs-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
