/**
 * The state that genesis describes, and the ledger that stands on it: new, or read back from disk.
 *
 * Source: protocol.md §1; docs/reference/genesis.md.
 */

import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { decode, hashTreeRoot } from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import {
  checkBounds,
  checkInvariants,
  defaultParams,
  isParamKey,
  type Params,
  withParams,
} from '../governance/params.ts'
import type { StoreEntry, StoreOp } from '../runtime/ports.ts'
import { account, endow, pot } from './accounts.ts'
import { type Head, headWrite, type Ledger, stateWrites } from './ledger.ts'
import { KERNEL_DIGESTS } from './market-records.ts'
import { activeParams, enactParams } from './parameters.ts'
import { type Change, State, tables, View } from './state.ts'
import { StateTree } from './state-tree.ts'
import {
  EventsCodec,
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

/** Names of chains whose genesis may hold a faucet account. */
const FAUCET_CHAINS: readonly string[] = ['devnet', 'sim']

/**
 * A ledger at height 0, with the writes that put it on disk.
 * @throws RefusalError genesis_invalid and every code of the parameter table.
 */
export function createLedger(genesis: Genesis): {
  readonly ledger: Ledger
  readonly writes: readonly StoreOp[]
} {
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
    eventsRoot: hashTreeRoot(EventsCodec, { round: 0, events: [] }),
    beacon: hash,
    commit: EMPTY_COMMIT,
  }
  const writes = [...stateWrites(changes), headWrite(head)]
  return { ledger: ledgerOn(genesis, state, tree, head), writes }
}

/**
 * The ledger as a store holds it.
 * @param entries everything under `state/`, as stored
 * @param head the value of `head`, as stored
 * @param commit the commit of the head block
 * @throws RefusalError store_corrupt when a checksum or the state root does not agree.
 */
export function restoreLedger(
  genesis: Genesis,
  entries: readonly StoreEntry[],
  head: Uint8Array,
  commit: Commit,
): Ledger {
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
  const record: HeadRecord = decode(HeadRecordCodec, unsealed(HEAD_KEY, head))
  const tree = new StateTree()
  const root = tree.update(changes)
  if (!equalBytes(root, record.stateRoot)) {
    refuse('store_corrupt', { key: STATE_PREFIX, root: toHex(root) })
  }
  return ledgerOn(genesis, state, tree, { ...record, commit })
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
  if (validators.length === 0) refuse('genesis_invalid', { reason: 'no validators' })
  const poor = validators.find(({ record }) => record.bond < params.validator_min_bond)
  if (poor !== undefined) {
    refuse('genesis_invalid', { reason: 'bond below validator_min_bond', validator: poor.id })
  }
  installValidators(view, validators)
  for (const digest of genesis.kernelDigests) {
    view.put(KERNEL_DIGESTS, toHex(digest), { height: 0n })
  }
  installSupply(view, total)
}

function genesisParams(genesis: Genesis): Params {
  const name = new TextDecoder().decode(genesis.name)
  if (genesis.faucet !== null && !FAUCET_CHAINS.includes(name)) {
    refuse('genesis_faucet_forbidden', { name })
  }
  const changes: Record<string, bigint> = {}
  for (const { key, value } of genesis.params) {
    const text = new TextDecoder().decode(key)
    if (!isParamKey(text)) refuse('genesis_invalid', { reason: 'unknown parameter', key: text })
    changes[text] = value
  }
  const params = withParams(defaultParams(), changes)
  const fault = checkBounds(params) ?? checkInvariants(params, genesis.validators.length)
  if (fault !== undefined) refuse(fault.code, fault.facts)
  assert(checkBounds(params) === undefined, 'genesis parameters are within their bounds')
  return params
}
