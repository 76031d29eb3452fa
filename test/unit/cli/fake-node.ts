/**
 * A double of a node's HTTP interface: a chain of one account book that obeys what it is sent.
 *
 * Each submitted envelope is opened as the ledger opens it; a transaction raises the nonce and a
 * block; an offer becomes a job that moves one state further each time it is looked at.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { fromHex, toHex, utf8 } from '../../../src/base/bytes.ts'
import { decode, encode } from '../../../src/base/codec.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { ownKernelDigest } from '../../../src/compute/io/kernel-manifest.ts'
import { type Opened, openEnvelope } from '../../../src/ledger/objects.ts'
import { EnvelopeCodec } from '../../../src/ledger/types/envelope.ts'
import {
  chainId,
  type Genesis,
  GenesisCodec,
  genesisHash,
} from '../../../src/ledger/types/genesis.ts'
import { ProgramBuilder } from '../../../src/program/builder.ts'
import { S8 } from '../../../src/program/types.ts'
import { keyPairOf } from '../../../src/runtime/io/key-file.ts'

export const PROVIDER = 'aa'.repeat(32)
const KEY = keyPairOf(new Uint8Array(32).fill(9)).publicKey

export const GENESIS: Genesis = {
  name: utf8('devnet'),
  time: 1_700_000_000_000n,
  params: [],
  validators: [{ id: KEY, consensusKey: KEY, vrfKey: KEY, bond: 10n ** 15n }],
  accounts: [],
  kernelDigests: [ownKernelDigest()],
  faucet: KEY,
}

/** relu of 4 bytes. */
export function smallProgram() {
  const builder = new ProgramBuilder()
  const input = builder.input('x', { dtype: S8, dims: [4] })
  builder.output('y', builder.op('relu_s8', [input]))
  return builder.build()
}

export interface FakeNode {
  readonly url: string
  readonly sent: Opened[]
  readonly blobs: Map<string, Uint8Array>
  readonly state: FakeState
  close(): Promise<void>
}

export interface FakeState {
  height: number
  nonce: number
  balance: bigint
  /** What the faucet gives; undefined when there is none. */
  faucet: bigint | undefined
  bond: bigint | undefined
  vrfFrom: number
  providerBond: bigint | undefined
  asks: Record<string, unknown>[]
  jobs: Map<string, FakeJob>
  /** How each job ends. */
  ending: 'Settled' | 'Expired'
  /** Answers the clock of an `offset` in the future. */
  clockOffsetMs: number
  /** Accounts whose signatures stand in blocks. */
  signers: string[]
  genesisHash: string
}

interface FakeJob {
  readonly id: string
  readonly buyer: string
  looks: number
}

export function openAsk(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'bb'.repeat(32),
    provider: PROVIDER,
    lane: 'consumer',
    state: 'open',
    reason: '',
    unitPrice: '20000',
    blocksBase: 20,
    unitsPerBlock: 100_000,
    maxUnits: 1_000_000,
    maxOpenJobs: 4,
    openJobs: 0,
    expiryHeight: 1_000_000,
    suspendedUntil: null,
    includedHeight: 1,
    capabilities: [],
    ...more,
  }
}

