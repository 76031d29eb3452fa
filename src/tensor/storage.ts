/**
 * Memory that views share: one block of a device, its elements and its life.
 *
 * A storage ends when it is disposed of, or at some time after nothing refers to it any more. Then
 * the device gets the block back and whoever lent the memory is told, once. Memory of this process
 * that nothing refers to is the collector's, which does not wait for a turn of the event loop; it
 * comes back to its device only by `dispose`, and never when an array over it was handed out.
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { elementBytes } from '../program/shape.ts'
import type { TensorType } from '../program/types.ts'
import type { Block, Device } from './device.ts'
import { noteAlloc, noteFree } from './profile.ts'

/** What must happen when a storage ends; refers neither to it nor to memory of this process. */
interface Ending {
  readonly device: Device
  /** The block of a device that the collector knows nothing of. */
  remote: Block | undefined
  readonly label: string
  readonly bytes: number
  readonly sequence: number
  readonly deleter: (() => void) | undefined
  isOver: boolean
}

const abandoned = new FinalizationRegistry<Ending>(end)

function end(ending: Ending): void {
  if (ending.isOver) return
  ending.isOver = true
  if (ending.remote !== undefined) ending.device.release(ending.remote)
  noteFree(ending)
  ending.deleter?.()
}

/** Whoever wants to know which storages come to be, innermost last. */
const watchers: ((storage: Storage) => void)[] = []

export interface StorageOptions {
  readonly device: Device
  readonly type: TensorType
  readonly block: Block
  /** The owner, for people: an op, or a name that the caller gave. */
  readonly label: string
  /** Called once when memory that was lent is no longer used. */
  readonly deleter?: (() => void) | undefined
}

export class Storage {
  readonly device: Device
  /** Elements in a row, whatever views make of them. */
  readonly type: TensorType
  readonly elements: number
  /** Times it was written in place. */
  version = 0
  /** Whether it stays alive when the scope that it was made in ends. */
  outlivesScope = false
  /** Whether an array over the memory is in other hands. */
  isExposed = false
  #block: Block
  readonly #ending: Ending

  constructor({ device, type, block, label, deleter }: StorageOptions) {
    this.device = device
    this.elements = type.dims.reduce((product, size) => product * size, 1)
    this.type = { dtype: type.dtype, dims: [this.elements] }
    const bytes = this.elements * elementBytes(type.dtype)
    const sequence = noteAlloc(label, bytes, device.name)
    this.#block = block
    const remote = device.kind === 'remote' ? block : undefined
    this.#ending = { device, remote, label, bytes, sequence, deleter, isOver: false }
    abandoned.register(this, this.#ending, this)
    watchers[watchers.length - 1]?.(this)
  }

  get label(): string {
    return this.#ending.label
  }

  get isDisposed(): boolean {
    return this.#ending.isOver
  }

  /** @throws RefusalError tensor_disposed */
  get block(): Block {
    if (this.#ending.isOver) refuse('tensor_disposed', { label: this.#ending.label })
    return this.#block
  }

  /** The bytes of a host's memory. */
  get hostBytes(): Uint8Array {
    assert(this.device.kind === 'host', 'only a host computes in memory of this process')
    return this.device.bytesOf(this.type, this.block)
  }

  /** Other contents, for devices whose memory cannot be written in parts. */
  replace(block: Block): void {
    assert(this.device.kind !== 'host', 'the memory of a host may be shared, and stays')
    this.device.release(this.block)
    this.#block = block
    if (this.device.kind === 'remote') this.#ending.remote = block
  }

  /** Ends without giving the block back: somebody else has it now. */
  yield(): Block {
    const { block } = this
    abandoned.unregister(this)
    this.#ending.isOver = true
    noteFree(this.#ending)
    return block
  }

  dispose(): void {
    if (this.#ending.isOver) return
    abandoned.unregister(this)
    if (this.device.kind === 'host' && !this.isExposed) this.device.release(this.#block)
    end(this.#ending)
  }
}

/**
 * Runs `body` and disposes of every storage that it made, but for those that `kept` finds in the
 * result and those that outlive their scope; they belong to the scope around it.
 */
export function scoped<Result>(
  body: () => Result,
  kept: (result: Result) => ReadonlySet<Storage>,
): Result {
  const made: Storage[] = []
  watchers.push((storage) => made.push(storage))
  let outlived: ReadonlySet<Storage> = new Set()
  try {
    const result = body()
    outlived = kept(result)
    return result
  } finally {
    watchers.pop()
    for (const storage of made) {
      if (outlived.has(storage) || storage.outlivesScope) watchers[watchers.length - 1]?.(storage)
      else storage.dispose()
    }
  }
}
