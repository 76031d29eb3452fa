/**
 * The driver: the one place where effects meet ports.
 *
 * It holds no rule of the protocol. Completions come back as events through the same door that
 * gossip uses, so the engine sees a single ordered stream, in the real world and in the simulated.
 *
 * Invariants
 *   - Events queue, they do not nest: a step is never entered while another runs.
 *   - Durable before said: nothing is published about what is still on its way to the disk.
 */

import { assert, unreachable } from '../base/assert.ts'
import { type DurationMs, durationMs } from '../base/time.ts'
import type { FabricJob, RunOutcome } from '../compute/fabric.ts'
import type { Lanes } from '../compute/lanes.ts'
import type { SignGuard } from '../consensus/sign-guard.ts'
import type {
  Blobs,
  Clock,
  Journal,
  Network,
  PeerId,
  Protocol,
  Store,
  Verdict,
  Verifier,
} from '../runtime/ports.ts'
import type {
  JournalName,
  NodeEffect,
  NodeEvent,
  NodeFact,
  Reply,
  SubmitOutcome,
  Token,
} from './events.ts'

/** Everything the node needs of the world it lives in. */
export interface NodePorts {
  readonly clock: Clock
  readonly store: Store
  readonly journals: Readonly<Record<JournalName, Journal>>
  readonly network: Network
  /** Absent on an observer. */
  readonly guard: SignGuard | undefined
  readonly verifier: Verifier
  readonly blobs: Blobs
  readonly lanes: Lanes
  /** Absent on a node that offers no fabric. */
  readonly run: ((job: FabricJob, done: (outcome: RunOutcome) => void) => void) | undefined
  readonly tell: (fact: NodeFact) => void
}

/** The state machine the driver turns; `engine.ts` is the only production one. */
export interface Machine {
  step(event: NodeEvent, at: Instant): NodeEffect[]
}

export interface Instant {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** Gossip whose verdict is still open; the network forgets it after its own time-out anyway. */
const OPEN_VERDICTS_MAX = 16_384

const SERVED: readonly Protocol[] = [
  'status',
  'blocks-by-range',
  'blocks-by-root',
  'certificate',
  'votes',
  'push',
  'receipts-by-job',
  'evidence',
]

export class Driver {
  readonly #ports: NodePorts
  readonly #machine: Machine
  readonly #verdicts = new Map<Token, (verdict: Verdict) => void>()
  readonly #replies = new Map<Token, (reply: Reply) => void>()
  readonly #submissions = new Map<Token, (outcome: SubmitOutcome) => void>()
  readonly #queue: NodeEvent[] = []
  #peers: readonly PeerId[] = []
  /** What is on its way to the disk, by what it holds. */
  readonly #undurable = new Map<string, number>()
  #tokens = 0
  #running = false
  #stopped = false

  constructor(ports: NodePorts, machine: Machine) {
    this.#ports = ports
    this.#machine = machine
  }

  /** Opens the doors. Nothing is heard before. */
  start(): void {
    const { network } = this.#ports
    network.onGossip(({ topic, bytes, from }, give) => {
      if (this.#verdicts.size >= OPEN_VERDICTS_MAX) {
        give('ignore')
        return
      }
      const message = this.#tokens++
      this.#verdicts.set(message, give)
      this.accept({ kind: 'gossip', message, topic, bytes, from })
    })
    for (const protocol of SERVED) {
      network.onRequest(protocol, (from, bytes, answer) => {
        const request = this.#tokens++
        this.#replies.set(request, answer)
        this.accept({ kind: 'asked', request, protocol, bytes, from })
      })
    }
    network.onPeers((peers) => {
      this.#peers = peers
      this.accept({ kind: 'peers', peers })
    })
    this.accept({ kind: 'started' })
  }

  /** Closes the door: what completes later is dropped. */
  stop(): void {
    this.#stopped = true
  }

  /** An object handed in by a client of this node. `done` is called exactly once. */
  submit(bytes: Uint8Array, done: (outcome: SubmitOutcome) => void): void {
    const submission = this.#tokens++
    this.#submissions.set(submission, done)
    this.accept({ kind: 'submitted', submission, bytes })
  }

  /** The inbound door. Safe to call from a completion: events queue, they do not nest. */
  accept(event: NodeEvent): void {
    if (this.#stopped) return
    this.#queue.push(event)
    if (this.#running) return
    this.#running = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const effects = this.#machine.step(next, this.#instant())
      for (const effect of effects) this.#perform(effect)
    }
    this.#running = false
  }

  #instant(): Instant {
    const { clock } = this.#ports
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }
  }

