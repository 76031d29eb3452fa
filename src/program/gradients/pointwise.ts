/** Gradients of ops that work element by element. Symbols: y the output, dy its gradient. */

import type { Emitted, Emitter } from '../emitter.ts'
import { fromBits } from '../semantics/float.ts'
import { expanded, onesLike, product, scaled, shifted, unbroadcast, zerosLike } from './phrases.ts'
import { type Emission, type GradientRule, type GradientRules, operand } from './rule.ts'

const TWO_OVER_ROOT_PI = 1.1283791670955126
const ONE_OVER_ROOT_TWO = fromBits(0x3f35_04f3)
const ONE_OVER_ROOT_TWO_PI = 0.3989422804014327

/** For y = f(x): dy times what `slope` makes of x and y. */
function chain(slope: <V extends Emitted>(emit: Emitter<V>, x: V, y: V) => V): GradientRule {
  return (emit, step, _index, dy) => product(emit, dy, slope(emit, operand(step, 0), step.out))
}

const none: GradientRule = () => undefined

/** 1 where the second operand, brought to the shape of the first, wins by `over`. */
function wins<V extends Emitted>(emit: Emitter<V>, step: Emission<V>, over: 'greater' | 'less'): V {
  const first = operand(step, 0)
  const second = expanded(emit, operand(step, 1), first.type.dims)
  return emit.op('greater_f32', over === 'greater' ? [second, first] : [first, second])
}

function extremum(over: 'greater' | 'less'): GradientRule {
  return (emit, step, index, dy) => {
    const second = wins(emit, step, over)
    if (index === 1) return unbroadcast(emit, product(emit, dy, second), operand(step, 1))
    return product(emit, dy, emit.op('sub_f32', [onesLike(emit, second), second]))
  }
}

const add: GradientRule = (emit, step, index, dy) => unbroadcast(emit, dy, operand(step, index))

const sub: GradientRule = (emit, step, index, dy) => {
  const own = unbroadcast(emit, dy, operand(step, index))
  return index === 0 ? own : scaled(emit, own, -1)
}

const mul: GradientRule = (emit, step, index, dy) =>
  index === 0
    ? product(emit, dy, operand(step, 1))
    : unbroadcast(emit, product(emit, dy, operand(step, 0)), operand(step, 1))

const div: GradientRule = (emit, step, index, dy) => {
  const divisor = operand(step, 1)
  if (index === 0) return emit.op('div_f32', [dy, divisor])
  const whole = emit.op('div_f32', [product(emit, dy, step.out), divisor])
  return scaled(emit, unbroadcast(emit, whole, divisor), -1)
}

const select: GradientRule = (emit, step, index, dy) => {
  if (index === 0) return undefined
  const zeros = zerosLike(emit, dy)
  const branches = index === 1 ? [dy, zeros] : [zeros, dy]
  return emit.op('select_f32', [operand(step, 0), ...branches])
}

/** 1 where x lies between the bounds: there it is its own image. */
const clip = chain((emit, x, y) => {
  const above = emit.op('greater_f32', [x, y])
  const below = emit.op('greater_f32', [y, x])
  const outside = emit.op('add_f32', [above, below])
  return emit.op('sub_f32', [onesLike(emit, outside), outside])
})

const abs = chain((emit, x) => {
  const zeros = zerosLike(emit, x)
  return emit.op('sub_f32', [
    emit.op('greater_f32', [x, zeros]),
    emit.op('greater_f32', [zeros, x]),
  ])
})

/** y' = y (1 - y) = y - y y. */
const sigmoid = chain((emit, _x, y) => emit.op('sub_f32', [y, product(emit, y, y)]))

/** y' = s + y (1 - s) with s = sigmoid(x). */
const silu = chain((emit, x, y) => {
  const s = emit.op('sigmoid_f32', [x])
  const rest = emit.op('sub_f32', [y, product(emit, y, s)])
  return emit.op('add_f32', [s, rest])
})

/** exp(-x x) times a factor. */
function bell<V extends Emitted>(emit: Emitter<V>, x: V, exponent: number, factor: number): V {
  const square = scaled(emit, product(emit, x, x), exponent)
  return scaled(emit, emit.op('exp_f32', [square]), factor)
}

/** y' = P(x) + x p(x), the normal distribution and its density. */
const gelu = chain((emit, x) => {
  const erf = emit.op('erf_f32', [scaled(emit, x, ONE_OVER_ROOT_TWO)])
  const distribution = shifted(emit, scaled(emit, erf, 0.5), 0.5)
  const density = bell(emit, x, -0.5, ONE_OVER_ROOT_TWO_PI)
  return emit.op('add_f32', [distribution, product(emit, x, density)])
})

export const POINTWISE: GradientRules = {
  add_f32: add,
  sub_f32: sub,
  mul_f32: mul,
  div_f32: div,
  max_f32: extremum('greater'),
  min_f32: extremum('less'),
  greater_f32: none,
  select_f32: select,
  scale_f32: (emit, step, _index, dy) => emit.op('scale_f32', [dy], step.attrs),
  shift_f32: (_emit, _step, _index, dy) => dy,
  axpy_f32: (emit, step, index, dy) => (index === 0 ? emit.op('scale_f32', [dy], step.attrs) : dy),
  relu_f32: (emit, step, _index, dy) => emit.op('relu_grad_f32', [operand(step, 0), dy]),
  clip_f32: clip,
  abs_f32: abs,
  exp_f32: chain((_emit, _x, y) => y),
  log_f32: (emit, step, _index, dy) => emit.op('div_f32', [dy, operand(step, 0)]),
  sqrt_f32: (emit, step, _index, dy) => emit.op('div_f32', [scaled(emit, dy, 0.5), step.out]),
  rsqrt_f32: chain((emit, _x, y) => scaled(emit, product(emit, y, product(emit, y, y)), -0.5)),
  tanh_f32: chain((emit, _x, y) => emit.op('sub_f32', [onesLike(emit, y), product(emit, y, y)])),
  erf_f32: chain((emit, x) => bell(emit, x, -1, TWO_OVER_ROOT_PI)),
  gelu_f32: gelu,
  silu_f32: silu,
  sigmoid_f32: sigmoid,
}
