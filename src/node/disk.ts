/**
 * What lies in a node's folder: the store with the ledger, and the journals beside it.
 *
 *   store/            blocks, state values, indices (LevelDB)
 *   guard.journal     everything this key has signed; losing it means losing the key
 *   wal.journal       what consensus heard at the height in progress
 *   receipts.journal  what this provider has claimed
 */

import { join } from 'node:path'

import { toHex } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { openSignGuard, type SignGuard } from '../consensus/sign-guard.ts'
import { createLedger, restoreLedger } from '../ledger/genesis-state.ts'
import type { Ledger } from '../ledger/ledger.ts'
import {
  blockKey,
  HEAD_KEY,
  HeadRecordCodec,
  STATE_PREFIX,
  unsealed,
} from '../ledger/store-schema.ts'
import { EMPTY_COMMIT } from '../ledger/types/block.ts'
import type { Genesis } from '../ledger/types/genesis.ts'
import { StoredBlockCodec } from '../ledger/types/stored-block.ts'
import { validatorsAt } from '../ledger/validators.ts'
import { type FileJournal, openFileJournal } from '../runtime/io/file-journal.ts'
import type { Journal, Signer, Store, StoreEntry } from '../runtime/ports.ts'

const JOURNALS = ['guard', 'wal', 'receipts'] as const
/** Values read back at start in one go. */
const RANGE_MAX = 10_000_000
/** After the last character of every key. */
const AFTER = '~'

export type Journals = Readonly<Record<(typeof JOURNALS)[number], FileJournal>>

export async function openJournals(
  dataDir: string,
  onFatal: (error: unknown) => void,
): Promise<Journals> {
  const entries = await Promise.all(
    JOURNALS.map(async (name) => {
      const journal = await openFileJournal(join(dataDir, `${name}.journal`), onFatal)
      return [name, journal] as const
    }),
  )
  return Object.fromEntries(entries) as Journals
}

/** Genesis is written before anything stands on it. */
export async function openLedger(store: Store, genesis: Genesis): Promise<Ledger> {
  const head = await storedAt(store, HEAD_KEY)
  if (head === undefined) {
    const { ledger, writes } = createLedger(genesis)
    await new Promise<void>((done) => store.write(writes, done))
    return ledger
  }
  const { height } = decode(HeadRecordCodec, unsealed(HEAD_KEY, head))
  const key = blockKey(height)
  const block = height === 0n ? undefined : await storedAt(store, key)
  const commit =
    block === undefined ? EMPTY_COMMIT : decode(StoredBlockCodec, unsealed(key, block)).commit
  return restoreLedger(genesis, await rangeOf(store, STATE_PREFIX), head, commit)
}

/** @throws RefusalError sign_guard_missing, sign_guard_malformed. */
export async function openGuard(
  signer: Signer,
  ledger: Ledger,
  journal: Journal,
): Promise<SignGuard> {
  return openSignGuard({
    genesisHash: ledger.genesisHash,
    journal,
    signer,
    records: await recordsOf(journal),
    signedHeightAtLeast: signedHeight(ledger, signer),
  })
}

/** The head's height if its commit holds a signature of this key: then the guard must know it. */
function signedHeight({ head, state }: Ledger, signer: Signer): bigint {
  if (head.height === 0n) return 0n
  const members = validatorsAt(state, head.height)
  const index = members.findIndex(
    ({ consensusKey }) => toHex(consensusKey) === toHex(signer.publicKey),
  )
  const { signers } = head.commit
  const isIn = index >= 0 && (((signers[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
  return isIn ? head.height : 0n
}

export async function closeJournals(journals: Journals): Promise<void> {
  await Promise.all(JOURNALS.map((name) => journals[name].close()))
}

function storedAt(store: Store, key: string): Promise<Uint8Array | undefined> {
  return new Promise((done) => store.get(key, done))
}

export function rangeOf(store: Store, prefix: string): Promise<readonly StoreEntry[]> {
  return new Promise((done) => store.range(prefix, `${prefix}${AFTER}`, RANGE_MAX, done))
}

export function recordsOf(journal: Journal): Promise<readonly Uint8Array[]> {
  return new Promise((done) => journal.readAll(done))
}
