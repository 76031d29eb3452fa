/** Answers that walk the whole state are worked out once a block, however often they are asked. */

import type { Queries } from '../../node/queries.ts'

/** `make`, remembered until the head moves. */
export function perHead<Answer>(make: (queries: Queries) => Answer): (queries: Queries) => Answer {
  const known = new WeakMap<Queries, { readonly height: bigint; readonly answer: Answer }>()
  return (queries) => {
    const { height } = queries.ledger.head
    const last = known.get(queries)
    if (last?.height === height) return last.answer
    const answer = make(queries)
    known.set(queries, { height, answer })
    return answer
  }
}
