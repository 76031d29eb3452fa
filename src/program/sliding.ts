/**
 * Kernels that slide over one axis: how many places they have, and which of their taps fall on the
 * axis at one place.
 *
 *     before          size               after
 *   ........|==========================|.......
 *     ^   ^   ^                                     place 0: three taps, `dilation` apart
 *       ^   ^   ^                                   place 1: `stride` further
 */

export interface Slide {
  /** Taps. */
  readonly kernel: number
  readonly stride: number
  readonly before: number
  readonly after: number
  readonly dilation: number
}

/** The places of a kernel on an axis of `size`; none when it is larger than the padded axis. */
export function placesOn(size: number, slide: Slide): number {
  const extent = slide.dilation * (slide.kernel - 1) + 1
  const room = size + slide.before + slide.after - extent
  return room < 0 ? 0 : Math.floor(room / slide.stride) + 1
}

/**
 * A stretch of the axis that stands for the whole of it at one place: `count` elements from `start`,
 * `step` apart, and so many absent ones before and after that a kernel of stride and dilation 1 sees
 * there what the large one sees.
 */
export interface Stretch {
  readonly start: number
  readonly count: number
  readonly step: number
  readonly before: number
  readonly after: number
  /** Places of the kernel on the stretch; the first is the one asked for. */
  readonly places: number
}

/** The taps at one place that fall on the axis; one element that no tap meets when none does. */
export function stretchAt(size: number, slide: Slide, place: number): Stretch {
  const { kernel, dilation } = slide
  const origin = place * slide.stride - slide.before
  const first = Math.max(0, Math.ceil(-origin / dilation))
  const last = Math.min(kernel - 1, Math.floor((size - 1 - origin) / dilation))
  const count = last - first + 1
  if (count <= 0) return { start: 0, count: 1, step: 1, before: kernel, after: 0, places: 2 }
  return {
    start: origin + first * dilation,
    count,
    step: dilation,
    before: first,
    after: kernel - 1 - last,
    places: 1,
  }
}

/** The first place whose kernel reaches element `at`, and how many do; kernels without dilation. */
export function placesOver(
  at: number,
  size: number,
  slide: Slide,
): { readonly first: number; readonly count: number } {
  const { kernel, stride, before } = slide
  const first = Math.max(0, Math.ceil((at + before - kernel + 1) / stride))
  const last = Math.min(placesOn(size, slide) - 1, Math.floor((at + before) / stride))
  return { first, count: Math.max(0, last - first + 1) }
}
