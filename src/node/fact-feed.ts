/** Facts for whoever listens: a bounded fan-out that never lets a listener hold up the node. */

import type { NodeFact } from './events.ts'

/** Log, metrics, history, and the event streams of the HTTP interface. */
export const LISTENERS_MAX = 128

export class FactFeed {
  readonly #listeners = new Set<(fact: NodeFact) => void>()

  /** Returns how to stop listening, or undefined when there are too many listeners. */
  subscribe(listen: (fact: NodeFact) => void): (() => void) | undefined {
    if (this.#listeners.size >= LISTENERS_MAX) return undefined
    this.#listeners.add(listen)
    return () => {
      this.#listeners.delete(listen)
    }
  }

  tell(fact: NodeFact): void {
    for (const listen of this.#listeners) listen(fact)
  }
}
