/**
 * Builds programs with names for people: the numbers of the encoding are given out at the end.
 *
 * Equal ops on equal operands are built once, so a transformation may ask for the same transpose as
 * often as it likes.
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { tensorDigest } from './digest.ts'
import { encodeProgram, PROGRAM_VERSION, programDigest } from './ir.ts'
import { opNamed } from './ops.ts'
import { toBits } from './semantics/float.ts'
import { checkType, tensorBytes } from './shape.ts'
import type { OpDefinition, OpNode, Program, Tensor, TensorType } from './types.ts'
import { outputType } from './typing.ts'

/** A value of a program under construction. */
export interface Handle {
  readonly kind: 'input' | 'weight' | 'op'
  /** Position among the values of its kind. */
  readonly index: number
  readonly type: TensorType
  readonly name: string
}

/** An op under construction. */
export interface Step {
  readonly definition: OpDefinition
  readonly args: readonly Handle[]
  readonly attrs: readonly bigint[]
}

/** A finished program and what its numbers mean. */
export interface NamedProgram {
  readonly program: Program
  readonly bytes: Uint8Array
  readonly digest: Uint8Array
  readonly inputNames: readonly string[]
  readonly weightNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Bytes of the weights, in order. */
  readonly weights: readonly Uint8Array[]
}

/** An f32 as attribute. */
export function f32Attribute(value: number): bigint {
  return BigInt(toBits(value) >>> 0)
}

/** A whole number as attribute. */
export function intAttribute(value: number): bigint {
  assert(Number.isSafeInteger(value), 'an integer attribute is a whole number')
  return BigInt.asUintN(64, BigInt(value))
}

export class ProgramBuilder {
  private readonly inputs: Handle[] = []
  private readonly weights: Handle[] = []
  private readonly weightBytes: Uint8Array[] = []
  private readonly steps: Step[] = []
  private readonly results: Handle[] = []
  private readonly outputs: { readonly name: string; readonly value: Handle }[] = []
  private readonly known = new Map<string, Handle>()

  input(name: string, type: TensorType): Handle {
    checkType(type)
    const handle: Handle = { kind: 'input', index: this.inputs.length, type, name }
    this.inputs.push(handle)
    return handle
  }

  /** A constant, named in the program by the digest of its bytes. */
  weight(name: string, tensor: Tensor): Handle {
    checkType(tensor.type)
    assert(tensor.bytes.length === tensorBytes(tensor.type), 'a weight has the bytes of its type')
    const handle: Handle = { kind: 'weight', index: this.weights.length, type: tensor.type, name }
    this.weights.push(handle)
    this.weightBytes.push(tensor.bytes)
    return handle
  }

  /** @throws RefusalError op_unknown and every code of `outputType`. */
  op(name: string, args: readonly Handle[], attrs: readonly bigint[] = []): Handle {
    const definition = opNamed(name) ?? refuse('op_unknown', { op: name })
    const places = args.map(({ kind, index }) => `${kind}${index}`)
    const key = [name, ...places, ...attrs].join(' ')
    const earlier = this.known.get(key)
    if (earlier !== undefined) return earlier
    const type = outputType(
      definition,
      args.map((arg) => arg.type),
      attrs,
    )
    const handle: Handle = { kind: 'op', index: this.steps.length, type, name }
    this.steps.push({ definition, args, attrs })
    this.results.push(handle)
    this.known.set(key, handle)
    return handle
  }

  output(name: string, value: Handle): void {
    this.outputs.push({ name, value })
  }

  /** The step that computes a value, or undefined for inputs and weights. */
  stepOf(handle: Handle): Step | undefined {
    return handle.kind === 'op' ? this.steps[handle.index] : undefined
  }

  /** All computed values so far, in order. */
  computed(): readonly Handle[] {
    return this.results
  }

  /** @throws RefusalError with the first rule of `checkProgram` that is broken. */
  build(): NamedProgram {
    const program: Program = {
      version: PROGRAM_VERSION,
      inputs: this.inputs.map(({ type }) => type),
      weights: this.weights.map(({ type }, index) => ({
        type,
        digest: tensorDigest(this.weightBytes[index] as Uint8Array),
      })),
      ops: this.steps.map((step) => this.node(step)),
      outputs: this.outputs.map(({ value }) => this.number(value)),
    }
    const bytes = encodeProgram(program)
    return {
      program,
      bytes,
      digest: programDigest(bytes),
      inputNames: this.inputs.map(({ name }) => name),
      weightNames: this.weights.map(({ name }) => name),
      outputNames: this.outputs.map(({ name }) => name),
      weights: [...this.weightBytes],
    }
  }

  private node({ definition, args, attrs }: Step): OpNode {
    return {
      op: definition.id,
      version: definition.version,
      args: args.map((arg) => this.number(arg)),
      attrs,
    }
  }

  private number({ kind, index }: Handle): number {
    if (kind === 'input') return index
    if (kind === 'weight') return this.inputs.length + index
    return this.inputs.length + this.weights.length + index
  }
}
