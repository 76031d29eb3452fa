/**
 * What peers ask for by stream: status, blocks, certificates, votes, overdue objects, receipts.
 *
 * Every answer is bounded before it is made: counts by the protocol's codec, bytes by the network.
 */

import { toHex } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { attempt, refusal } from '../base/refusal.ts'
import { bestCertificates, knownProposals, knownVotes } from '../consensus/state.ts'
import { encodeCertificate, encodeProposalMessage, encodeVote } from '../consensus/types.ts'
import { blockKey, heightKey, unsealed } from '../ledger/store-schema.ts'
import { EnvelopeCodec } from '../ledger/types/envelope.ts'
import {
  BlocksByRangeBody,
  BlocksByRootBody,
  CertificateBody,
  EvidenceBody,
  PushBody,
  ReceiptsByJobBody,
  StatusBody,
  VotesBody,
} from '../p2p/protocols.ts'
import { TOPICS } from '../p2p/topics.ts'
import type { NodeEvent, Reply, Token } from './events.ts'
import { onPushed } from './gossip-desk.ts'
import { proposalMessages } from './proposal-messages.ts'
import type { NodeState } from './state.ts'
import { hearStatus, REPAIR_KINDS, statusOf } from './sync-desk.ts'
import { ask, say, type Turn } from './turn.ts'

export function onAsked(
  node: NodeState,
  turn: Turn,
  event: Extract<NodeEvent, { kind: 'asked' }>,
): void {
  const outcome = attempt(() => serve(node, turn, event))
  if ('refused' in outcome) reply(turn, event.request, { refusal: outcome.refused })
}

function serve(
  node: NodeState,
  turn: Turn,
  { protocol, bytes, from, request }: Extract<NodeEvent, { kind: 'asked' }>,
): void {
  switch (protocol) {
    case 'status':
      reply(turn, request, { chunks: [encode(StatusBody, statusOf(node))] })
      hearStatus(node, turn, from, bytes)
      return
    case 'blocks-by-range': {
      const range = decode(BlocksByRangeBody, bytes)
      const last = node.ledger.head.height
      const heights: bigint[] = []
      for (let at = range.from; at <= last && heights.length < range.count; at++) heights.push(at)
      sendStored(turn, request, heights.map(blockKey))
      return
    }
    case 'blocks-by-root':
      sendByRoot(turn, request, decode(BlocksByRootBody, bytes))
      return
    case 'certificate':
      sendCertificate(node, turn, request, decode(CertificateBody, bytes).height)
      return
    case 'votes':
      reply(turn, request, { chunks: repairChunks(node, decode(VotesBody, bytes)) })
      return
    case 'push':
      reply(turn, request, { chunks: [] })
      for (const item of decode(PushBody, bytes)) {
        const topic = TOPICS[item.topic]
        if (topic !== undefined) onPushed(node, turn, topic, item.bytes, from)
      }
      return
    case 'receipts-by-job':
      reply(turn, request, { chunks: pooledReceipts(node, decode(ReceiptsByJobBody, bytes).job) })
      return
    case 'evidence': {
      const pooled = node.pool.get(toHex(decode(EvidenceBody, bytes).id))
      const chunks = pooled === undefined ? [] : [encode(EnvelopeCodec, pooled.envelope)]
      reply(turn, request, { chunks })
      return
    }
  }
}

function reply(turn: Turn, request: Token, answer: Reply): void {
  say(turn, { kind: 'reply', request, reply: answer })
}

/** Blocks with their commits, as stored; ends at the first that is missing. */
function sendStored(turn: Turn, request: Token, keys: readonly string[]): void {
  ask(turn, { kind: 'load', keys }, (later, { values }) => {
    const chunks: Uint8Array[] = []
    for (const [index, value] of values.entries()) {
      if (value.length === 0) break
      chunks.push(unsealed(keys[index] as string, value))
    }
    reply(later, request, { chunks })
  })
}

function sendByRoot(turn: Turn, request: Token, ids: readonly Uint8Array[]): void {
  const keys = ids.map((id) => heightKey(toHex(id)))
  ask(turn, { kind: 'load', keys }, (later, { values }) => {
    const heights = values.flatMap((value, index) =>
      value.length === 0
        ? []
        : [BigInt(new TextDecoder().decode(unsealed(keys[index] as string, value)))],
    )
    sendStored(later, request, heights.map(blockKey))
  })
}

function sendCertificate(node: NodeState, turn: Turn, request: Token, height: bigint): void {
  if (height === node.ledger.head.height + 1n && node.consensus.current !== undefined) {
    const chunks = bestCertificates(node.consensus.current).map(encodeCertificate)
    reply(turn, request, { chunks })
    return
  }
  if (height > node.ledger.head.height || height < 1n) {
    reply(turn, request, { refusal: refusal('height_unknown', { height }) })
    return
  }
  sendStored(turn, request, [blockKey(height)])
}

/** Everything that may help a peer out of (height, round): each chunk with its kind before it. */
function repairChunks(
  node: NodeState,
  { height, round }: { readonly height: bigint; readonly round: number },
): Uint8Array[] {
  const { consensus } = node
  const rounds = round > 0 ? [round - 1, round] : [round]
  const certificates =
    consensus.current?.setup.height === height ? bestCertificates(consensus.current) : []
  return [
    ...rounds.flatMap((each) =>
      knownVotes(consensus, height, each).map((vote) =>
        tagged(REPAIR_KINDS.vote, encodeVote(vote)),
      ),
    ),
    ...rounds.flatMap((each) =>
      knownProposals(consensus, height, each).flatMap((proposal) =>
        proposalMessages(node, proposal).map((message) =>
          tagged(REPAIR_KINDS.proposal, encodeProposalMessage(message)),
        ),
      ),
    ),
    ...certificates.map((each) => tagged(REPAIR_KINDS.certificate, encodeCertificate(each))),
  ]
}

function tagged(kind: number, bytes: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(1 + bytes.length)
  chunk[0] = kind
  chunk.set(bytes, 1)
  return chunk
}

function pooledReceipts(node: NodeState, job: Uint8Array): Uint8Array[] {
  return node.pool
    .candidates('receipts')
    .filter(({ opened }) => opened.kind === 'receipt' && toHex(opened.body.job) === toHex(job))
    .map(({ envelope }) => encode(EnvelopeCodec, envelope))
}
