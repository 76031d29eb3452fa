/** The genesis file: read once at start, written once by who founds a chain, whole or not at all. */

import { open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import { RefusalError, refusal, refuse } from '../../base/refusal.ts'
import { genesisFromJson, genesisToJson } from '../genesis-json.ts'
import type { Genesis } from '../types/genesis.ts'

/** Room for every account and validator there may be. */
export const GENESIS_FILE_BYTES_MAX: number = 16 * 1024 * 1024

/** @throws RefusalError genesis_unreadable and those of `genesisFromJson`. */
export async function readGenesisFile(path: string): Promise<Genesis> {
  const { size } = await readable(path, stat(path))
  if (size > GENESIS_FILE_BYTES_MAX) {
    refuse('genesis_unreadable', { path, reason: `${size} bytes are too many` })
  }
  return genesisFromJson(await readable(path, readFile(path, 'utf8')))
}

/** Writes aside, syncs, renames, syncs the folder. */
export async function writeGenesisFile(path: string, genesis: Genesis): Promise<void> {
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o644)
  await file.writeFile(genesisToJson(genesis))
  await file.sync()
  await file.close()
  await rename(draft, path)
  const folder = await open(dirname(path), 'r')
  await folder.sync()
  await folder.close()
}

async function readable<Value>(path: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (error) {
    const reason = String((error as Error).message).slice(0, 160)
    throw new RefusalError(refusal('genesis_unreadable', { path, reason }), { cause: error })
  }
}
