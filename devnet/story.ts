/**
 * The story of the devnet as it happens: blocks are followed over HTTP, events become sentences.
 */

import { formatAmount } from '../src/base/amount.ts'
import type { NodeClient } from './client.ts'

export interface StoryEvent {
  readonly height: number
  readonly kind: string
  readonly subject: string
  readonly actor: string
  readonly value: string
  readonly count: number
  readonly reason: string
}

interface BlockBody {
  readonly height: number
  readonly timeMs: number
  readonly events: readonly Omit<StoryEvent, 'height'>[]
}

const POLL_MS = 60
const BLOCKS_PER_POLL = 50
const FAILURES_MAX = 100

export class Story {
  readonly #client: NodeClient
  readonly #say: (line: string) => void
  readonly #names: ReadonlyMap<string, string>
  readonly events: StoryEvent[] = []
  /** Height it begins after. */
  readonly fromHeight: number
  #height: number
  #running = true

  constructor(
    client: NodeClient,
    names: ReadonlyMap<string, string>,
    fromHeight: number,
    say: (line: string) => void,
  ) {
    this.#client = client
    this.#names = names
    this.fromHeight = fromHeight
    this.#height = fromHeight
    this.#say = say
  }

  /** Follows the chain until `stop`. */
  async follow(): Promise<void> {
    let failures = 0
    while (this.#running) {
      try {
        await this.#poll()
        failures = 0
      } catch (error) {
        // A busy node may reset a connection; one that stays away ends the story.
        if (++failures > FAILURES_MAX) throw error
      }
      await new Promise((done) => setTimeout(done, POLL_MS))
    }
  }

  stop(): void {
    this.#running = false
  }

  of(kind: string, subject?: string): StoryEvent[] {
    return this.events.filter(
      (event) => event.kind === kind && (subject === undefined || event.subject === subject),
    )
  }

  async #poll(): Promise<void> {
    const path = `/blocktorch/blocks?from=${this.#height + 1}&limit=${BLOCKS_PER_POLL}`
    const { items } = await this.#client.get<{ items: BlockBody[] }>(path)
    for (const block of items.sort((left, right) => left.height - right.height)) {
      if (block.height !== this.#height + 1) continue
      this.#height = block.height
      for (const event of block.events) {
        const whole = { ...event, height: block.height }
        this.events.push(whole)
        const line = this.#sentence(whole)
        if (line !== undefined) this.#say(line)
      }
    }
  }

  #name(id: string): string {
    return this.#names.get(id) ?? id.slice(0, 8)
  }

  #sentence(event: StoryEvent): string | undefined {
    const { kind, height, count, reason } = event
    const [subject, actor] = [this.#name(event.subject), this.#name(event.actor)]
    const amount = formatAmount(BigInt(event.value))
    const at = `#${height}`
    switch (kind) {
      case 'provider-registered':
        return `${at} ${actor} registers with a bond of ${amount}`
      case 'ask-posted':
        return `${at} ${actor} asks ${event.value} nBLOCK per unit`
      case 'program-available':
        return `${at} program ${subject} is held by more than two thirds of the validators`
      case 'job-offered':
        return `${at} job ${subject} offered, at most ${amount}`
      case 'job-matched':
        return `${at} job ${subject} matched to ${actor}, attempt ${count}`
      case 'attempt-anchored':
        return `${at} receipt of job ${subject} anchored`
      case 'attempt-verified':
        return `${at} job ${subject} verified`
      case 'attempt-rejected':
      case 'attempt-late':
      case 'attempt-indeterminate':
      case 'attempt-voided':
        return `${at} job ${subject}, attempt ${count}: ${kind.slice(8)}, ${reason}`
      case 'provider-slashed':
        return `${at} ${actor} SLASHED ${amount}: ${reason}`
      case 'compensated':
        return `${at} buyer compensated with ${amount}`
      case 'job-settled':
        return `${at} job ${subject} settled: ${amount} to ${actor}`
      case 'job-expired':
        return `${at} job ${subject} expired: ${reason}`
      case 'proposal-moved':
        return `${at} proposal ${subject} is in ${reason}`
      case 'parameter-changed':
        return `${at} ${reason} is ${event.value} from block ${count} on`
      case 'validator-activated':
        return `${at} ${subject} votes from block ${count}`
      default:
        return undefined
    }
  }
}
