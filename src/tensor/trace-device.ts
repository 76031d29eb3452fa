/**
 * The device that computes nothing: it writes the ops it is asked for into a program.
 *
 * Values of other devices come in as constants, weights of the program, each once however often it
 * is used. What leads to no output is left out at the end.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { type Handle, type NamedProgram, ProgramBuilder } from '../program/builder.ts'
import { tensorDigest } from '../program/digest.ts'
import { perAxis } from '../program/gradients/phrases.ts'
import { describeType, sameDims } from '../program/shape.ts'
import { emptyTensor } from '../program/tensor.ts'
import type { Tensor as Bytes, TensorType } from '../program/types.ts'
import type { Block, Device, OpCall } from './device.ts'
import { dtypeName } from './dtype.ts'

export interface NamedValue {
  readonly name: string
  readonly type: TensorType
  readonly block: Block
}

export class TraceDevice implements Device {
  readonly name = 'trace'
  readonly kind = 'trace'
  readonly #builder = new ProgramBuilder()
  readonly #inputs: Handle[] = []
  readonly #weights = new Map<string, Handle>()
  readonly #contents = new Map<Handle, Bytes>()
  #isOver = false

  input(name: string, type: TensorType): Block {
    const handle = this.#open().input(name, type)
    this.#inputs.push(handle)
    return handle
  }

  zeros(type: TensorType, label: string): Block {
    return this.adopt(type, emptyTensor(type).bytes, label)
  }

  adopt(type: TensorType, bytes: Uint8Array, label: string): Block {
    const key = `${describeType(type)} ${toHex(tensorDigest(bytes))}`
    const known = this.#weights.get(key)
    if (known !== undefined) return known
    const tensor = { type, bytes: bytes.slice() }
    const handle = this.#open().weight(`${label}-${this.#weights.size}`, tensor)
    this.#weights.set(key, handle)
    this.#contents.set(handle, tensor)
    return handle
  }

  run({ signature, args }: OpCall): Block {
    const builder = this.#open()
    const operands = args.map(({ type, block, offset }) => {
      assert(offset === 0, 'a trace is given whole values')
      return this.#shaped(block as Handle, type)
    })
    return builder.op(signature.definition.name, operands, signature.attrs)
  }

  bytesOf(): Uint8Array {
    return refuse('trace_value_unknown')
  }

  release(): void {}

  /** Ends the trace. @throws RefusalError trace_input_unused and every code of `checkProgram` */
  finish(outputs: readonly NamedValue[]): NamedProgram {
    const given = new Set<Handle>()
    const results = outputs.map(({ name, type, block }) => {
      const value = this.#asOutput(this.#shaped(block as Handle, type), given)
      given.add(value)
      return { name, value }
    })
    this.#isOver = true
    return this.#pruned(results)
  }

  #open(): ProgramBuilder {
    if (this.#isOver) refuse('trace_ended')
    return this.#builder
  }

  /** The value under other dimensions; of a reshaped value that has them, the value itself. */
  #shaped(value: Handle, type: TensorType): Handle {
    if (sameDims(value.type, type)) return value
    const step = this.#builder.stepOf(value)
    const source = step?.definition.name.startsWith('reshape_') === true ? step.args[0] : undefined
    if (source !== undefined && sameDims(source.type, type)) return source
    return this.#reshape(source ?? value, type)
  }

  #reshape(value: Handle, type: TensorType): Handle {
    return this.#open().op(`reshape_${dtypeName(type.dtype)}`, [value], perAxis(type.dims))
  }

  /** Outputs are made by ops, and each is another value: else by one more reshape. */
  #asOutput(value: Handle, given: ReadonlySet<Handle>): Handle {
    return value.kind === 'op' && !given.has(value)
      ? value
      : this.#asOutput(this.#reshape(value, value.type), given)
  }

  /** The same program without what leads nowhere. */
  #pruned(outputs: readonly { readonly name: string; readonly value: Handle }[]): NamedProgram {
    const used = new Set<Handle>(outputs.map(({ value }) => value))
    for (const value of used) {
      for (const arg of this.#builder.stepOf(value)?.args ?? []) used.add(arg)
    }
    const builder = new ProgramBuilder()
    const renewed = new Map<Handle, Handle>()
    for (const input of this.#inputs) {
      if (!used.has(input)) refuse('trace_input_unused', { input: input.name })
      renewed.set(input, builder.input(input.name, input.type))
    }
    for (const [weight, tensor] of this.#contents) {
      if (used.has(weight)) renewed.set(weight, builder.weight(weight.name, tensor))
    }
    for (const value of this.#builder.computed()) {
      const step = this.#builder.stepOf(value)
      if (step === undefined || !used.has(value)) continue
      const args = step.args.map((arg) => renewed.get(arg) as Handle)
      renewed.set(value, builder.op(step.definition.name, args, step.attrs))
    }
    for (const { name, value } of outputs) builder.output(name, renewed.get(value) as Handle)
    return builder.build()
  }
}
