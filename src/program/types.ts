/**
 * The vocabulary of the program floor: tensor types, programs, and what an op must say of itself.
 *
 * A program is a straight line. Its values are numbered: inputs first, then weights, then one
 * output per op in program order, so a value's number says where it comes from.
 */

/** Element types as they stand in the encoding. */
export const F32 = 1
export const S8 = 2
export const S32 = 3

export type Dtype = number

export interface TensorType {
  /** F32, S8 or S32. */
  readonly dtype: Dtype
  /** Sizes of the axes, outermost first; rank 1 to 8, each at least 1. */
  readonly dims: readonly number[]
}

export interface WeightType {
  readonly type: TensorType
  /** Plain BLAKE3 of the tensor's bytes. */
  readonly digest: Uint8Array
}

export interface OpNode {
  readonly op: number
  readonly version: number
  /** Value numbers. */
  readonly args: readonly number[]
  /** Two's complement integers or f32 bits, as the op's attributes say. */
  readonly attrs: readonly bigint[]
}

export interface Program {
  readonly version: number
  readonly inputs: readonly TensorType[]
  readonly weights: readonly WeightType[]
  readonly ops: readonly OpNode[]
  /** Value numbers of op outputs, each at most once. */
  readonly outputs: readonly number[]
}

/** Bytes and their type; elements little-endian, row-major, without padding. */
export interface Tensor {
  readonly type: TensorType
  readonly bytes: Uint8Array
}

/** What one attribute may be. `f32` is the bit pattern of a finite number, zero-extended. */
export type AttributeRule =
  | { readonly kind: 'int'; readonly name: string; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'f32'; readonly name: string; readonly sign: 'any' | 'positive' }

/** An op where it stands, from types alone. */
export interface OpSite {
  readonly args: readonly TensorType[]
  readonly attrs: readonly bigint[]
  readonly out: TensorType
}

/** `count` consecutive elements from `start`, and the same again every `stride`, `times` in all. */
export interface ElementRun {
  readonly start: number
  readonly count: number
  readonly times: number
  readonly stride: number
}

/**
 * The part of an operand that one output element depends on, gathered run by run into a small
 * tensor of shape `dims`.
 */
export interface ArgWindow {
  readonly runs: readonly ElementRun[]
  readonly dims: readonly number[]
}

/**
 * The local problem of one output element: the same op on the gathered operands gives a tensor of
 * shape `dims`, whose element `at` is the one asked for.
 */
export interface Window {
  readonly args: readonly ArgWindow[]
  readonly dims: readonly number[]
  readonly at: number
  /** Attributes of the local problem where they are not those of the op. */
  readonly attrs?: readonly bigint[]
}

/**
 * What no window of an op exceeds in one operand: it lies within `times` runs of `count` elements,
 * each beginning at a multiple of `align` elements.
 */
export interface Reach {
  readonly times: number
  readonly count: number
  readonly align: number
}

/** An operand of indices whose element decides which part of the others is needed. */
export interface Pointer {
  readonly arg: number
  /** Number of the element of that operand which the output element goes by. */
  readonly at: (element: number, site: OpSite) => number
}

/** Work of one execution, from shapes alone. */
export interface Work {
  /** Multiply-accumulates of products, convolutions and attention; 0 for other ops. */
  readonly macs: number
  /** Elementary steps of every other kind, one per element touched and unit of weight. */
  readonly steps: number
}

/** Everything the program floor knows about an op: adding one is adding one of these. */
export interface OpDefinition {
  readonly id: number
  readonly version: number
  readonly name: string
  readonly arity: number
  readonly attributes: readonly AttributeRule[]
  /**
   * @param attrs within the ranges of `attributes`
   * @throws RefusalError dtype_mismatch | shape_mismatch | shape_rank | matmul_depth_exceeded |
   *   attribute_out_of_range when an attribute does not fit the operands.
   */
  readonly shape: (args: readonly TensorType[], attrs: readonly bigint[]) => TensorType
  readonly work: (site: OpSite) => Work
  /**
   * What output element `element` (row-major number) needs.
   * @param pointed the element of the operand that `pointer` names; 0 for ops without one
   */
  readonly window: (element: number, site: OpSite, pointed: number) => Window
  /**
   * Bounds of the windows of all elements, for each operand one or more that hold each; in constant
   * time.
   */
  readonly reach: (site: OpSite) => readonly (readonly Reach[])[]
  readonly pointer?: Pointer
  /** The scalar loop of docs/reference/numerics.md, on whole tensors. */
  readonly run: (args: readonly Tensor[], attrs: readonly bigint[], out: Tensor) => void
  /** How `fold` checks it: a matrix product in O(n^2), every other op by recomputation. */
  readonly provable: 'freivalds' | 'recompute'
}
