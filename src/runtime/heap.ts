/** A binary min-heap by (at, order): what is due first, and among equals what was asked first. */

export interface Due {
  readonly at: number
  readonly order: number
}

export class Heap<Item extends Due> {
  readonly #items: Item[] = []

  get size(): number {
    return this.#items.length
  }

  push(item: Item): void {
    const items = this.#items
    let hole = items.length
    items.push(item)
    while (hole > 0) {
      const parent = (hole - 1) >>> 1
      if (!before(item, items[parent] as Item)) break
      items[hole] = items[parent] as Item
      hole = parent
    }
    items[hole] = item
  }

  pop(): Item | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (first === undefined || last === undefined || items.length === 0) return first
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1] as Item, items[child] as Item))
        child++
      if (!before(items[child] as Item, last)) break
      items[hole] = items[child] as Item
      hole = child
    }
    items[hole] = last
    return first
  }
}

function before(left: Due, right: Due): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order)
}
