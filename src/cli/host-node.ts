/**
 * A node with its HTTP interface, logs and metrics: the one place where the node and its face meet.
 *
 *   settings, key files, genesis -> node -> history, queries -> HTTP
 *
 * `node start`, `join`, `provider start` and the devnet's processes all run this.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { unreachable } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { RefusalError, refusal, refuse } from '../base/refusal.ts'
import type { Tamper } from '../compute/courier.ts'
import type { BlobStore } from '../compute/io/blob-store.ts'
import { accountOf } from '../ledger/accounts.ts'
import { readGenesisFile } from '../ledger/io/genesis-file.ts'
import { ATTEMPT, attemptOf, jobOf, OPEN_ATTEMPTS, OPEN_JOBS } from '../ledger/market-records.ts'
import { installMatchProbe } from '../ledger/probe.ts'
import { openProposals } from '../ledger/proposals-records.ts'
import { LANES, VERIFICATIONS } from '../ledger/types/market.ts'
import { validatorsAt } from '../ledger/validators.ts'
import { openNode, type RunningNode, type ValidatorKeys } from '../node/compose.ts'
import type { NodeConfig } from '../node/config.ts'
import type { Engine } from '../node/engine.ts'
import type { NodeFact } from '../node/events.ts'
import { FactFeed } from '../node/fact-feed.ts'
import type { NodeInfo, Queries } from '../node/queries.ts'
import { syncTarget } from '../p2p/sync.ts'
import { openHttpServer } from '../rpc/io/http-server.ts'
import type { FaucetOutcome } from '../rpc/io/route.ts'
import { openHistory, type StoreHistory } from '../rpc/io/store-history.ts'
import { type KeyPair, readKeyFile } from '../runtime/io/key-file.ts'
import type { Logger } from '../runtime/ports.ts'
import { createLogger } from '../telemetry/io/log.ts'
import { ProcessLevels } from '../telemetry/io/process-levels.ts'
import { PrometheusMeter } from '../telemetry/io/prometheus.ts'
import {
  applyUpdates,
  type JobLabels,
  projectFact,
  projectLevels,
  projectMatchLoop,
} from '../telemetry/project.ts'
import { signTransaction } from './wallet.ts'

export const NODE_VERSION = '0.1.0'
/** Bytes of one uploaded blob. */
const UPLOAD_BYTES_MAX = 64 * 1024 * 1024
/** Accounts a faucet gives to. */
const FAUCET_ACCOUNTS_MAX = 10_000

export interface HostOptions {
  readonly config: NodeConfig
  /** For tests and the devnet's cheat only. */
  readonly tamper?: (blobs: BlobStore) => Tamper
  /** Told every fact, besides the log and the metrics. */
  readonly onFact?: (fact: NodeFact) => void
}

export interface HostedNode {
  readonly node: RunningNode
  readonly info: NodeInfo
  stop(): Promise<void>
}

/** @throws RefusalError of the settings, keys, genesis, store, network or HTTP. */
export async function hostNode(options: HostOptions): Promise<HostedNode> {
  const { config } = options
  const log = openLog(config)
  const meter = new PrometheusMeter()
  timeMatches(meter)
  const feed = new FactFeed()
  const keys = readKeys(config)
  const late: { blobs: BlobStore | undefined; history: StoreHistory | undefined } = {
    blobs: undefined,
    history: undefined,
  }
  const { tamper } = options
  const node = await openNode({
    dataDir: config.dataDir,
    genesis: await readGenesisFile(genesisPath(config)),
    profile: config.netProfile,
    listen: config.listen,
    bootstrap: config.bootstrap,
    ...keys,
    provider:
      config.fabrics === 'none'
        ? undefined
        : {
            threads: config.fabricThreads,
            benchmarkCommit: config.benchmarkCommit,
            profiles: config.tensorProfile,
            ...(tamper === undefined
              ? {}
              : {
                  tamper: (job, outcome, done) => {
                    if (late.blobs === undefined) done(outcome)
                    else tamper(late.blobs)(job, outcome, done)
                  },
                }),
          },
    verifierThreads: config.verifyWorkers,
    logger: log,
    meter,
    onFact: (fact, engine) => {
      if (fact.kind === 'block-committed') late.history?.note(fact.height, fact.events)
      applyUpdates(meter, projectFact(fact, jobLabels(engine)))
      writeLog(log, fact)
      feed.tell(fact)
      options.onFact?.(fact)
    },
    onFatal: (error) => endProcess(log, error),
  })
  late.blobs = node.blobs
  late.history = await openHistory(node.store, node.ledger.head.height)
  const levels = new ProcessLevels()
  const info: { current: NodeInfo } = { current: infoOf(config, node, keys, '') }
  const queries = queriesOf(node, late.history, () => info.current)
  const http = await openHttpServer({
    queries,
    submit: (bytes, done) => void node.submit(bytes).then(done),
    faucet: faucetOf(config, node),
    feed,
    blobs: {
      store: (bytes, done) => node.blobs.store(bytes, done),
      get: (digest, done) => node.blobs.get(digest, done),
      bytesMax: UPLOAD_BYTES_MAX,
    },
    metrics: () => {
      levels.read(meter)
      applyUpdates(meter, projectLevels(levelsOf(config, node)))
      return meter.text()
    },
    log,
    host: config.httpHost,
    port: config.httpPort,
  })
  info.current = infoOf(config, node, keys, http.url)
  return {
    node,
    info: info.current,
    stop: async () => {
      levels.stop()
      await http.close()
      await node.stop()
    },
  }
}

