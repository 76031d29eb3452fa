/** The gates: what is rejected before any state is asked, what is a copy, what is parked. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { encode } from '../../../src/base/codec.ts'
import { refusal } from '../../../src/base/refusal.ts'
import { encodeVote, type Vote } from '../../../src/consensus/types.ts'
import {
  EnvelopeCodec,
  OBJECT_KIND_BYTES,
  type ObjectKind,
  objectId,
} from '../../../src/ledger/types/envelope.ts'
import { CancelOfferCodec } from '../../../src/ledger/types/market.ts'
import { KINDS_OF_TOPIC, type LedgerTopic } from '../../../src/p2p/gate/ledger-gate.ts'
import type { Admission, Admitters } from '../../../src/p2p/gate/types.ts'
import { type Decision, Intake } from '../../../src/p2p/intake.ts'
import { TOPICS } from '../../../src/p2p/topics.ts'
import type { Topic } from '../../../src/runtime/ports.ts'

const GENESIS = new Uint8Array(32).fill(3)
const VOTE: Vote = {
  type: 'prevote',
  height: 5n,
  round: 0,
  value: 'ab'.repeat(32),
  validRound: -1,
  validator: 2,
  signature: new Uint8Array(64).fill(8),
}

function envelope(kind: ObjectKind, body: Uint8Array, signature = 1): Uint8Array {
  const bytes = new Uint8Array(64).fill(signature)
  return encode(EnvelopeCodec, { kind: OBJECT_KIND_BYTES[kind], body, signature: bytes })
}

/** An intake whose rooms below always answer the same. */
function intake(admission: Admission = { kind: 'check', checks: [] }): {
  readonly intake: Intake
  readonly asked: string[]
  readonly send: (topic: Topic, bytes: Uint8Array, height?: bigint) => readonly Decision[]
} {
  const asked: string[] = []
  const admitters: Admitters = {
    genesisHash: GENESIS,
    admitObject: (_envelope, kind, id) => {
      asked.push(`${kind} ${toHex(id).slice(0, 4)}`)
      return admission
    },
    admitVote: () => admission,
    admitProposal: () => admission,
  }
  const made = new Intake(admitters)
  let token = 0
  return {
    intake: made,
    asked,
    send: (topic, bytes, height = 1n) => {
      token++
      const dropped = made.arrive({ topic, bytes, from: 'peer', token }, height)
      return [...dropped, ...made.next(10, height)]
    },
  }
}

function codes(decisions: readonly Decision[]): readonly string[] {
  return decisions.map((one) =>
    one.kind === 'check' ? 'check' : `${one.kind} ${one.refusal.code}`,
  )
}

describe('the gates', () => {
  it('let each kind in on its own topic and reject it on every other', () => {
    for (const topic of Object.keys(KINDS_OF_TOPIC) as LedgerTopic[]) {
      for (const kind of Object.keys(OBJECT_KIND_BYTES) as ObjectKind[]) {
        const got = codes(intake().send(topic, envelope(kind, Uint8Array.of(1))))
        const belongs = KINDS_OF_TOPIC[topic].includes(kind)
        check.deepEqual(
          got,
          [belongs ? 'check' : 'reject gossip_wrong_topic'],
          `${kind} on ${topic}`,
        )
      }
    }
  })

  it('reject anything that is not one canonical object, on every topic', () => {
    fc.assert(
      fc.property(fc.constantFrom(...TOPICS), fc.uint8Array({ maxLength: 400 }), (topic, bytes) => {
        const [decision] = intake().send(topic, bytes)
        check.ok(decision !== undefined)
        check.notEqual(decision.kind, 'ignore')
      }),
    )
    const padded = Uint8Array.of(...envelope('receipt', Uint8Array.of(1)), 0)
    check.equal(intake().send('receipts', encodeVote(VOTE))[0]?.kind, 'reject')
    check.ok(intake().send('receipts', padded)[0] !== undefined)
  })

  it('reject an object longer than its kind allows before the ledger is asked', () => {
    const { send, asked } = intake()
    check.deepEqual(codes(send('receipts', envelope('receipt', new Uint8Array(17_000)))), [
      'reject gossip_oversized',
    ])
    check.deepEqual(asked, [])
  })

  it('count an object as seen only when it was accepted, whatever its signature', () => {
    const { intake: made, send } = intake()
    const forged = envelope('receipt', Uint8Array.of(5), 66)
    const genuine = envelope('receipt', Uint8Array.of(5), 1)
    const [first] = send('receipts', forged)
    check.equal(first?.kind, 'check')
    made.settle(first?.token ?? 0, false)
    const [second] = send('receipts', genuine)
    check.equal(second?.kind, 'check', 'a forged copy does not keep out the genuine one')
    made.settle(second?.token ?? 0, true)
    check.deepEqual(codes(send('receipts', forged)), ['ignore gossip_duplicate'])
    made.remember(toHex(objectId('receipt', GENESIS, Uint8Array.of(6))))
    check.deepEqual(codes(send('receipts', envelope('receipt', Uint8Array.of(6)))), [
      'ignore gossip_duplicate',
    ])
  })

  it('let a second, different vote of one validator through: it is evidence', () => {
    const { intake: made, send } = intake()
    const [first] = send('consensus-votes', encodeVote(VOTE))
    check.equal(first?.kind, 'check')
    made.settle(first?.token ?? 0, true)
    check.deepEqual(codes(send('consensus-votes', encodeVote(VOTE))), ['ignore gossip_duplicate'])
    const other = encodeVote({ ...VOTE, value: 'cd'.repeat(32) })
    check.deepEqual(codes(send('consensus-votes', other)), ['check'])
  })

  it('ignore an offer that has expired, on arrival and after waiting', () => {
    const body = encode(CancelOfferCodec, {
      buyer: new Uint8Array(32),
      offer: new Uint8Array(32),
      tip: 0n,
      expiryHeight: 9n,
    })
    const bytes = envelope('cancel-offer', body)
    check.deepEqual(codes(intake().send('job-offers', bytes, 8n)), ['check'])
    check.deepEqual(codes(intake().send('job-offers', bytes, 9n)), ['ignore gossip_expired'])
    const { intake: made } = intake()
    check.deepEqual(made.arrive({ topic: 'job-offers', bytes, from: 'p', token: 1 }, 8n), [])
    check.deepEqual(codes(made.next(1, 9n)), ['ignore gossip_expired'])
  })

  it('park what is early, gate it again after each commit and answer it in the end', () => {
    const early: Admission = { kind: 'park', refusal: refusal('object_unknown') }
    const { intake: made, send, asked } = intake(early)
    check.deepEqual(send('receipts', envelope('receipt', Uint8Array.of(1)), 10n), [])
    check.equal(made.parked, 1)
    check.deepEqual(made.committed(11n), [])
    check.deepEqual(made.committed(12n), [])
    check.deepEqual(codes(made.committed(13n)), ['ignore gossip_parking_expired'])
    check.equal(asked.length, 4)
    check.equal(made.parked, 0)
  })

  it('pass on what the rooms below say', () => {
    const no = refusal('receipt_unmatched')
    for (const kind of ['ignore', 'reject'] as const) {
      const { send } = intake({ kind, refusal: no })
      check.deepEqual(codes(send('receipts', envelope('receipt', Uint8Array.of(1)))), [
        `${kind} receipt_unmatched`,
      ])
    }
  })
})
