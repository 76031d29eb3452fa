/**
 * A chain in one thread: production's engine and driver for every node, over the deterministic
 * world. The same seed gives the same run, task for task.
 *
 *   Cluster -- start / crash / restart --> nodes
 *           -- submit ------------------> any node's driver
 *           -- run until -----------------> world
 *
 * Facts of every node are kept, so that a test can say what must have happened.
 */

import { assert } from '../base/assert.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { vrfProve, vrfPublicKey } from '../base/ecvrf.ts'
import { sha256 } from '../base/hash.ts'
import { openSignGuard } from '../consensus/sign-guard.ts'
import { createLedger, restoreLedger } from '../ledger/genesis-state.ts'
import type { Ledger } from '../ledger/ledger.ts'
import {
  BODY_PREFIX,
  blockKey,
  HEAD_KEY,
  HeadRecordCodec,
  STATE_PREFIX,
  unsealed,
} from '../ledger/store-schema.ts'
import { EMPTY_COMMIT } from '../ledger/types/block.ts'
import { type Genesis, genesisHash } from '../ledger/types/genesis.ts'
import { StoredBlockCodec } from '../ledger/types/stored-block.ts'
import { Driver } from '../node/driver.ts'
import { Engine } from '../node/engine.ts'
import type { NodeFact } from '../node/events.ts'
import type { Identity } from '../node/state.ts'
import { type Faults, World, type WorldPorts } from '../runtime/deterministic.ts'
import type { Signer, StoreEntry } from '../runtime/ports.ts'
import { SimBlobs, type SimFaults, simFabric, simLanes } from './fabric.ts'

/** What the cluster needs of real cryptography; see `io/crypto.ts`. */
export interface SimKeys {
  readonly signer: (name: string) => Signer
  readonly seed: (name: string) => Uint8Array
  readonly check: (check: {
    readonly publicKey: Uint8Array
    readonly digest: Uint8Array
    readonly signature: Uint8Array
  }) => boolean
}

/** What a provider does wrong stands here too. */
export interface SimNodeSpec extends SimFaults {
  readonly name: string
  readonly role: 'validator' | 'provider'
}

export interface SimNode {
  readonly spec: SimNodeSpec
  readonly engine: Engine
  readonly driver: Driver
  readonly ledger: Ledger
}

export const SIM_KERNEL: Uint8Array = sha256(utf8('sim kernel'))
/** Everything in the store: state values of a small chain. */
const RANGE_MAX = 1_000_000

export class Cluster {
  readonly world: World
  readonly genesis: Genesis
  readonly blobs = new SimBlobs()
  readonly facts: { readonly node: string; readonly fact: NodeFact }[] = []
  readonly #keys: SimKeys
  readonly #specs: ReadonlyMap<string, SimNodeSpec>
  readonly #nodes = new Map<string, SimNode>()

