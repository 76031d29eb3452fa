/** Wire forms, certificates, parts and the write-ahead log. */

import { strict as check } from 'node:assert'

import * as fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { encode } from '../../../src/base/codec.ts'
import { RefusalError } from '../../../src/base/refusal.ts'
import { bitmapOf, indicesOf } from '../../../src/consensus/bitmap.ts'
import {
  certificateChecks,
  certificateVotes,
  commitOf,
  judgeCertificate,
} from '../../../src/consensus/certificate.ts'
import { evidencePayload } from '../../../src/consensus/misbehavior.ts'
import {
  addPart,
  BODY_BYTES_MAX,
  cutBody,
  judgePart,
  newPartsBox,
  proposalParts,
} from '../../../src/consensus/parts.ts'
import {
  type Certificate,
  decodeCertificate,
  decodeProposalMessage,
  decodeVote,
  encodeCertificate,
  encodeProposalMessage,
  encodeVote,
  PART_BYTES_MAX,
  type ProposalMessage,
  VOTE_BYTES_MAX,
  voteBody,
  voteSigningDigest,
} from '../../../src/consensus/types.ts'
import { encodeWalEntry, readWal, type WalEntry } from '../../../src/consensus/wal.ts'
import { SignedVoteCodec } from '../../../src/ledger/types/vote.ts'
import { A, B, FOUR, proposal, quorum, vote, votes } from './make.ts'
import { GENESIS_HASH, validators } from './world.ts'

function code(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal.code
    throw error
  }
  return 'none'
}

const hex32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex)
const signature = fc.uint8Array({ minLength: 64, maxLength: 64 })
const anyVote = fc
  .record({
    type: fc.constantFrom('prevote' as const, 'precommit' as const),
    height: fc.bigInt(0n, (1n << 64n) - 1n),
    round: fc.nat(0x7fff_ffff),
    value: fc.option(hex32),
    validator: fc.nat(65_535),
    signature,
    share: fc.double({ min: 0, max: 0.999, noNaN: true }),
  })
  .map(({ share, ...fields }) => {
    const validRound = fields.type === 'prevote' ? Math.floor(share * (fields.round + 1)) - 1 : -1
    return { ...fields, validRound }
  })

const certificates: readonly Certificate[] = [
  quorum({ round: 3, validRound: 1 }),
  quorum({ type: 'precommit' }, [0, 2, 3]),
  {
    kind: 'round',
    height: 1n,
    round: 2,
    votes: votes({ type: 'precommit', round: 1, value: null }, [0, 1, 3]),
  },
]

