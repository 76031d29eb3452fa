/**
 * Server-sent events: every committed block with its story, to at most STREAMS_MAX readers.
 *
 * A reader that does not keep up is cut off rather than buffered for: it can ask for what it missed
 * by height, which is the id of every message.
 */

import type { FastifyReply } from 'fastify'

import { refuse } from '../../base/refusal.ts'
import type { NodeFact } from '../../node/events.ts'
import type { FactFeed } from '../../node/fact-feed.ts'
import { eventView } from '../../node/views/blocks.ts'

export const STREAMS_MAX = 32
/** Bytes waiting for one reader. */
const BUFFER_MAX = 1024 * 1024
const HEARTBEAT_MS = 15_000

export class EventStreams {
  readonly #open = new Set<FastifyReply['raw']>()
  readonly #stop: (() => void) | undefined
  readonly #heartbeat: NodeJS.Timeout

  constructor(feed: FactFeed) {
    this.#stop = feed.subscribe((fact) => {
      const message = messageOf(fact)
      if (message !== undefined) this.#send(message)
    })
    this.#heartbeat = setInterval(() => this.#send(': still here\n\n'), HEARTBEAT_MS)
    this.#heartbeat.unref()
  }

  /** @throws RefusalError http_busy. */
  open(reply: FastifyReply): void {
    if (this.#open.size >= STREAMS_MAX) refuse('http_busy', { streamsMax: STREAMS_MAX })
    const headers = reply.getHeaders()
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      ...(headers as Record<string, string>),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    })
    raw.write(': open\n\n')
    this.#open.add(raw)
    raw.once('close', () => this.#open.delete(raw))
  }

  close(): void {
    this.#stop?.()
    clearInterval(this.#heartbeat)
    for (const raw of this.#open) raw.destroy()
    this.#open.clear()
  }

  #send(text: string): void {
    for (const raw of this.#open) {
      if (raw.writableLength > BUFFER_MAX) raw.destroy()
      else raw.write(text)
    }
  }
}

function messageOf(fact: NodeFact): string | undefined {
  if (fact.kind !== 'block-committed') return undefined
  const { kind, height, id, round, objects, bytes, events, finalityMs } = fact
  const data = {
    kind,
    height: Number(height),
    id,
    round,
    objects,
    bytes,
    finalityMs: finalityMs ?? null,
    events: events.map(eventView),
  }
  return `id: ${height}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`
}