  constructor(
    seed: number,
    faults: Faults,
    genesis: Genesis,
    specs: readonly SimNodeSpec[],
    keys: SimKeys,
  ) {
    this.world = new World(seed, faults)
    this.genesis = genesis
    this.#keys = keys
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]))
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()]
  }

  node(name: string): SimNode {
    const node = this.#nodes.get(name)
    assert(node !== undefined, 'the node is alive')
    return node
  }

  isAlive(name: string): boolean {
    return this.#nodes.has(name)
  }

  startAll(): void {
    for (const name of this.#specs.keys()) this.start(name)
  }

  /** Begins a life: reads the disk, then opens the doors. */
  start(name: string): void {
    const spec = this.#specs.get(name)
    assert(spec !== undefined, 'a node is started by its name')
    const ports = this.world.ports(name)
    ports.store.range('', '\u{10ffff}', RANGE_MAX, (entries) => {
      ports.journal('guard').readAll((guard) => {
        ports.journal('wal').readAll((wal) => {
          ports.journal('receipts').readAll((receipts) => {
            this.#open(spec, ports, { entries, guard, wal, receipts })
          })
        })
      })
    })
  }

  crash(name: string): void {
    this.#nodes.get(name)?.driver.stop()
    this.#nodes.delete(name)
    this.world.crash(name)
  }

  /** Runs until `done`, at most so many tasks. @returns whether it came to that. */
  runUntil(done: () => boolean, tasksMax: number): boolean {
    this.world.run(tasksMax, done)
    return done()
  }

  #open(
    spec: SimNodeSpec,
    ports: WorldPorts,
    disk: {
      readonly entries: readonly StoreEntry[]
      readonly guard: readonly Uint8Array[]
      readonly wal: readonly Uint8Array[]
      readonly receipts: readonly Uint8Array[]
    },
  ): void {
    const { name, role } = spec
    const { ledger, fresh } = this.#ledger(disk.entries)
    if (fresh.length > 0) ports.store.write(fresh, () => {})
    const guard =
      role === 'validator'
        ? openSignGuard({
            genesisHash: ledger.genesisHash,
            journal: ports.journal('guard'),
            signer: this.#keys.signer(`${name}/consensus`),
            records: disk.guard,
            signedHeightAtLeast: 0n,
          })
        : undefined
    const next = ledger.head.height + 1n
    const engine = new Engine({
      ledger,
      identity: this.#identity(spec),
      wal: disk.wal,
      receipts: disk.receipts,
      signed: guard?.signedAt(next) ?? [],
      bodies: disk.entries
        .filter(([key]) => key.startsWith(BODY_PREFIX))
        .map(([key, value]) => unsealed(key, value)),
      nowMs: ports.clock.monotonicMs(),
    })
    const { check } = this.#keys
    const driver = new Driver(
      {
        clock: ports.clock,
        store: ports.store,
        journals: { wal: ports.journal('wal'), receipts: ports.journal('receipts') },
        network: ports.network,
        guard,
        verifier: {
          check: (batch, _rule, done) => ports.later('check', 0, () => done(batch.map(check))),
        },
        blobs: this.blobs.port(name, ports.later),
        lanes: simLanes(this.blobs, name, ports.later),
        run: role === 'provider' ? simFabric(this.blobs.of(name), ports.later, spec) : undefined,
        tell: (fact) => this.facts.push({ node: name, fact }),
      },
      engine,
    )
    this.#nodes.set(name, { spec, engine, driver, ledger })
    driver.start()
  }

  #ledger(entries: readonly StoreEntry[]): {
    readonly ledger: Ledger
    readonly fresh: ReturnType<typeof createLedger>['writes']
  } {
    const stored = new Map(entries)
    const head = stored.get(HEAD_KEY)
    if (head === undefined) {
      const { ledger, writes } = createLedger(this.genesis)
      return { ledger, fresh: writes }
    }
    const { height } = decode(HeadRecordCodec, unsealed(HEAD_KEY, head))
    const block = stored.get(blockKey(height))
    const commit =
      block === undefined
        ? EMPTY_COMMIT
        : decode(StoredBlockCodec, unsealed(blockKey(height), block)).commit
    const state = entries.filter(([key]) => key.startsWith(STATE_PREFIX))
    return { ledger: restoreLedger(this.genesis, state, head, commit), fresh: [] }
  }

  #identity({ name, role }: SimNodeSpec): Identity {
    const { signer, seed } = this.#keys
    const account = toHex(signer(name).publicKey)
    const validates = role === 'validator'
    return {
      account,
      accountSigner: signer(name),
      attestor: validates ? signer(`${name}/consensus`) : undefined,
      vrfProve: validates ? (alpha) => vrfProve(seed(`${name}/vrf`), alpha) : undefined,
      coinSecret: validates ? seed(`${name}/coins`) : undefined,
      fabric:
        role === 'provider'
          ? { name: 'sim', kernelDigest: SIM_KERNEL, benchmarkCommit: '', profiles: true }
          : undefined,
    }
  }
}

export interface SimGenesis {
  readonly validators: readonly string[]
  /** Accounts with money, by name. */
  readonly accounts: readonly string[]
  readonly params: Readonly<Record<string, bigint>>
}

const BOND = 1_000_000_000_000_000n
const BALANCE = 1_000_000_000_000_000n

/** A genesis of named keys. */
export function simGenesis(spec: SimGenesis, keys: SimKeys): Genesis {
  const byId = <Entry extends { readonly id: Uint8Array }>(entries: Entry[]): Entry[] =>
    entries.sort((left, right) => (toHex(left.id) < toHex(right.id) ? -1 : 1))
  const genesis: Genesis = {
    name: utf8('sim'),
    time: 1_699_999_999_000n,
    params: Object.entries(spec.params)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => ({ key: utf8(key), value })),
    validators: byId(
      spec.validators.map((name) => ({
        id: keys.signer(name).publicKey,
        consensusKey: keys.signer(`${name}/consensus`).publicKey,
        vrfKey: vrfPublicKey(keys.seed(`${name}/vrf`)),
        bond: BOND,
      })),
    ),
    accounts: byId(
      [...spec.validators, ...spec.accounts].map((name) => ({
        id: keys.signer(name).publicKey,
        balance: BALANCE,
      })),
    ),
    kernelDigests: [SIM_KERNEL],
    faucet: null,
  }
  assert(genesisHash(genesis).length === 32, 'a genesis has a hash')
  return genesis
}
