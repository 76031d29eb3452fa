/**
 * A view: elements of a storage under dimensions and strides, and its place in the tape.
 *
 * Everything that computes takes views and gives views; `Tensor` is a view with methods.
 */

import type { Emitted } from '../program/emitter.ts'
import type { TensorType } from '../program/types.ts'
import { contiguousLayout, type Layout } from './layout.ts'
import { Storage, type StorageOptions } from './storage.ts'
import type { Vertex } from './tape.ts'

export class View implements Emitted {
  readonly storage: Storage
  readonly layout: Layout
  readonly type: TensorType
  /** What the gradient of this value leads back to; undefined where no gradient is wanted. */
  vertex: Vertex | undefined
  /** Version of the storage when `vertex` began to tell of its contents. */
  vertexVersion: number
  /** For values that the tape keeps: the version of the storage that must be met. */
  readonly asOf: number | undefined

  constructor(storage: Storage, layout: Layout, vertex?: Vertex, asOf?: number) {
    this.storage = storage
    this.layout = layout
    this.type = { dtype: storage.type.dtype, dims: layout.dims }
    this.vertex = vertex
    this.vertexVersion = storage.version
    this.asOf = asOf
  }

  get dims(): readonly number[] {
    return this.layout.dims
  }

  /** The same elements under another layout, outside of the tape. */
  under(layout: Layout): View {
    return new View(this.storage, layout)
  }
}

/** All elements of a fresh storage. */
export function viewOf(options: StorageOptions): View {
  return new View(new Storage(options), contiguousLayout(options.type.dims))
}
