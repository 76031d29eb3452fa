/**
 * Composition: real ports behind one engine, in the order they depend on each other.
 *
 *   store, journals -> ledger -> guard, engine -> blobs, verifier, fabric -> network -> driver -> HTTP
 *
 * Nothing is heard before everything is open, and closing goes the other way round. An error of the
 * disk ends the node: what cannot be made durable must not be spoken of.
 */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { toHex } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { vrfProve } from '../base/ecvrf.ts'
import { refusal } from '../base/refusal.ts'
import { durationMs } from '../base/time.ts'
import { type Courier, openCourier, type Tamper } from '../compute/courier.ts'
import type { Fabric } from '../compute/fabric.ts'
import { type BlobStore, DEFAULT_BLOB_LIMITS, openBlobStore } from '../compute/io/blob-store.ts'
import { openFabricProcess } from '../compute/io/fabric-process.ts'
import { ownKernelDigest } from '../compute/io/kernel-manifest.ts'
import { profiledFabric } from '../compute/io/profiled-fabric.ts'
import { openVerifierProcess } from '../compute/io/verifier-process.ts'
import { openLevelStore } from '../ledger/io/level-store.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { BODY_PREFIX, unsealed } from '../ledger/store-schema.ts'
import { chainId, type Genesis } from '../ledger/types/genesis.ts'
import { type Libp2pNetwork, openLibp2pNetwork } from '../p2p/io/libp2p-network.ts'
import type { PeerProfileName } from '../p2p/profiles.ts'
import { StatusBody } from '../p2p/protocols.ts'
import { createEd25519Verifier } from '../runtime/io/ed25519-verifier.ts'
import { type KeyPair, signerOf } from '../runtime/io/key-file.ts'
import { loadAddon } from '../runtime/io/native-addon.ts'
import { installNativeHash } from '../runtime/io/native-hash.ts'
import { profileLogPath } from '../runtime/io/profile-log.ts'
import { createSystemClock } from '../runtime/io/system-clock.ts'
import type { Logger, Meter, Store } from '../runtime/ports.ts'
import { closeJournals, openGuard, openJournals, openLedger, rangeOf, recordsOf } from './disk.ts'
import { Driver } from './driver.ts'
import { Engine } from './engine.ts'
import type { NodeFact, SubmitOutcome } from './events.ts'
import type { Identity } from './state.ts'
import { statusOf } from './sync-desk.ts'

/** The keys a validator signs and draws with. */
export interface ValidatorKeys {
  readonly consensus: KeyPair
  /** 32 bytes each; never logged. */
  readonly vrfSeed: Uint8Array
  readonly coinSecret: Uint8Array
}

export interface ProviderOptions {
  /** Threads that its fabric may take, 0 for one a core. */
  readonly threads: number
  /** Named in its receipts; '' for none. */
  readonly benchmarkCommit?: string
  /** Whether allocations are logged for each job and told in receipts. */
  readonly profiles?: boolean
  readonly tamper?: Tamper
}

export interface NodeOptions {
  readonly dataDir: string
  readonly genesis: Genesis
  readonly profile: PeerProfileName
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  /** Absent on a node that only observes. */
  readonly account: KeyPair | undefined
  readonly validator: ValidatorKeys | undefined
  /** Present on a provider. */
  readonly provider: ProviderOptions | undefined
  readonly verifierThreads: number
  readonly logger: Logger
  readonly meter: Meter
  /** Told every fact, besides the log and the meter. */
  readonly onFact: (fact: NodeFact, engine: Engine) => void
  /** The machine failed: the disk, most of all. The process ends after this. */
  readonly onFatal: (error: unknown) => void
}

export interface RunningNode {
  readonly engine: Engine
  readonly ledger: Ledger
  readonly network: Libp2pNetwork
  readonly store: Store
  readonly blobs: BlobStore
  readonly fabric: (Fabric & { pid(): number | undefined }) | undefined
  readonly chainId: string
  submit(bytes: Uint8Array): Promise<SubmitOutcome>
  stop(): Promise<void>
}

