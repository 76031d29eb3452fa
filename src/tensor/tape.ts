/**
 * The tape: which op made which value, so that a gradient finds its way back.
 *
 *   leaf w ---.
 *              step: matmul ---> vertex ---> step: relu ---> vertex = y     backward(y, dy)
 *   input x --'                                                walks from right to left
 *
 * A vertex is one value at one time; writing in place gives the tensor another vertex. A step keeps
 * its operands with the version of their memory, and an op that meets another version is refused,
 * so no gradient is computed from values that are not those of the forward pass.
 */

import { refuse } from '../base/refusal.ts'
import { sameDims } from '../program/shape.ts'
import { F32, type TensorType } from '../program/types.ts'
import type { View } from './view.ts'

/** The gradient of operand `index`, given that of the output; undefined when there is none. */
export type StepRule = (index: number, dy: View) => View | undefined

export interface Step {
  readonly name: string
  /** Where the operands stand in the tape; undefined for those that need no gradient. */
  readonly from: readonly (Vertex | undefined)[]
  /** Undefined once the step is given up. */
  rule: StepRule | undefined
  /** Everything that the rule may read. */
  kept: readonly View[]
}

export interface Vertex {
  /** Grows with time: a step comes after all it is made from. */
  readonly order: number
  readonly type: TensorType
  /** Undefined for a leaf. */
  readonly step: Step | undefined
  grad: View | undefined
  /** Whether `grad` is kept although this is no leaf. */
  isRetained: boolean
}

const tape = { isRecording: true, order: 0 }

/** Runs `body` without recording: for updates, and for the walk itself. */
export function unrecorded<Result>(body: () => Result): Result {
  const before = tape.isRecording
  tape.isRecording = false
  try {
    return body()
  } finally {
    tape.isRecording = before
  }
}

function vertexOf(type: TensorType, step: Step | undefined): Vertex {
  return { order: ++tape.order, type, step, grad: undefined, isRetained: false }
}

/** @throws RefusalError tensor_gradient_dtype */
export function leaf(type: TensorType): Vertex {
  if (type.dtype !== F32) refuse('tensor_gradient_dtype', { dtype: type.dtype })
  return vertexOf(type, undefined)
}

/**
 * The place of a value in the tape, if it has one.
 * @throws RefusalError tensor_gradient_alias when another view has written its memory since.
 */
export function currentVertex(view: View): Vertex | undefined {
  const { vertex } = view
  if (vertex?.step !== undefined && view.vertexVersion !== view.storage.version) {
    refuse('tensor_gradient_alias', { op: vertex.step.name, label: view.storage.label })
  }
  return vertex
}

/** @throws RefusalError tensor_gradient_overwritten when a kept value is not what it was. */
export function checkKept({ asOf, storage }: View): void {
  if (asOf !== undefined && asOf !== storage.version) {
    refuse('tensor_gradient_overwritten', { label: storage.label })
  }
}

/** Whether an op on these is noted: somebody wants gradients of one of them. */
export function isTracked(args: readonly View[]): boolean {
  return tape.isRecording && args.some(({ vertex }) => vertex !== undefined)
}

/** Notes that `out` was made from `args`, when an op on these is noted. */
export function record(
  name: string,
  args: readonly View[],
  out: View,
  kept: readonly View[],
  rule: StepRule,
): void {
  if (!isTracked(args) || out.type.dtype !== F32) return
  const from = args.map(currentVertex)
  out.vertex = vertexOf(out.type, { name, from, rule, kept })
  out.vertexVersion = out.storage.version
}

/**
 * What the tape tells of a view that was written in place: what it tells of the values written.
 * A leaf that was given other values is the same leaf, and what is written without recording
 * changes values, not where they come from.
 */
export function rewritten(target: View, source: View): void {
  const isLeaf = target.vertex !== undefined && target.vertex.step === undefined
  const keeps = !tape.isRecording || (isLeaf && source.vertex === undefined)
  if (!keeps) target.vertex = source.vertex
  target.vertexVersion = target.storage.version
}

/** How gradients are added and kept. */
export interface Arithmetic {
  readonly add: (left: View, right: View) => View
  /** The same values in memory of their own. */
  readonly copy: (view: View) => View
}

/**
 * Adds to the gradient of every leaf that leads to `root`.
 * @param seed the gradient of `root` itself; of its dimensions
 * @throws RefusalError tensor_gradient_untracked | tensor_gradient_seed | tensor_gradient_released
 *   | tensor_gradient_overwritten | differentiation_unsupported
 */
export function walkBack(
  root: View,
  seed: View,
  retain: 'nothing' | 'graph',
  arithmetic: Arithmetic,
): void {
  const start = currentVertex(root) ?? refuse('tensor_gradient_untracked', { op: 'backward' })
  if (!sameDims(seed.type, root.type) || seed.type.dtype !== F32) {
    refuse('tensor_gradient_seed', { dims: root.dims.join(','), seed: seed.dims.join(',') })
  }
  const vertices = reachable(start)
  const sums = new Map<Vertex, View>([[start, seed]])
  const grads: (readonly [Vertex, View])[] = []
  for (const vertex of vertices) {
    const dy = sums.get(vertex)
    sums.delete(vertex)
    if (dy === undefined) continue
    if (vertex.step === undefined || vertex.isRetained) grads.push([vertex, dy])
    if (vertex.step !== undefined) passOn(vertex.step, dy, sums, arithmetic)
  }
  // Only a walk that came to its end leaves anything behind.
  for (const [vertex, dy] of grads) accumulate(vertex, dy, arithmetic)
  if (retain === 'nothing') for (const { step } of vertices) release(step)
}

function accumulate(vertex: Vertex, dy: View, { add, copy }: Arithmetic): void {
  const { grad } = vertex
  vertex.grad = grad === undefined ? copy(dy) : add(grad, dy)
  vertex.grad.storage.outlivesScope = true
}

/** All that leads to a vertex, the latest first. */
function reachable(start: Vertex): Vertex[] {
  const found = new Set<Vertex>([start])
  for (const { step } of found) {
    if (step === undefined) continue
    if (step.rule === undefined) refuse('tensor_gradient_released', { op: step.name })
    for (const vertex of step.from) if (vertex !== undefined) found.add(vertex)
  }
  return [...found].sort((left, right) => right.order - left.order)
}

function passOn(step: Step, dy: View, sums: Map<Vertex, View>, { add }: Arithmetic): void {
  step.from.forEach((vertex, index) => {
    if (vertex === undefined) return
    const own = step.rule?.(index, dy)
    if (own === undefined) return
    const earlier = sums.get(vertex)
    sums.set(vertex, earlier === undefined ? own : add(earlier, own))
  })
}

function release(step: Step | undefined): void {
  if (step === undefined) return
  step.rule = undefined
  step.kept = []
}

/** Every view that a later walk from `view` may read. */
export function keptBy({ vertex }: View): View[] {
  const found = new Set<Vertex>(vertex === undefined ? [] : [vertex])
  for (const { step } of found) {
    for (const before of step?.from ?? []) if (before !== undefined) found.add(before)
  }
  return [...found].flatMap(({ step }) => step?.kept ?? [])
}
