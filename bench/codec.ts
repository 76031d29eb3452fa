/** How many transfers, receipts and whole blocks a core encodes and decodes in a second. */

import { type Codec, decode, encode } from '../src/base/codec.ts'
import { type Block, BlockCodec, EMPTY_COMMIT } from '../src/ledger/types/block.ts'
import { type Envelope, EnvelopeCodec, OBJECT_KIND_BYTES } from '../src/ledger/types/envelope.ts'
import { type Receipt, ReceiptCodec } from '../src/ledger/types/market.ts'
import { encodeAction, TransactionCodec } from '../src/ledger/types/transaction.ts'
import { type BenchLine, median, timesMs } from './line.ts'

const RUNS = 7
const BATCH = 2_000
const BLOCK_TRANSFERS = 500

export function run(): Promise<BenchLine[]> {
  return Promise.resolve([
    ...rates('transfer', EnvelopeCodec, transferOf(0), BATCH),
    ...rates('receipt', ReceiptCodec, RECEIPT, BATCH),
    ...rates('block_500_transfers', BlockCodec, blockOf(BLOCK_TRANSFERS), 8),
  ])
}

function rates<Value>(
  name: string,
  codec: Codec<Value>,
  value: Value,
  batch: number,
): readonly BenchLine[] {
  const bytes = encode(codec, value)
  const perSecond = (work: () => unknown): number => {
    const times = timesMs(RUNS, () => {
      for (let each = 0; each < batch; each++) work()
    })
    return (1_000 * batch) / median(times)
  }
  const facts = { bytes: bytes.length, runs: RUNS }
  return [
    { name: `encode_${name}`, unit: '1/s', value: perSecond(() => encode(codec, value)), facts },
    { name: `decode_${name}`, unit: '1/s', value: perSecond(() => decode(codec, bytes)), facts },
  ]
}

function transferOf(nonce: number): Envelope {
  const transfer = { to: filled(2), value: 1_000_000_000n }
  const body = encode(TransactionCodec, {
    sender: filled(1),
    nonce: BigInt(nonce),
    tip: 1_000n,
    ...encodeAction({ name: 'transfer', payload: transfer }),
  })
  return { kind: OBJECT_KIND_BYTES.transaction, body, signature: filled(3, 64) }
}

function blockOf(transfers: number): Block {
  const roots = filled(4)
  return {
    header: {
      version: 1,
      height: 1n,
      time: 1n,
      parentId: roots,
      lastCommitHash: roots,
      sectionRoots: {
        evidence: roots,
        attestations: roots,
        receipts: roots,
        transactions: roots,
        offers: roots,
      },
      receiptRoot: roots,
      evidenceRoot: roots,
      eventsRoot: roots,
      stateRoot: roots,
      paramsHash: roots,
      validatorsHash: roots,
      nextValidatorsHash: roots,
      proposer: roots,
      beaconProof: filled(5, 80),
    },
    lastCommit: EMPTY_COMMIT,
    evidence: [],
    attestations: [],
    receipts: [],
    transactions: Array.from({ length: transfers }, (_, nonce) => transferOf(nonce)),
    offers: [],
  }
}

const RECEIPT: Receipt = {
  job: filled(1),
  attempt: 1,
  provider: filled(2),
  fabric: new TextEncoder().encode('cpu'),
  program: filled(3),
  inputs: [{ digest: filled(4), length: 401_408n }],
  outputDigest: filled(5),
  traceRoot: filled(6),
  proofKind: 0,
  proofDigest: filled(7),
  proofBytes: 320n,
  units: 1_000_000n,
  payment: 1_000_000n,
  kernelDigest: filled(8),
  descriptorDigest: filled(9),
  benchmarkCommit: new Uint8Array(0),
  tensorProfile: null,
  gradientDigests: [],
}

function filled(byte: number, length = 32): Uint8Array {
  return new Uint8Array(length).fill(byte)
}