/** @throws RefusalError store_corrupt, sign_guard_missing, listen_failed, fabric_unusable, ... */
export async function openNode(options: NodeOptions): Promise<RunningNode> {
  installNativeHash()
  const { dataDir, genesis, onFatal } = options
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const store = await openLevelStore(join(dataDir, 'store'), onFatal)
  const ledger = await openLedger(store, genesis)
  const journals = await openJournals(dataDir, onFatal)
  const { validator } = options
  const guard =
    validator === undefined
      ? undefined
      : await openGuard(signerOf(validator.consensus), ledger, journals.guard)
  const late: Late = { network: undefined }
  const blobs = openBlobs(dataDir, late)
  const lanes = openVerifierProcess({
    blobs,
    threads: options.verifierThreads,
    onCrash: (reason) => options.logger.warn('verifier-crashed', { reason }),
  })
  const fabric = await openFabric(options, blobs)
  const clock = createSystemClock()
  const engine = new Engine({
    ledger,
    identity: identityOf(options, fabric),
    wal: await recordsOf(journals.wal),
    receipts: await recordsOf(journals.receipts),
    signed: guard?.signedAt(ledger.head.height + 1n) ?? [],
    bodies: (await rangeOf(store, BODY_PREFIX)).map(([key, value]) => unsealed(key, value)),
    nowMs: clock.monotonicMs(),
  })
  const network = await openLibp2pNetwork({
    chainId: chainId(genesis),
    genesisHash: ledger.genesisHash,
    profile: options.profile,
    listen: options.listen,
    bootstrap: options.bootstrap,
    identity: join(dataDir, 'p2p.key'),
    peersPath: join(dataDir, 'peers.json'),
    status: () => encode(StatusBody, statusOf(engine.node)),
    logger: options.logger,
    meter: options.meter,
  })
  late.network = network
  network.serveBlobs(blobs)
  const courier = fabric === undefined ? undefined : courierOf(options, fabric, clock)
  const driver = new Driver(
    {
      clock,
      store,
      journals,
      network,
      guard,
      verifier: createEd25519Verifier(),
      blobs,
      lanes,
      run: courier === undefined ? undefined : (job, done) => void courier.submit(job, done),
      tell: (fact) => options.onFact(fact, engine),
    },
    engine,
  )
  driver.start()
  return {
    engine,
    ledger,
    network,
    store,
    blobs,
    fabric,
    chainId: chainId(genesis),
    submit: (bytes) => new Promise((done) => driver.submit(bytes, done)),
    stop: async () => {
      driver.stop()
      clock.stop()
      await network.close()
      await Promise.all([lanes.close(), fabric?.close()])
      await Promise.all([store.close(), closeJournals(journals)])
    },
  }
}

/** What is opened after those that need it. */
interface Late {
  network: Libp2pNetwork | undefined
}

/** Blobs that are not here are fetched over the network, once it is open. */
function openBlobs(dataDir: string, late: Late): BlobStore {
  const folder = join(dataDir, 'blobs')
  return openBlobStore(folder, DEFAULT_BLOB_LIMITS, loadAddon(), (want, sink) => {
    const { digest, lengthBytes, peers, deadlineMs } = want
    if (late.network === undefined) return Promise.resolve(refusal('node_starting'))
    return late.network.fetchBlob(digest, lengthBytes, peers, sink, durationMs(deadlineMs))
  })
}

async function openFabric({ provider, dataDir, logger }: NodeOptions, blobs: BlobStore) {
  if (provider === undefined) return undefined
  const kernelDigest = ownKernelDigest()
  const fabric = await openFabricProcess({ blobs, threads: provider.threads, kernelDigest })
  if (provider.profiles !== true) return fabric
  return profiledFabric(fabric, profileLogPath(dataDir), ({ code, facts }) =>
    logger.warn('profile-not-written', { code, ...facts }),
  )
}

function courierOf(
  { provider }: NodeOptions,
  fabric: Fabric,
  clock: ReturnType<typeof createSystemClock>,
): Courier {
  const tamper = provider?.tamper
  return openCourier({ fabric, clock, ...(tamper === undefined ? {} : { tamper }) })
}

function identityOf(
  { account, validator, provider }: NodeOptions,
  fabric: Fabric | undefined,
): Identity {
  return {
    account: account === undefined ? undefined : toHex(account.publicKey),
    accountSigner: account === undefined ? undefined : signerOf(account),
    attestor: validator === undefined ? undefined : signerOf(validator.consensus),
    vrfProve: validator === undefined ? undefined : (alpha) => vrfProve(validator.vrfSeed, alpha),
    coinSecret: validator?.coinSecret,
    fabric:
      fabric === undefined
        ? undefined
        : {
            name: fabric.manifest.name,
            kernelDigest: fabric.manifest.kernelDigest,
            benchmarkCommit: provider?.benchmarkCommit ?? '',
            profiles: provider?.profiles === true,
          },
  }
}
