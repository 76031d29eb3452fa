/** Products of matrices, attention and what goes with it. */

import { refuse } from '../../base/refusal.ts'
import { f32Attribute, intAttribute } from '../../program/builder.ts'
import { elementCount, lastAxis } from '../../program/shape.ts'
import { dtypeName } from '../dtype.ts'
import { emit } from '../emit.ts'
import { broadcastDims } from '../layout.ts'
import type { View } from '../view.ts'
import { expand, reshape, transpose, typed } from './shape.ts'

/**
 * a[..., M, K] b[..., K, N] -> [..., M, N]; leading axes are broadcast. f32, and s8 to s32 where b is
 * one matrix. A b that is a transposed view of [N, K] is taken as it lies.
 * @throws RefusalError shape_rank | shape_mismatch | tensor_dtype_mismatch | matmul_depth_exceeded
 */
export function matmul(a: View, b: View): View {
  const [rankA, rankB] = [a.dims.length, b.dims.length]
  if (rankA < 2 || rankB < 2) refuse('shape_rank', { left: rankA, right: rankB, expected: 2 })
  checkDtypes(a, b)
  const depth = lastAxis(a.type)
  if (depth !== b.dims[rankB - 2]) {
    refuse('shape_mismatch', {
      rule: 'the last axis of the first is the last but one of the second',
      arguments: `${a.dims.join(',')} ${b.dims.join(',')}`,
    })
  }
  return rankB === 2 ? byOneMatrix(a, b) : byMatrices(a, b)
}

function checkDtypes(a: View, b: View): void {
  if (a.type.dtype === b.type.dtype) return
  const [left, right] = [dtypeName(a.type.dtype), dtypeName(b.type.dtype)]
  refuse('tensor_dtype_mismatch', { op: 'matmul', left, right })
}

function byOneMatrix(a: View, b: View): View {
  const rows = a.dims.length === 2 ? a : reshape(a, [-1, lastAxis(a.type)])
  const out = emit(typed('matmul', a), [rows, transpose(b, 0, 1)])
  return a.dims.length === 2 ? out : reshape(out, [...a.dims.slice(0, -1), lastAxis(b.type)])
}

function byMatrices(a: View, b: View): View {
  const lead = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2))
  const [rows, depth, columns] = [
    a.dims[a.dims.length - 2] as number,
    lastAxis(a.type),
    lastAxis(b.type),
  ]
  const many = lead.length === 0 ? 1 : elementCount(lead)
  const left = reshape(expand(a, [...lead, rows, depth]), [many, rows, depth])
  const turned = transpose(expand(b, [...lead, depth, columns]), -1, -2)
  const right = reshape(turned, [many, columns, depth])
  return reshape(emit('bmm_f32', [left, right]), [...lead, rows, columns])
}

export interface AttentionOptions {
  /** Of the scores; 1 / sqrt(D) when absent. */
  readonly scale?: number
  /** `causal`: a row sees no later key. */
  readonly mask?: 'none' | 'causal'
}

/** q[..., T, D], k[..., S, D], v[..., S, E] -> [..., T, E]; leading axes are equal. */
export function attention(q: View, k: View, v: View, options: AttentionOptions): View {
  const { scale = 1 / Math.sqrt(lastAxis(q.type)), mask = 'none' } = options
  const flat = [q, k, v].map((view) => {
    if (view.dims.length < 2) refuse('shape_rank', { rank: view.dims.length, expected: 3 })
    return view.dims.length === 3 ? view : reshape(view, [-1, ...view.dims.slice(-2)])
  })
  const attrs = [f32Attribute(scale), intAttribute(mask === 'causal' ? 1 : 0)]
  const out = emit('attention_f32', flat, attrs)
  return reshape(out, [...q.dims.slice(0, -1), lastAxis(v.type)])
}

/** x[..., T, D] turned by the angles whose cosines and sines are given, [T, D/2] each. */
export function rope(x: View, cosines: View, sines: View): View {
  return emit('rope_f32', [x, cosines, sines])
}

export function maskCausal(scores: View): View {
  return emit('mask_causal_f32', [scores])
}

/** Over the last axis. */
export function layerNorm(x: View, gain: View, bias: View, epsilon: number): View {
  return emit('layernorm_f32', [x, gain, bias], [f32Attribute(epsilon)])
}

export function rmsNorm(x: View, gain: View, epsilon: number): View {
  return emit('rmsnorm_f32', [x, gain], [f32Attribute(epsilon)])
}

/** A pair for height and width, or one number for both. */
export type Pair = number | readonly [number, number]
/** Top, left, bottom, right; or one number for all sides. */
export type Padding = number | readonly [number, number, number, number]

export interface ConvolutionOptions {
  readonly stride?: Pair
  readonly padding?: Padding
  readonly dilation?: Pair
  readonly groups?: number
}

function pair(value: Pair): readonly number[] {
  return typeof value === 'number' ? [value, value] : value
}

function sides(value: Padding): readonly number[] {
  return typeof value === 'number' ? [value, value, value, value] : value
}

/** x[N, H, W, C], kernel [O, KH, KW, C/groups] -> [N, OH, OW, O]; f32, or s8 to s32. */
export function conv2d(x: View, kernel: View, options: ConvolutionOptions): View {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  const attrs = [...pair(stride), ...sides(padding), ...pair(dilation), groups].map(intAttribute)
  return emit(typed('conv2d', x), [x, kernel], attrs)
}

export interface PoolOptions {
  readonly kernel: Pair
  /** That of the kernel when absent. */
  readonly stride?: Pair
  readonly padding?: Padding
}

function poolAttributes({ kernel, stride = kernel, padding = 0 }: PoolOptions): bigint[] {
  return [...pair(kernel), ...pair(stride), ...sides(padding)].map(intAttribute)
}

export function maxPool2d(x: View, options: PoolOptions): View {
  return emit('maxpool2d_f32', [x], poolAttributes(options))
}

/** Whether elements of the padding count in a mean. */
export type Counting = 'counted' | 'ignored'

export function avgPool2d(x: View, options: PoolOptions, padding: Counting): View {
  const counted = intAttribute(padding === 'counted' ? 1 : 0)
  return emit('avgpool2d_f32', [x], [...poolAttributes(options), counted])
}
