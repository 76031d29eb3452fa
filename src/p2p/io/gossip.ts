/**
 * Gossipsub with every limit finite and each message judged before it is passed on.
 *
 *   frame -> size of topic -> seen? -> pending verdict -> accept: relay
 *                |                          |-- ignore: forget
 *                `-- reject, blame          `-- reject: forget, blame
 *
 * Messages carry no signature of libp2p's: each object has its own. A verdict that does not come in
 * time counts as ignore.
 *
 * Source: libp2p/specs pubsub/gossipsub-v1.1.md, v1.2.md.
 */

import { createHash, randomBytes } from 'node:crypto'

import {
  type GossipSub,
  type GossipSubComponents,
  type GossipsubMessage,
  gossipsub,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub'

import { assert } from '../../base/assert.ts'
import { refuse } from '../../base/refusal.ts'
import type { GossipMessage, Meter, PeerId, Topic, Verdict } from '../../runtime/ports.ts'
import {
  DECODE_LIMITS,
  INBOUND_FRAME_BYTES_MAX,
  OUTBOUND_BUFFER_BYTES_MAX,
  type PeerProfile,
  VERDICTS_PENDING_MAX,
  VERDICTS_RESERVED,
} from '../profiles.ts'
import { messageId, PAYLOAD_BYTES_MAX, TOPICS, topicName, topicsByName } from '../topics.ts'
import { SCORE_THRESHOLDS, scoreParams } from './gossip-score.ts'
import type { InboundGuard } from './inbound-guard.ts'
import type { GossipStreams } from './zombie-watch.ts'

/** What the public type of the service hides. */
export type GossipService = GossipSub &
  GossipStreams & {
    reportMessageValidationResult(id: string, from: string, result: TopicValidatorResult): void
    getMeshPeers(topic: string): string[]
    publish(
      topic: string,
      bytes: Uint8Array,
      options: { readonly floodPublish: boolean },
    ): Promise<{ readonly recipients: readonly unknown[] }>
    readonly score: { score(peer: string): number }
  }

export type GossipListener = (message: GossipMessage, give: (verdict: Verdict) => void) => void

const RESULTS: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

const SWEEP_EVERY_MS = 500
const SEEN_MS = 120_000
const RESERVED_TOPICS: ReadonlySet<Topic> = new Set([
  'consensus-votes',
  'consensus-proposals',
  'slashing-evidence',
])

export interface GossipServiceOptions {
  readonly chainId: string
  readonly extraTopics: readonly string[]
  readonly profile: PeerProfile
  readonly guard: InboundGuard
  /** P5, positive for trusted peers. */
  readonly appScore: (peer: PeerId) => number
}

/** Largest payload on a topic that is not ours, bytes. */
const EXTRA_PAYLOAD_BYTES_MAX: number = 64 * 1024

/** The service for libp2p's `services`. */
export function gossipService(
  options: GossipServiceOptions,
): (components: GossipSubComponents) => GossipService {
  const { chainId, extraTopics, profile, guard, appScore } = options
  const sizes = new Map([
    ...TOPICS.map((topic) => [topicName(chainId, topic), PAYLOAD_BYTES_MAX[topic]] as const),
    ...extraTopics.map((name) => [name, EXTRA_PAYLOAD_BYTES_MAX] as const),
  ])
  const names = [...sizes.keys()]
  const salt = randomBytes(16)
  const make = gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    D: 8,
    Dlo: 6,
    Dhi: 12,
    Dlazy: 6,
    heartbeatInterval: profile.heartbeatMs,
    mcacheLength: profile.historyHeartbeats,
    mcacheGossip: 3,
    seenTTL: SEEN_MS,
    idontwantMinDataSize: 16 * 1024,
    fallbackToFloodsub: false,
    doPX: false,
    floodPublish: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    asyncValidation: true,
    allowedTopics: names,
    maxTopicBytesPerPeer: 32 * 1024,
    decodeRpcLimits: DECODE_LIMITS,
    maxInboundDataLength: INBOUND_FRAME_BYTES_MAX,
    maxOutboundBufferSize: OUTBOUND_BUFFER_BYTES_MAX,
    maxInboundStreams: 3,
    maxOutboundStreams: 3,
    msgIdFn: (message) => messageId(message.topic, message.data),
    // Salted, so that nobody can prepare two messages that look alike to us.
    fastMsgIdFn: (message) =>
      createHash('sha1')
        .update(salt)
        .update(message.topic)
        .update(message.data ?? new Uint8Array(0))
        .digest('base64'),
    dataTransform: {
      inboundTransform: (topic, bytes) => checkSize(sizes.get(topic) ?? 0, bytes),
      outboundTransform: (_topic, bytes) => bytes,
    },
    scoreParams: scoreParams(names, profile, appScore),
    scoreThresholds: SCORE_THRESHOLDS,
  })
  // Libp2p's components are a proxy that cannot be spread.
  return ({ privateKey, peerId, peerStore, registrar, connectionManager, logger }) =>
    make({
      privateKey,
      peerId,
      peerStore,
      registrar: guard.around(registrar),
      connectionManager,
      logger,
    }) as GossipService
}

