/**
 * A program while it is being made from a model: ops on constants are done at once, moves of
 * elements are joined, and what leads to no output is left out in the end.
 *
 *     weight, input, op ... -> finish(outputs) -> NamedProgram
 *
 * Constants are folded by the very loops that the program would have run, so folding never changes
 * a bit of a result.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type Handle, ProgramBuilder, type Step } from '../program/builder.ts'
import { tensorDigest } from '../program/digest.ts'
import { evaluateOp } from '../program/evaluate.ts'
import { elementCount } from '../program/shape.ts'
import { f32Tensor } from '../program/tensor.ts'
import type { Tensor, TensorType } from '../program/types.ts'
import { axes, suffix } from './attributes.ts'
import { type EmittedProgram, emit } from './emit.ts'

/** Elementary steps that one folded op may take; a longer one stays in the program. */
const FOLD_STEPS_MAX: number = 1 << 24
/** A fold may make a tensor larger than its operands up to here, elements. */
const FOLD_GROWTH_MAX = 4_096

export class Draft {
  readonly #builder = new ProgramBuilder()
  readonly #tensors = new Map<Handle, Tensor>()
  readonly #weights = new Map<string, Handle>()

  input(name: string, type: TensorType): Handle {
    return this.#builder.input(name, type)
  }

  /** Equal tensors are one weight, under the first name. */
  weight(name: string, tensor: Tensor): Handle {
    const { dtype, dims } = tensor.type
    const key = `${dtype} ${dims.join()} ${toHex(tensorDigest(tensor.bytes))}`
    const known = this.#weights.get(key)
    if (known !== undefined) return known
    const handle = this.#builder.weight(name, tensor)
    this.#weights.set(key, handle)
    this.#tensors.set(handle, tensor)
    return handle
  }

  /** One number as a weight of shape [1]. */
  number(value: number): Handle {
    return this.weight(`number.${value}`, f32Tensor([1], [value]))
  }

  /** The elements of a weight, or undefined for what is only known at run time. */
  tensorOf(handle: Handle): Tensor | undefined {
    return this.#tensors.get(handle)
  }

  /** The step that computes a value, or undefined for inputs and weights. */
  stepOf(handle: Handle): Step | undefined {
    return this.#builder.stepOf(handle)
  }

  /** @throws RefusalError every code of the op's shape rule */
  op(name: string, args: readonly Handle[], attrs: readonly bigint[] = []): Handle {
    const handle = this.#builder.op(name, args, attrs)
    return this.#folded(handle, args) ?? handle
  }

  #folded(handle: Handle, args: readonly Handle[]): Handle | undefined {
    const step = this.#builder.stepOf(handle) as Step
    const tensors = args.map((arg) => this.#tensors.get(arg))
    if (tensors.length === 0 || tensors.includes(undefined)) return undefined
    const out = elementCount(handle.type.dims)
    const taken = args.reduce((sum, { type }) => sum + elementCount(type.dims), 0)
    if (out > taken && out > FOLD_GROWTH_MAX) return undefined
    const types = args.map(({ type }) => type)
    const { macs, steps } = step.definition.work({
      args: types,
      attrs: step.attrs,
      out: handle.type,
    })
    if (macs + steps > FOLD_STEPS_MAX) return undefined
    const node = {
      op: step.definition.id,
      version: step.definition.version,
      args: [],
      attrs: step.attrs,
    }
    const tensor = evaluateOp(node, tensors as readonly Tensor[], handle.type)
    return this.weight((args[0] as Handle).name, tensor)
  }

  /** The same elements under other dimensions; nothing happens if they are the same. */
  reshape(value: Handle, dims: readonly number[]): Handle {
    assert(elementCount(dims) === elementCount(value.type.dims), 'a reshape keeps all elements')
    if (dims.join() === value.type.dims.join()) return value
    const known = this.#tensors.get(value)
    if (known !== undefined) {
      return this.weight(value.name, { type: { ...known.type, dims }, bytes: known.bytes })
    }
    const step = this.stepOf(value)
    if (step?.definition.name.startsWith('reshape_') === true) {
      return this.reshape(step.args[0] as Handle, dims)
    }
    return this.op(`reshape_${suffix(value.type)}`, [value], axes(dims))
  }

  /** A computed value with the elements of an input. */
  copy(value: Handle): Handle {
    return this.op(`reshape_${suffix(value.type)}`, [value], axes(value.type.dims))
  }

  /** Axis i of the result is axis `order[i]` of the value. */
  permute(value: Handle, order: readonly number[]): Handle {
    const { dims } = value.type
    const moved = order.map((axis) => dims[axis] as number)
    const isStill = order.filter((axis) => dims[axis] !== 1).every(isAscending)
    if (isStill) return this.reshape(value, moved)
    const step = this.stepOf(value)
    if (step?.definition.name.startsWith('permute_') === true) {
      const earlier = order.map((axis) => Number(step.attrs[axis]))
      return this.permute(step.args[0] as Handle, earlier)
    }
    return this.op(
      `permute_${suffix(value.type)}`,
      [value],
      axes(order, (axis) => axis),
    )
  }

  /**
   * The program of these outputs. Inputs that lead to none of them are left out.
   * @throws RefusalError every code of `checkProgram`
   */
  finish(outputs: readonly { readonly name: string; readonly value: Handle }[]): EmittedProgram {
    return emit(outputs, this)
  }
}

function isAscending(axis: number, index: number, order: readonly number[]): boolean {
  return index === 0 || (order[index - 1] as number) < axis
}
