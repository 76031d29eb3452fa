/**
 * What emits ops: a builder of programs, or tensors that compute at once.
 *
 * Everything that is made of ops, gradients above all, is written against this port, so that there
 * is one statement of it for both.
 */

import type { TensorType } from './types.ts'

export interface Emitted {
  readonly type: TensorType
}

export interface Emitter<Value extends Emitted> {
  /**
   * @param name of the latest version of an op
   * @throws RefusalError op_unknown and every code of the op's shape rule.
   */
  op(name: string, args: readonly Value[], attrs?: readonly bigint[]): Value
}