export async function startFakeNode(): Promise<FakeNode> {
  const state: FakeState = {
    height: 10,
    nonce: 0,
    balance: 10n ** 12n,
    faucet: 5n * 10n ** 12n,
    bond: undefined,
    vrfFrom: 12,
    providerBond: undefined,
    asks: [openAsk()],
    jobs: new Map(),
    ending: 'Settled',
    clockOffsetMs: 0,
    signers: [],
    genesisHash: toHex(genesisHash(GENESIS)),
  }
  const sent: Opened[] = []
  const blobs = new Map<string, Uint8Array>()
  const server: Server = createServer((request, response) => {
    void answer({ state, sent, blobs, url }, request, response)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    sent,
    blobs,
    state,
    close: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

type Scene = Pick<FakeNode, 'state' | 'sent' | 'blobs' | 'url'>

async function answer(
  scene: Scene,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const body = new Uint8Array(Buffer.concat(chunks))
  const { pathname: path, searchParams } = new URL(request.url ?? '', scene.url)
  const provider = searchParams.get('provider')
  const value = request.method === 'POST' ? posted(scene, path, body) : got(scene, path, provider)
  const stamp = new Date(Date.now() + scene.state.clockOffsetMs).toUTCString()
  response.setHeader('date', stamp)
  if (value instanceof Uint8Array) response.end(value)
  else if (value === undefined) refused(response, 404, 'id_unknown')
  else if ('refused' in value) refused(response, 409, String(value['refused']))
  else response.end(JSON.stringify(value))
}

function refused(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status)
  const error = { code, message: code, facts: { path: '' }, hint: 'look again', docs: '' }
  response.end(JSON.stringify({ error }))
}

type Value = Record<string, unknown> | Uint8Array | undefined

function posted({ state, sent, blobs }: Scene, path: string, body: Uint8Array): Value {
  if (path === '/blocktorch/blobs') {
    const digest = toHex(blake3(body))
    blobs.set(digest, body)
    return { digest, bytes: body.length }
  }
  if (path === '/blocktorch/faucet') {
    if (state.faucet === undefined) return { refused: 'faucet_absent' }
    state.balance += state.faucet
    return { id: '00'.repeat(32), value: String(state.faucet) }
  }
  const { envelope } = JSON.parse(new TextDecoder().decode(body)) as { envelope: string }
  const hash = genesisHash(GENESIS)
  const opened = openEnvelope(hash, decode(EnvelopeCodec, fromHex(envelope)))
  sent.push(opened)
  state.height++
  obey(state, opened)
  return { id: opened.id, accepted: true }
}

function obey(state: FakeState, opened: Opened): void {
  if (opened.kind === 'offer') {
    state.jobs.set(opened.id, { id: opened.id, buyer: toHex(opened.body.buyer), looks: 0 })
  }
  if (opened.kind !== 'transaction') return
  state.nonce++
  const { action } = opened
  if (action.name === 'bond') state.bond = (state.bond ?? 0n) + action.payload.value
  if (action.name === 'register-provider') state.providerBond = action.payload.bond
  if (action.name === 'post-ask') {
    const provider = toHex(opened.body.sender)
    const unitPrice = String(action.payload.unitPrice)
    state.asks.push(openAsk({ id: opened.id, provider, unitPrice }))
  }
}

function got(scene: Scene, path: string, provider: string | null): Value {
  const { state, blobs } = scene
  const [, , kind = '', id = ''] = path.split('/')
  switch (kind) {
    case 'status':
      return statusOf(scene)
    case 'peers':
      return { items: [], reason: '0 peers because nobody was named' }
    case 'genesis':
      return {
        genesis: toHex(encode(GenesisCodec, GENESIS)),
        genesisHash: state.genesisHash,
        chainId: chainId(GENESIS),
        bootstrap: ['/ip4/127.0.0.1/tcp/1'],
      }
    case 'accounts':
      return accountOf(state, id)
    case 'asks':
      return {
        items: state.asks.filter((ask) => provider === null || ask['provider'] === provider),
      }
    case 'programs':
      return id === '' ? { items: [programView()] } : programView()
    case 'jobs':
      return jobView(state, id)
    case 'blobs':
      return blobs.get(id)
    case 'blocks':
      state.height++
      return { items: [blockView(state)] }
    case 'compute':
      return { kernelDigests: [toHex(ownKernelDigest())] }
    case 'gov':
      return { version: 0, height: 0, items: PARAMS }
    default:
      return undefined
  }
}

const PARAMS = [
  { key: 'gov_deposit', value: '100' },
  { key: 'validator_min_bond', value: '1000000000000' },
  { key: 'provider_min_bond', value: '100000000000' },
]

function statusOf({ state, url }: Scene): Record<string, unknown> {
  const id = '11'.repeat(32)
  return {
    version: '0.1.0',
    peerId: 'peer',
    addresses: [],
    account: null,
    roles: ['observer'],
    chain: {
      id: chainId(GENESIS),
      name: 'devnet',
      genesisHash: toHex(genesisHash(GENESIS)),
      height: state.height,
      headId: id,
      headTimeMs: 0,
      stateRoot: id,
      paramsVersion: 0,
      syncing: false,
    },
    consensus: { height: state.height + 1, round: 0, step: 'propose' },
    peers: 0,
    pool: { transactions: 1, offers: 0, receipts: 0, attestations: 0, evidence: 0 },
    http: url,
  }
}

function accountOf(state: FakeState, id: string): Record<string, unknown> {
  // Time passes while somebody waits.
  state.height++
  const isIn = state.bond !== undefined && state.height >= state.vrfFrom
  if (isIn && !state.signers.includes(id)) state.signers.push(id)
  const validator =
    state.bond === undefined
      ? null
      : {
          state: isIn ? 'active' : 'joining',
          power: '1000',
          bond: String(state.bond),
          vrfFrom: state.vrfFrom,
          jailedUntil: null,
        }
  const provider =
    state.providerBond === undefined
      ? null
      : { state: 'active', bond: String(state.providerBond), free: '0' }
  return { id, balance: String(state.balance), nonce: state.nonce, validator, provider }
}

function blockView(state: FakeState): Record<string, unknown> {
  return { height: state.height, signers: state.signers, counts: {}, events: [], timeMs: 0 }
}

export function programView(): Record<string, unknown> {
  const { bytes, digest } = smallProgram()
  return {
    id: toHex(digest),
    owner: PROVIDER,
    name: 'small',
    state: 'available',
    reason: '',
    registeredHeight: 1,
    weights: [],
    deposit: '0',
    openJobs: 0,
    ir: toHex(bytes),
    opCount: 1,
    inputs: [{ dtype: S8, dims: [4], bytes: 4 }],
  }
}

const STORY: readonly (readonly [state: string, kind: string, reason: string])[] = [
  ['Offered', 'job-offered', ''],
  ['Matched', 'job-matched', ''],
  ['Anchored', 'attempt-anchored', ''],
  ['Verified', 'attempt-verified', ''],
]

function jobView(state: FakeState, id: string): Value {
  const job = state.jobs.get(id)
  // The first look finds it in no block yet.
  if (job === undefined || job.looks++ === 0) return undefined
  const { ending } = state
  const end = [[ending, ending === 'Settled' ? 'job-settled' : 'job-expired', 'all_done']] as const
  const steps = [...STORY, ...end].slice(0, job.looks - 1)
  const [current = ''] = steps.at(-1) ?? []
  const output = '22'.repeat(32)
  return {
    id,
    buyer: job.buyer,
    program: '33'.repeat(32),
    programName: 'small',
    lane: 'consumer',
    verification: 'fold',
    state: current,
    reason: current === ending ? 'all_done' : '',
    attempt: 1,
    priceCeiling: '100',
    offeredHeight: 11,
    expiryHeight: 1000,
    payment: '77000000000',
    provider: PROVIDER,
    outputDigest: output,
    attempts: [
      {
        attempt: 1,
        provider: PROVIDER,
        state: current,
        reason: '',
        payment: '77000000000',
        verifyMicrosMedian: 1500,
        outputs: [],
      },
    ],
    history: steps.map(([, kind, reason], index) => ({
      height: 11 + index,
      kind,
      reason,
      value: kind === 'job-settled' ? '77000000000' : '0',
      count: 1,
      actor: kind === 'job-offered' ? job.buyer : PROVIDER,
    })),
  }
}
