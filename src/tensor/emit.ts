/**
 * Ops on views, with the tape: what every method of a tensor and every gradient rule goes through.
 *
 * Ops that only say where elements lie (reshape, permute, transpose, slice, expand) move nothing:
 * they give another view of the same memory. In the tape they stand like all others.
 */

import { gradientRule } from '../program/autograd.ts'
import type { Emitter } from '../program/emitter.ts'
import { perAxis } from '../program/gradients/phrases.ts'
import { RANK_MAX } from '../program/shape.ts'
import { compute, copyOf, inOrder } from './compute.ts'
import { dtypeName } from './dtype.ts'
import {
  contiguousLayout,
  expandedLayout,
  isContiguous,
  permutedLayout,
  reshapedLayout,
  slicedLayout,
} from './layout.ts'
import { checkKept, isTracked, record } from './tape.ts'
import { View } from './view.ts'

/** @throws RefusalError see `compute` */
export function emit(name: string, args: readonly View[], attrs: readonly bigint[] = []): View {
  for (const arg of args) checkKept(arg)
  const out = seen(name, args[0] as View, attrs) ?? compute(name, args, attrs)
  remember(name, args, attrs, out)
  return out
}

/** For everything that is written against the emitter of the program floor. */
export const EMITTER: Emitter<View> = { op: emit }

/** As the tape keeps a value: refused when its memory is written over. */
export function saved(view: View): View {
  return new View(view.storage, view.layout, undefined, view.asOf ?? view.storage.version)
}

function remember(name: string, args: readonly View[], attrs: readonly bigint[], out: View): void {
  if (!isTracked(args)) return
  const keptArgs = args.map(saved)
  const keptOut = saved(out)
  record(name, args, out, [...keptArgs, keptOut], (index, dy) =>
    gradientRule(name)(EMITTER, { args: keptArgs, attrs, out: keptOut }, index, dy),
  )
}

/** The same values in memory of their own, in the tape as a reshape to the same dimensions. */
export function cloned(view: View): View {
  checkKept(view)
  const out = copyOf(view)
  remember(`reshape_${dtypeName(view.type.dtype)}`, [view], perAxis(view.dims), out)
  return out
}

/** The same values side by side: a further view of them where they lie so already. */
export function ordered(view: View): View {
  checkKept(view)
  const out = isContiguous(view.layout) ? view.under(view.layout) : inOrder(view)
  remember(`reshape_${dtypeName(view.type.dtype)}`, [view], perAxis(view.dims), out)
  return out
}

type Seeing = (view: View, numbers: readonly number[]) => View

const reshape: Seeing = (view, numbers) => {
  const dims = leading(numbers)
  const layout = reshapedLayout(view.layout, dims)
  if (layout !== undefined) return view.under(layout)
  const row = inOrder(view)
  return row.under(contiguousLayout(dims, row.layout.offset))
}

const permute: Seeing = (view, numbers) =>
  view.under(permutedLayout(view.layout, numbers.slice(0, view.dims.length)))

const transpose: Seeing = (view) => view.under(permutedLayout(view.layout, [1, 0]))

const slice: Seeing = (view, numbers) =>
  view.under(
    view.dims.reduce((layout, _, axis) => {
      const start = numbers[axis] as number
      return slicedLayout(layout, axis, start, start + (numbers[RANK_MAX + axis] as number), 1)
    }, view.layout),
  )

const expand: Seeing = (view, numbers) => view.under(expandedLayout(view.layout, leading(numbers)))

/** Dimensions stand before the first zero. */
function leading(numbers: readonly number[]): number[] {
  const end = numbers.indexOf(0)
  return numbers.slice(0, end < 0 ? numbers.length : end)
}

const SEEN: ReadonlyMap<string, Seeing> = new Map([
  ...(['f32', 's8', 's32'] as const).flatMap((dtype): [string, Seeing][] => [
    [`reshape_${dtype}`, reshape],
    [`permute_${dtype}`, permute],
    [`slice_${dtype}`, slice],
  ]),
  ['transpose_f32', transpose],
  ['transpose_s8', transpose],
  ['expand_f32', expand],
])

function seen(name: string, view: View, attrs: readonly bigint[]): View | undefined {
  return SEEN.get(name)?.(view, attrs.map(Number))
}
