/**
 * The state that genesis describes, and the ledger that stands on it: new, or read back from disk.
 *
 * Source: protocol.md §1; docs/reference/genesis.md.
 */

import { equalBytes, toHex } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import type { StoreEntry, StoreOp } from '../runtime/ports.ts'
import { account, endow, pot } from './accounts.ts'
import { checkGenesis, genesisParams } from './genesis-check.ts'
import { eventsRootOf } from './header.ts'
import { type Head, headWrite, type Ledger, stateWrites } from './ledger.ts'
import { KERNEL_DIGESTS } from './market-records.ts'
import { activeParams, enactParams } from './parameters.ts'
import { type Change, State, tables, View } from './state.ts'
import { StateTree } from './state-tree.ts'
import {
  HEAD_KEY,
  type HeadRecord,
  HeadRecordCodec,
  STATE_PREFIX,
  unsealed,
} from './store-schema.ts'
import { installSupply } from './supply.ts'
import { type Commit, EMPTY_COMMIT } from './types/block.ts'
import { type Genesis, genesisHash } from './types/genesis.ts'
import { installValidators, newValidatorRecord } from './validators.ts'

/**
 * A ledger at height 0, with the writes that put it on disk.
 * @throws RefusalError genesis_invalid, genesis_faucet_forbidden, key_inadmissible, param_*.
 */
export function createLedger(genesis: Genesis): {
  readonly ledger: Ledger
  readonly writes: readonly StoreOp[]
} {
  const fault = checkGenesis(genesis)
  if (fault !== undefined) return refuse(fault.code, fault.facts)
  const state = new State()
  const view = new View(state)
  install(view, genesis)
  const changes = view.changes()
  view.fold()
  const hash = genesisHash(genesis)
  const tree = new StateTree()
  const head: Head = {
    height: 0n,
    id: hash,
    timeMs: genesis.time,
    stateRoot: tree.update(changes),
    eventsRoot: eventsRootOf([]),
    beacon: hash,
    commit: EMPTY_COMMIT,
  }
  const writes = [...stateWrites(changes), headWrite(hash, head)]
  return { ledger: ledgerOn(genesis, state, tree, head), writes }
}

/**
 * The ledger as a store holds it.
 * @param entries everything under `state/`, as stored
 * @param head the value of `head`, as stored
 * @param commit the commit of the head block
 * @throws RefusalError store_foreign; store_corrupt when a checksum, the root or the commit differs.
 */
export function restoreLedger(
  genesis: Genesis,
  entries: readonly StoreEntry[],
  head: Uint8Array,
  commit: Commit,
): Ledger {
  const record = headOf(genesis, head)
  const state = new State()
  const changes: Change[] = entries.map(([at, stored]) => {
    const value = unsealed(at, stored)
    const [name, ...rest] = at.slice(STATE_PREFIX.length).split('/')
    const key = rest.join('/')
    const table = tables().get(name ?? '')
    if (name === undefined || table === undefined) return refuse('store_corrupt', { key: at })
    state.set(name, key, decode(table.codec, value))
    return { table: name, key, value }
  })
  const tree = new StateTree()
  const root = tree.update(changes)
  if (!equalBytes(root, record.stateRoot)) {
    refuse('store_corrupt', { key: STATE_PREFIX, root: toHex(root) })
  }
  const committed = record.height === 0n || equalBytes(commit.blockId, record.id)
  if (!committed || commit.height !== record.height) {
    refuse('store_corrupt', { key: HEAD_KEY, reason: 'the commit is of another block' })
  }
  return ledgerOn(genesis, state, tree, { ...record, commit })
}

function headOf(genesis: Genesis, stored: Uint8Array): Omit<HeadRecord, 'genesisHash'> {
  const { genesisHash: there, ...head } = decode(HeadRecordCodec, unsealed(HEAD_KEY, stored))
  const here = genesisHash(genesis)
  if (!equalBytes(here, there)) {
    refuse('store_foreign', { stored: toHex(there), genesis: toHex(here) })
  }
  return head
}

function ledgerOn(genesis: Genesis, state: State, tree: StateTree, head: Head): Ledger {
  const { version, params } = activeParams(state)
  const hash = genesisHash(genesis)
  return { genesis, genesisHash: hash, state, tree, head, params, paramsVersion: version }
}

function install(view: View, genesis: Genesis): void {
  const params = genesisParams(genesis)
  enactParams(view, params, 0n)
  let total = 0n
  for (const { id, balance } of genesis.accounts) {
    endow(view, account(toHex(id)), balance)
    total += balance
  }
  const validators = genesis.validators.map(({ id, consensusKey, vrfKey, bond }) => {
    endow(view, pot('bonds'), bond)
    total += bond
    return { id: toHex(id), record: newValidatorRecord(consensusKey, vrfKey, bond) }
  })
  installValidators(view, validators)
  for (const digest of genesis.kernelDigests) {
    view.put(KERNEL_DIGESTS, toHex(digest), { height: 0n })
  }
  installSupply(view, total)
}