  #perform(effect: NodeEffect): void {
    const ports = this.#ports
    switch (effect.kind) {
      case 'verdict':
        settle(this.#verdicts, effect.message, effect.verdict)
        break
      case 'publish':
        assert(!this.#undurable.has(effect.says), 'what is said is durable')
        ports.network.publish(effect.topic, effect.bytes, effect.manner)
        break
      case 'check':
        ports.verifier.check(effect.batch, effect.rule, (valid) =>
          this.accept({ kind: 'checked', token: effect.token, valid }),
        )
        break
      case 'persist':
        this.#hold(effect.holds)
        ports.store.write(effect.batch, () => {
          this.#release(effect.holds)
          this.accept({ kind: 'persisted', token: effect.token })
        })
        break
      case 'set-timer':
        ports.clock.setTimer(effect.id, span(effect.delayMs), () =>
          this.accept({ kind: 'timer', id: effect.id }),
        )
        break
      case 'clear-timer':
        ports.clock.clearTimer(effect.id)
        break
      case 'reply':
        settle(this.#replies, effect.request, effect.reply)
        break
      case 'answer-submit':
        settle(this.#submissions, effect.submission, effect.outcome)
        break
      case 'report':
        ports.network.report(effect.peer, effect.blame, effect.code)
        break
      case 'drop-blob':
        ports.blobs.drop(effect.digest)
        break
      case 'fact':
        ports.tell(effect.fact)
        break
      case 'sign':
      case 'journal':
      case 'replace-journal':
      case 'load':
      case 'request':
      case 'fetch':
      case 'verify':
      case 'run':
        this.#performSlow(effect)
        break
      default:
        unreachable(effect)
    }
  }

  #performSlow(
    effect: Extract<
      NodeEffect,
      {
        kind:
          | 'sign'
          | 'journal'
          | 'replace-journal'
          | 'load'
          | 'request'
          | 'fetch'
          | 'verify'
          | 'run'
      }
    >,
  ): void {
    const ports = this.#ports
    const { token } = effect
    switch (effect.kind) {
      case 'sign':
        assert(ports.guard !== undefined, 'only a node with a key is asked to sign')
        ports.guard.sign(effect.request, (outcome) =>
          this.accept({ kind: 'signed', token, outcome }),
        )
        break
      case 'journal':
        this.#hold(effect.holds)
        ports.journals[effect.journal].append(effect.record, () => {
          this.#release(effect.holds)
          this.accept({ kind: 'journalled', token })
        })
        break
      case 'replace-journal':
        ports.journals[effect.journal].replace(effect.records, () =>
          this.accept({ kind: 'journalled', token }),
        )
        break
      case 'load':
        this.#load(token, effect.keys)
        break
      case 'request':
        ports.network.request(
          effect.peer,
          effect.protocol,
          effect.bytes,
          span(effect.deadlineMs),
          (answer) => this.accept({ kind: 'answered', token, answer }),
        )
        break
      case 'fetch':
        ports.blobs.fetch(
          effect.digest,
          effect.lengthBytes,
          this.#peers,
          span(effect.deadlineMs),
          (refusal) => this.accept({ kind: 'fetched', token, refusal }),
        )
        break
      case 'verify':
        ports.lanes.verify(effect.request, (verdict) =>
          this.accept({ kind: 'verified', token, verdict }),
        )
        break
      case 'run':
        assert(ports.run !== undefined, 'only a node with a fabric is asked to run a job')
        ports.run(effect.job, (outcome) => this.accept({ kind: 'ran', token, outcome }))
        break
      default:
        unreachable(effect)
    }
  }

  #hold(id: string): void {
    if (id !== '') this.#undurable.set(id, (this.#undurable.get(id) ?? 0) + 1)
  }

  #release(id: string): void {
    const held = this.#undurable.get(id) ?? 0
    if (held > 1) this.#undurable.set(id, held - 1)
    else this.#undurable.delete(id)
  }

  /** Reads keys one after another; a key that is absent gives an empty value. */
  #load(token: Token, keys: readonly string[]): void {
    const values: Uint8Array[] = []
    const next = (): void => {
      const key = keys[values.length]
      if (key === undefined) {
        this.accept({ kind: 'loaded', token, values })
        return
      }
      this.#ports.store.get(key, (value) => {
        values.push(value ?? new Uint8Array(0))
        next()
      })
    }
    next()
  }
}

function span(ms: number): DurationMs {
  return durationMs(Math.max(0, Math.ceil(ms)))
}

function settle<Outcome>(
  open: Map<Token, (outcome: Outcome) => void>,
  token: Token,
  outcome: Outcome,
): void {
  const give = open.get(token)
  assert(give !== undefined, 'what is answered is still open')
  open.delete(token)
  give(outcome)
}