interface Keys {
  readonly account: KeyPair | undefined
  readonly validator: ValidatorKeys | undefined
}

export function keyFolderOf(config: NodeConfig): string {
  return config.keyDir === '' ? join(config.dataDir, 'keys') : config.keyDir
}

function genesisPath(config: NodeConfig): string {
  return config.genesis === '' ? join(config.dataDir, 'genesis.json') : config.genesis
}

/** A node without an account only observes; one without a consensus key casts no votes. */
function readKeys(config: NodeConfig): Keys {
  const folder = keyFolderOf(config)
  const read = (name: string): KeyPair | undefined => {
    const path = join(folder, `${name}.json`)
    return existsSync(path) ? readKeyFile(path) : undefined
  }
  const [account, consensus, vrf, coins] = ['account', 'consensus', 'vrf', 'coins'].map(read)
  if (consensus === undefined) return { account, validator: undefined }
  if (account === undefined || vrf === undefined || coins === undefined) {
    return refuse('key_file_missing', { path: folder, needed: 'account, consensus, vrf, coins' })
  }
  const validator = { consensus, vrfSeed: vrf.secretKey, coinSecret: coins.secretKey }
  return { account, validator }
}

function infoOf(config: NodeConfig, node: RunningNode, keys: Keys, http: string): NodeInfo {
  const account = keys.account === undefined ? undefined : toHex(keys.account.publicKey)
  const roles = [
    ...(keys.validator === undefined ? [] : (['validator'] as const)),
    ...(config.fabrics === 'none' ? [] : (['provider'] as const)),
  ]
  return {
    version: NODE_VERSION,
    peerId: node.network.self,
    addresses: node.network.addresses,
    account,
    roles: roles.length === 0 ? ['observer'] : roles,
    http,
    bootstrap: [...config.bootstrap, ...node.network.addresses],
  }
}

function queriesOf(node: RunningNode, history: StoreHistory, info: () => NodeInfo): Queries {
  const { engine, ledger, network, blobs } = node
  const since = new Map<string, number>()
  return {
    ledger,
    pool: engine.node.pool,
    history,
    blobs: { get: (digest) => new Promise((done) => blobs.get(digest, done)) },
    info,
    peers: () =>
      network.peers().map(({ id, address, score, direction }) => {
        const now = performance.now()
        const connected = since.get(id) ?? now
        since.set(id, connected)
        return {
          peerId: id,
          addresses: [address],
          height: engine.node.sync.peers.get(id)?.headHeight,
          score,
          direction,
          connectedMs: Math.round(now - connected),
        }
      }),
    peersReason: () => (network.peers().length > 0 ? undefined : network.whyAlone()),
    consensus: () => {
      const { current } = engine.node.consensus
      return {
        height: current?.setup.height ?? ledger.head.height + 1n,
        round: Math.max(0, current?.driver.core.round ?? 0),
        step: current?.driver.core.step ?? 'none',
      }
    },
    sync: () => {
      const targetHeight = syncTarget(engine.node.sync)
      return { syncing: targetHeight > ledger.head.height + SYNC_SLACK, targetHeight }
    },
  }
}

/** Heights a node may be behind its peers while it merely follows. */
const SYNC_SLACK = 8n

function jobLabels({ node }: Engine): JobLabels {
  return (id) => {
    const job = id === '' ? undefined : jobOf(node.ledger.state, id)
    const lane = job === undefined ? undefined : LANES[job.offer.lane]
    const verification = job === undefined ? undefined : VERIFICATIONS[job.offer.verification]
    return lane === undefined || verification === undefined ? undefined : { lane, verification }
  }
}

