/** How far the outputs of one program are from those of another that should give the same. */

/** Sums over many runs of one output. */
export class Comparison {
  readonly #labels: Float64Array | undefined
  #rows = 0
  #elements = 0
  #sameClass = 0
  #rightBefore = 0
  #rightAfter = 0
  #largest = 0
  #sum = 0
  #signal = 0
  #noise = 0

  /** @param labels the class of each row, in the order of the runs */
  constructor(labels: Float64Array | undefined) {
    this.#labels = labels
  }

  /**
   * One run. @param width size of the last axis, along which the largest element is the class
   */
  add(before: Float32Array, after: Float32Array, width: number): void {
    for (let start = 0; start < before.length; start += width) {
      const [one, other] = [
        before.subarray(start, start + width),
        after.subarray(start, start + width),
      ]
      this.#addRow(one, other)
    }
  }

  #addRow(before: Float32Array, after: Float32Array): void {
    before.forEach((value, index) => {
      const error = Math.abs(value - (after[index] as number))
      this.#largest = Math.max(this.#largest, error)
      this.#sum += error
      this.#signal += value * value
      this.#noise += error * error
    })
    this.#elements += before.length
    const [one, other] = [largestIndex(before), largestIndex(after)]
    const label = this.#labels?.[this.#rows]
    this.#rows++
    if (one === other) this.#sameClass++
    if (one === label) this.#rightBefore++
    if (other === label) this.#rightAfter++
  }

  report(): Readonly<Record<string, number>> {
    const share = (count: number): number => count / Math.max(1, this.#rows)
    return {
      rows: this.#rows,
      agreement: share(this.#sameClass),
      largestError: this.#largest,
      meanError: this.#sum / Math.max(1, this.#elements),
      sqnrDb: decibels(this.#signal, this.#noise),
      ...(this.#labels === undefined
        ? {}
        : { accuracyF32: share(this.#rightBefore), accuracyInt8: share(this.#rightAfter) }),
    }
  }
}

function largestIndex(row: Float32Array): number {
  return row.reduce((best, value, index) => (value > (row[best] as number) ? index : best), 0)
}

/** Signal to noise, capped where there is no noise. */
export function decibels(signal: number, noise: number): number {
  const most = 200
  return noise === 0 ? most : Math.min(most, 10 * Math.log10(signal / noise))
}