/** Before the id is computed and before a mesh peer is told IDONTWANT. */
function checkSize(bytesMax: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) refuse('gossip_empty')
  if (bytes.length > bytesMax) refuse('gossip_oversized', { bytes: bytes.length, bytesMax })
  return bytes
}

interface Pending {
  readonly topic: Topic
  readonly from: PeerId
  readonly bytes: number
  readonly untilMs: number
}

/** Judged gossip over a running service: one listener, exactly one verdict for each message. */
export class JudgedGossip {
  readonly #service: GossipService
  readonly #guard: InboundGuard
  readonly #meter: Meter
  readonly #profile: PeerProfile
  readonly #topics: ReadonlyMap<string, Topic>
  readonly #chainId: string
  readonly #pending = new Map<string, Pending>()
  readonly #sweeper: NodeJS.Timeout
  #listen: GossipListener | undefined

  constructor(
    service: GossipService,
    options: {
      readonly chainId: string
      readonly profile: PeerProfile
      readonly guard: InboundGuard
      readonly meter: Meter
    },
  ) {
    this.#service = service
    this.#guard = options.guard
    this.#meter = options.meter
    this.#profile = options.profile
    this.#chainId = options.chainId
    this.#topics = topicsByName(options.chainId)
    service.addEventListener('gossipsub:message', (event: CustomEvent<GossipsubMessage>) => {
      this.#heard(event.detail)
    })
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref()
  }

  start(extraTopics: readonly string[]): void {
    const names = TOPICS.map((topic) => topicName(this.#chainId, topic))
    for (const name of [...names, ...extraTopics]) this.#service.subscribe(name)
  }

  stop(): void {
    clearInterval(this.#sweeper)
    this.#listen = undefined
    this.#pending.clear()
  }

  listen(listener: GossipListener): void {
    assert(this.#listen === undefined, 'gossip has one listener')
    this.#listen = listener
  }

  publish(topic: Topic, bytes: Uint8Array, manner: 'mesh' | 'flood'): void {
    assert(bytes.length > 0, 'a gossip message has a payload')
    assert(bytes.length <= PAYLOAD_BYTES_MAX[topic], `a payload on ${topic} is within its limit`)
    this.#service
      .publish(topicName(this.#chainId, topic), bytes, { floodPublish: manner === 'flood' })
      .then(
        ({ recipients }) => {
          const result = recipients.length === 0 ? 'nobody' : 'sent'
          this.#meter.add('p2p_gossip_published_total', 1, { topic, result })
        },
        () => this.#meter.add('p2p_gossip_published_total', 1, { topic, result: 'failed' }),
      )
  }

  meshSize(topic: Topic): number {
    return this.#service.getMeshPeers(topicName(this.#chainId, topic)).length
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  #heard({ msg, msgId, propagationSource }: GossipsubMessage): void {
    const topic = this.#topics.get(msg.topic)
    if (topic === undefined) {
      this.#service.reportMessageValidationResult(
        msgId,
        propagationSource.toString(),
        RESULTS.ignore,
      )
      return
    }
    const from = propagationSource.toString()
    const room = RESERVED_TOPICS.has(topic)
      ? VERDICTS_PENDING_MAX
      : VERDICTS_PENDING_MAX - VERDICTS_RESERVED
    if (this.#listen === undefined || this.#pending.size >= room) {
      this.#meter.add('p2p_gossip_dropped_total', 1, { topic, reason: 'gossip_queue_full' })
      this.#service.reportMessageValidationResult(msgId, from, RESULTS.ignore)
      return
    }
    const untilMs = performance.now() + this.#profile.verdictMs
    this.#pending.set(msgId, { topic, from, bytes: msg.data.length, untilMs })
    // A copy: a small object that is kept must not keep the whole frame it came in.
    const bytes = new Uint8Array(msg.data)
    this.#listen({ topic, bytes, from }, (verdict) => this.#judge(msgId, verdict))
  }

  /** A second verdict, or one that comes too late, changes nothing. */
  #judge(msgId: string, verdict: Verdict): void {
    const pending = this.#pending.get(msgId)
    if (pending === undefined) return
    this.#pending.delete(msgId)
    const { topic, from, bytes } = pending
    this.#meter.add('p2p_gossip_messages_total', 1, { topic, verdict })
    if (verdict === 'accept' && RESERVED_TOPICS.has(topic)) this.#guard.refund(from, bytes)
    this.#service.reportMessageValidationResult(msgId, from, RESULTS[verdict])
  }

  /** Insertion order is order of expiry, for all wait equally long. */
  #sweep(): void {
    const nowMs = performance.now()
    for (const [msgId, { topic, untilMs }] of this.#pending) {
      if (untilMs > nowMs) return
      this.#meter.add('p2p_gossip_dropped_total', 1, { topic, reason: 'verdict_timeout' })
      this.#judge(msgId, 'ignore')
    }
  }
}
