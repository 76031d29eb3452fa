/** Sections: what a block may hold, and that a block at every cap still fits its eight parts. */

import { strict as check } from 'node:assert'

import { encode } from '../../../../src/base/codec.ts'
import {
  checkSections,
  envelopeBytes,
  SECTION_BYTES_MAX,
  SECTION_KINDS,
  SECTIONS,
} from '../../../../src/ledger/sections.ts'
import {
  BLOCK_BYTES_MAX,
  type Block,
  BlockCodec,
  SECTION_MAX,
  type SectionName,
  VALIDATORS_MAX,
} from '../../../../src/ledger/types/block.ts'
import {
  ENVELOPE_BYTES_MAX,
  type Envelope,
  EnvelopeCodec,
  OBJECT_KIND_BYTES,
} from '../../../../src/ledger/types/envelope.ts'
import { type Actor, actors, Chain, genesisOf, transaction, transfer } from './chain.ts'

const VALIDATORS = actors('validator', 4)
const [FIRST] = VALIDATORS as [Actor]

/** Shortest body of the kinds of each section, bytes. */
const BODY_BYTES_MIN: Readonly<Record<SectionName, number>> = {
  evidence: 100,
  attestations: 44,
  receipts: 104,
  transactions: 62,
  offers: 88,
}

function envelopeOf(section: SectionName, bodyBytes: number): Envelope {
  const [kind] = SECTION_KINDS[section]
  check.ok(kind !== undefined)
  const body = new Uint8Array(bodyBytes)
  return { kind: OBJECT_KIND_BYTES[kind], body, signature: new Uint8Array(64) }
}

/** As many of the smallest objects as the section takes, then one that fills it up. */
function filled(section: SectionName): Envelope[] {
  const small = envelopeOf(section, BODY_BYTES_MIN[section])
  const bytesMax = SECTION_BYTES_MAX[section]
  const count = Math.min(SECTION_MAX[section], Math.floor(bytesMax / envelopeBytes(small)))
  const list = Array.from({ length: count }, () => small)
  const left = bytesMax - count * envelopeBytes(small)
  const [kind] = SECTION_KINDS[section]
  check.ok(kind !== undefined)
  const room = ENVELOPE_BYTES_MAX[kind] - envelopeBytes(small)
  list[0] = envelopeOf(section, BODY_BYTES_MIN[section] + Math.min(left, room))
  return list
}

const EMPTY: Pick<Block, SectionName> = {
  evidence: [],
  attestations: [],
  receipts: [],
  transactions: [],
  offers: [],
}

describe('sections', () => {
  it('count the bytes that an envelope has', () => {
    for (const section of SECTIONS) {
      const envelope = envelopeOf(section, 100)
      check.equal(envelopeBytes(envelope), encode(EnvelopeCodec, envelope).length)
    }
  })

  it('fit a block of eight parts, all of them full', () => {
    const chain = new Chain(genesisOf(VALIDATORS, []), VALIDATORS)
    const { header } = chain.build()
    const full = Object.fromEntries(SECTIONS.map((name) => [name, filled(name)]))
    const block = {
      header,
      lastCommit: {
        height: 1n,
        round: 0,
        blockId: new Uint8Array(32),
        signers: new Uint8Array(VALIDATORS_MAX / 8).fill(255),
        signatures: Array.from({ length: VALIDATORS_MAX }, () => new Uint8Array(64)),
      },
      ...(full as unknown as Pick<Block, SectionName>),
    }
    check.equal(checkSections(block), undefined)
    check.ok(encode(BlockCodec, block).length <= BLOCK_BYTES_MAX)
  })

  it('take no byte more, and no kind of another', () => {
    for (const section of SECTIONS) {
      const [kind] = SECTION_KINDS[section]
      check.ok(kind !== undefined)
      const longest = envelopeOf(section, ENVELOPE_BYTES_MAX[kind] - 69)
      const count = Math.floor(SECTION_BYTES_MAX[section] / ENVELOPE_BYTES_MAX[kind])
      const most = Array.from({ length: count }, () => longest)
      check.equal(checkSections({ ...EMPTY, [section]: most }), undefined)
      const over = [...most, longest]
      check.equal(checkSections({ ...EMPTY, [section]: over })?.code, 'block_section_full')
      const long = envelopeOf(section, ENVELOPE_BYTES_MAX[kind])
      check.equal(checkSections({ ...EMPTY, [section]: [long] })?.code, 'object_oversized')
      const foreign = { ...envelopeOf(section, 100), kind: 99 }
      check.equal(checkSections({ ...EMPTY, [section]: [foreign] })?.code, 'block_object_misplaced')
    }
  })

  it('are never overfilled by the builder', () => {
    const chain = new Chain(genesisOf(VALIDATORS, []), VALIDATORS)
    const { ledger, pool } = chain
    for (const from of VALIDATORS) {
      for (let nonce = 0n; nonce < 16n; nonce++) {
        const signed = transaction(ledger.genesisHash, from, nonce, transfer(FIRST, 1n))
        check.equal(pool.add(ledger, signed, false), undefined)
      }
    }
    check.equal(pool.candidates('transactions').length, 64)
    check.equal(checkSections(chain.build()), undefined)
  })
})