/** The matcher's wall time goes to the meter, and nowhere else. */
function timeMatches(meter: PrometheusMeter): void {
  let sinceMs = 0
  installMatchProbe({
    start: () => {
      sinceMs = performance.now()
    },
    stop: (lanes) => applyUpdates(meter, projectMatchLoop(performance.now() - sinceMs, lanes)),
  })
}

function levelsOf(config: NodeConfig, { ledger, engine, chainId }: RunningNode) {
  const { state, params, head } = ledger
  const waiting = { consumer: 0, industrial: 0 }
  for (const [key] of state.entries(OPEN_JOBS)) {
    const lane = LANES[jobOf(state, key.slice(key.indexOf('/') + 1))?.offer.lane ?? 0]
    if (lane !== undefined) waiting[lane]++
  }
  const receiptsAnchored = state.entries(OPEN_ATTEMPTS).filter(([key, { attempt }]) => {
    const job = key.slice(key.indexOf('/') + 1)
    return attemptOf(state, job, attempt)?.state === ATTEMPT.anchored
  }).length
  return {
    validatorsActive: validatorsAt(state, head.height + 1n).length,
    receiptsAnchored,
    offersWaiting: waiting,
    poolObjects: engine.node.pool.size,
    openProposals: openProposals(state).length,
    params,
    version: NODE_VERSION,
    chain: chainId,
    profile: config.netProfile,
  }
}

/** One grant an account, signed by the faucet's own account in nonce order. */
function faucetOf(config: NodeConfig, node: RunningNode) {
  if (config.faucetKey === '') return undefined
  const { ledger } = node
  const pair = readKeyFile(config.faucetKey)
  const faucet = toHex(pair.publicKey)
  const declared = ledger.genesis.faucet
  if (declared === null || toHex(declared) !== faucet) {
    refuse('faucet_foreign', { account: faucet })
  }
  const granted = new Set<string>()
  let next = 0n
  return (account: string, done: (outcome: FaucetOutcome) => void): void => {
    if (granted.has(account) || granted.size >= FAUCET_ACCOUNTS_MAX) {
      done({ refusal: refusal('faucet_granted', { account }) })
      return
    }
    granted.add(account)
    const { nonce } = accountOf(ledger.state, faucet)
    next = nonce > next ? nonce : next
    const value = config.faucetNblock
    const action = { name: 'transfer', payload: { to: fromHex(account), value } } as const
    const { id, bytes } = signTransaction(ledger.genesisHash, pair, next++, 0n, action)
    void node.submit(bytes).then((outcome) => {
      if ('refusal' in outcome) granted.delete(account)
      done('refusal' in outcome ? outcome : { id, value })
    })
  }
}

function openLog({ dataDir, name, logLevel }: NodeConfig): Logger {
  const stream = { write: (text: string) => void process.stderr.write(text) }
  return createLogger({ level: logLevel, stream, always: { node: name, dataDir } })
}

function writeLog(log: Logger, fact: NodeFact): void {
  switch (fact.kind) {
    case 'block-committed':
      log.info(fact.kind, {
        height: fact.height,
        id: fact.id,
        round: fact.round,
        objects: fact.objects,
        finalityMs: fact.finalityMs ?? -1,
      })
      return
    case 'message-refused':
      log.debug(fact.kind, { topic: fact.topic, code: fact.refusal.code, verdict: fact.verdict })
      return
    case 'block-refused':
    case 'object-dropped':
      log.info(fact.kind, { id: fact.id, code: fact.refusal.code })
      return
    case 'tensor-leaked': {
      const { job, attempt, label, bytes } = fact
      log.warn(fact.kind, { job, attempt, label, bytes })
      return
    }
    case 'alarm':
      log.warn(fact.kind, { ...fact.facts, code: fact.code })
      return
    case 'round-started':
      if (fact.round > 0) log.info(fact.kind, { height: fact.height, round: fact.round })
      return
    case 'object-pooled':
    case 'misbehaviour-seen':
    case 'sync-progress':
    case 'verdict-given':
    case 'job-run':
      log.debug(fact.kind)
      return
    default:
      unreachable(fact)
  }
}

/** The disk failed: what cannot be made durable must not be spoken of. */
function endProcess(log: Logger, error: unknown): void {
  const reason = error instanceof RefusalError ? error.refusal.code : String(error)
  log.error('fatal', { reason })
  process.exitCode = 1
  setImmediate(() => process.exit(1))
}