describe('Consensus messages', () => {
  it('come back from their bytes, votes within 1 KiB', () => {
    fc.assert(
      fc.property(anyVote, (each) => {
        const bytes = encodeVote(each)
        check.ok(bytes.length <= VOTE_BYTES_MAX)
        check.deepEqual(decodeVote(bytes), each)
      }),
    )
    for (const certificate of certificates) {
      check.deepEqual(decodeCertificate(encodeCertificate(certificate)), certificate)
    }
    const messages: readonly ProposalMessage[] = [
      { kind: 'proposal', proposal: proposal() },
      {
        kind: 'proposal',
        proposal: proposal({ round: 2, validRound: 1, polka: quorum({ round: 1 }) }),
      },
      {
        kind: 'part',
        part: { height: 1n, round: 0, value: A, index: 1, bytes: new Uint8Array(5), path: [] },
      },
    ]
    for (const message of messages) {
      check.deepEqual(decodeProposalMessage(encodeProposalMessage(message)), message)
    }
  })

  it('are refused with a code when they cannot be honest', () => {
    const wire = (fields: object): Uint8Array =>
      encode(SignedVoteCodec, {
        body: { ...voteBody(vote()), ...fields },
        validator: 0,
        signature: new Uint8Array(64),
      })
    check.equal(
      code(() => decodeVote(wire({ type: 3 }))),
      'vote_type_unknown',
    )
    check.equal(
      code(() => decodeVote(wire({ validRound: 1 }))),
      'vote_misplaced_valid_round',
    )
    check.equal(
      code(() => decodeVote(wire({ type: 2, round: 9, validRound: 1 }))),
      'vote_misplaced_valid_round',
    )
    check.equal(
      code(() => decodeVote(wire({ round: 0x8000_0000 }))),
      'round_out_of_range',
    )
    const whole = encodeVote(vote())
    check.match(
      code(() => decodeVote(whole.subarray(1))),
      /^codec_/,
    )
    check.match(
      code(() => decodeVote(new Uint8Array([...whole, 0]))),
      /^codec_/,
    )
    const polkaless = encodeProposalMessage({
      kind: 'proposal',
      proposal: { ...proposal({ round: 2 }), validRound: 1 },
    })
    check.equal(
      code(() => decodeProposalMessage(polkaless)),
      'proposal_malformed',
    )
    const partless = encodeProposalMessage({
      kind: 'proposal',
      proposal: proposal({ partsCount: 9 }),
    })
    check.equal(
      code(() => decodeProposalMessage(partless)),
      'proposal_malformed',
    )
  })

  it('never crash a decoder, whatever the bytes', () => {
    const seeds = [
      encodeVote(vote()),
      ...certificates.map(encodeCertificate),
      encodeProposalMessage({ kind: 'proposal', proposal: proposal() }),
    ]
    const decoders = [decodeVote, decodeCertificate, decodeProposalMessage]
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 })
    fc.assert(
      fc.property(fc.constantFrom(...seeds), changes, fc.nat(400), (seed, edits, cut) => {
        const bytes = seed.slice(0, Math.max(1, seed.length - (cut % 7)))
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte
        for (const decode of decoders)
          check.notEqual(
            code(() => decode(bytes)),
            '',
          )
      }),
      { numRuns: 500 },
    )
  })

  it('are signed over one digest for all voters of a claim, another for any other', () => {
    const digest = (fields: object): string => toHex(voteSigningDigest(GENESIS_HASH, vote(fields)))
    check.equal(digest({ validator: 1 }), digest({ validator: 2 }))
    const others = [
      { value: B },
      { value: null },
      { round: 1 },
      { height: 2n },
      { type: 'precommit' },
      { round: 1, validRound: 0 },
    ]
    check.equal(new Set([{}, ...others].map(digest)).size, others.length + 1)
    check.notEqual(toHex(voteSigningDigest(new Uint8Array(32), vote())), digest({}))
  })

  it('name signers by the shortest bitmap', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(127), { maxLength: 128 }), (indices) => {
        const sorted = [...indices].sort((left, right) => left - right)
        check.deepEqual(indicesOf(bitmapOf(indices)), sorted)
      }),
    )
    check.equal(
      code(() => indicesOf(new Uint8Array([1, 0]))),
      'certificate_malformed',
    )
  })
})

describe('Certificates', () => {
  it('are sound with more than two thirds of the members, ascending', () => {
    const judge = (certificate: Certificate): string | undefined =>
      judgeCertificate(certificate, FOUR)?.code
    for (const certificate of certificates) check.equal(judge(certificate), undefined)
    const polka = quorum({})
    check.equal(judge(quorum({}, [0, 1])), 'certificate_below_quorum')
    check.equal(judge(quorum({}, [0, 1, 4])), 'certificate_unknown_signer')
    check.equal(judge({ ...polka, signers: [2, 1, 0] }), 'certificate_malformed')
    check.equal(judge({ ...polka, signers: [0, 1, 1] }), 'certificate_malformed')
    check.equal(judge({ ...polka, signatures: polka.signatures.slice(1) }), 'certificate_malformed')
  })

  it('lead to a round by a third in it or two thirds of precommits before it', () => {
    const judge = (cast: readonly ReturnType<typeof vote>[]): string | undefined =>
      judgeCertificate({ kind: 'round', height: 1n, round: 5, votes: cast }, FOUR)?.code
    check.equal(judge(votes({ round: 5 }, [0, 1])), undefined)
    check.equal(judge(votes({ round: 5 }, [0])), 'certificate_below_quorum')
    check.equal(judge(votes({ type: 'precommit', round: 4 }, [0, 1, 2])), undefined)
    check.equal(judge(votes({ type: 'precommit', round: 4 }, [0, 1])), 'certificate_below_quorum')
    check.equal(judge(votes({ type: 'prevote', round: 4 }, [0, 1, 2])), 'certificate_malformed')
    check.equal(judge(votes({ round: 5 }, [0, 0])), 'certificate_malformed')
    check.equal(judge(votes({ round: 5 }, [0, 7])), 'certificate_unknown_signer')
  })

  it('ask for one check a signature, with the key of its signer', () => {
    const commit = quorum({ type: 'precommit' }, [0, 2, 3])
    const checks = certificateChecks(commit, FOUR, GENESIS_HASH)
    check.deepEqual(
      checks.map(({ publicKey }) => publicKey),
      [0, 2, 3].map((index) => FOUR.members[index]?.consensusKey),
    )
    check.deepEqual(
      checks.map(({ digest }) => digest),
      certificateVotes(commit).map((each) => voteSigningDigest(GENESIS_HASH, each)),
    )
    check.deepEqual([...commitOf(commit).signers], [0b1101])
  })

  it('and evidence fit their limits with 128 validators', () => {
    const all = [...validators(Array.from({ length: 128 }, () => 1)).members.keys()]
    const polka = quorum({ round: 2 }, all)
    const commit = quorum({ type: 'precommit', round: 1, value: B }, all)
    check.ok(evidencePayload({ kind: 'amnesia', commit, polka }).length <= 60 * 1024)
    const again = proposal({ round: 3, validRound: 2, polka })
    check.ok(encodeProposalMessage({ kind: 'proposal', proposal: again }).length <= 64 * 1024)
  })
})

