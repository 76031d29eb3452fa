/** Regions of a computation: without recording, and with memory that ends with them. */

import { type Storage, scoped } from './storage.ts'
import { keptBy, unrecorded } from './tape.ts'
import { Tensor } from './tensor.ts'

/** Computes without the tape: for updates of parameters, and where no gradient is wanted. */
export function noGrad<Result>(body: () => Result): Result {
  return unrecorded(body)
}

/**
 * Disposes of every tensor made in `body`, but for those it returns (itself, in a list or in an
 * object), what their gradients need, and gradients of leaves.
 */
export function scope<Result>(body: () => Result): Result {
  return scoped(body, (result) => new Set(tensorsIn(result).flatMap(storagesOf)))
}

function tensorsIn(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result]
  if (typeof result !== 'object' || result === null || ArrayBuffer.isView(result)) return []
  return Object.values(result).filter((value) => value instanceof Tensor)
}

function storagesOf({ inner }: Tensor): Storage[] {
  return [inner, ...keptBy(inner)].map(({ storage }) => storage)
}
