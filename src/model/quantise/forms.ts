/**
 * A value of the f32 program in the forms that the int8 program has of it, each made when asked for.
 *
 *     s32 (sums of a product) --requantise--> s8 --dequantise--> f32 --quantise--> s8
 *
 * The scale of the s8 form is fixed by what calibration has seen of the value; the scale of the sums
 * is the product of the two scales that made them.
 */

import { f32Attribute, type Handle, intAttribute } from '../../program/builder.ts'
import type { Draft } from '../draft.ts'
import { multiplierOf } from './scales.ts'

export interface Scaled {
  readonly handle: Handle
  /** The real number that one step stands for. */
  readonly scale: number
}

export class Forms {
  readonly #draft: Draft
  #f32: Handle | undefined
  #s8: Scaled | undefined
  #s32: Scaled | undefined

  constructor(draft: Draft, form: { f32?: Handle; s8?: Scaled; s32?: Scaled }) {
    this.#draft = draft
    this.#f32 = form.f32
    this.#s8 = form.s8
    this.#s32 = form.s32
  }

  /** The f32 form if the value was made in it: everything but a product and what follows one. */
  get ownF32(): Handle | undefined {
    return this.#s8 === undefined && this.#s32 === undefined ? this.#f32 : undefined
  }

  /** The sums, if the value is some. */
  get sums(): Scaled | undefined {
    return this.#s32
  }

  /** The s8 form, if there is one already. */
  get small(): Scaled | undefined {
    return this.#s8
  }

  f32(): Handle {
    this.#f32 ??= this.#widened()
    return this.#f32
  }

  #widened(): Handle {
    const { handle, scale } = (this.#s32 ?? this.#s8) as Scaled
    const factor = f32Attribute(scale)
    return this.#s32 === undefined
      ? this.#draft.op('dequantise_s8', [handle], [factor, 0n])
      : this.#draft.op('dequantise_s32', [handle], [factor])
  }

  /** @param scale of the form if it is made now */
  s8(scale: number): Scaled {
    this.#s8 ??= this.narrowed(scale)
    return this.#s8
  }

  /** The s8 form with exactly this scale. */
  narrowed(scale: number): Scaled {
    if (this.#s8?.scale === scale) return this.#s8
    const sums = this.#s32
    const ratio = sums === undefined ? undefined : multiplierOf(sums.scale / scale)
    if (sums !== undefined && ratio !== undefined) {
      const attrs = [intAttribute(ratio.multiplier), intAttribute(ratio.shift), 0n]
      return { handle: this.#draft.op('requantise', [sums.handle], attrs), scale }
    }
    const handle = this.#draft.op('quantise_f32', [this.f32()], [f32Attribute(scale), 0n])
    return { handle, scale }
  }
}