describe('Parts of a body', () => {
  const cases = [1, PART_BYTES_MAX, PART_BYTES_MAX + 1, BODY_BYTES_MAX]

  it('are judged alone and give the body back in any order', () => {
    for (const length of cases) {
      const body = new Uint8Array(length).map((_, at) => at * 7)
      const cut = cutBody(body)
      const { partsRoot, partsCount, bodyBytes } = cut
      const signed = proposal({ partsRoot, partsCount, bodyBytes })
      const box = newPartsBox(signed)
      const parts = proposalParts(signed, cut).reverse()
      parts.forEach((part, at) => {
        check.equal(judgePart(signed, part), undefined)
        const bytes = encodeProposalMessage({ kind: 'part', part })
        check.ok(bytes.length <= 64 * 1024)
        const whole = addPart(box, part)
        if (at < parts.length - 1) check.equal(whole, undefined)
        else check.deepEqual(whole, body)
      })
    }
    check.throws(() => cutBody(new Uint8Array(0)))
    check.throws(() => cutBody(new Uint8Array(BODY_BYTES_MAX + 1)))
  })

  it('are foreign when anything about them differs', () => {
    const cut = cutBody(new Uint8Array(2 * PART_BYTES_MAX).fill(5))
    const { partsRoot, partsCount, bodyBytes } = cut
    const signed = proposal({ partsRoot, partsCount, bodyBytes })
    const [first] = proposalParts(signed, cut)
    check.ok(first !== undefined)
    const flipped = first.bytes.slice()
    flipped[100] = 6
    const foreign = [
      { ...first, bytes: flipped },
      { ...first, index: 1 },
      { ...first, index: 5 },
      { ...first, path: first.path.slice(1) },
      { ...first, bytes: first.bytes.subarray(1) },
    ]
    for (const part of foreign) check.equal(judgePart(signed, part)?.code, 'part_foreign')
    check.equal(judgePart({ ...signed, bodyBytes: 1 }, first)?.code, 'proposal_malformed')
  })
})

describe('Write-ahead log', () => {
  it('gives back the entries of one height in order', () => {
    const entries: readonly WalEntry[] = [
      { kind: 'started' },
      { kind: 'vote', vote: vote() },
      { kind: 'proposal', proposal: proposal() },
      { kind: 'judged', round: 2, value: A, valid: false },
      { kind: 'judged', round: 2, value: B, valid: true },
      {
        kind: 'built',
        round: 1,
        built: { value: B, partsRoot: new Uint8Array(32).fill(8), partsCount: 3, bodyBytes: 9 },
      },
      ...certificates.map((certificate) => ({ kind: 'certificate', certificate }) as const),
      { kind: 'timeout', timeout: 'precommit', round: 4 },
    ]
    const records = entries.flatMap((entry) => [
      encodeWalEntry(6n, { kind: 'started' }),
      encodeWalEntry(7n, entry),
    ])
    check.deepEqual(readWal(records, 7n), entries)
    check.deepEqual(readWal(records, 8n), [])
    check.match(
      code(() => readWal([new Uint8Array(3)], 1n)),
      /^codec_/,
    )
  })
})
