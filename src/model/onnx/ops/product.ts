/** Matrix products: `Gemm`, and `MatMul` of any rank. Our products take both rows contiguous in K. */

import { refuse } from '../../../base/refusal.ts'
import type { Handle } from '../../../program/builder.ts'
import { elementCount } from '../../../program/shape.ts'
import { axes } from '../../attributes.ts'
import type { Draft } from '../../draft.ts'
import type { NodeReader } from '../node.ts'
import { dimsIn, inOrder, naturalOrder, type Placed, placed, withLast, withRank } from '../value.ts'
import { applyLinear } from './convolution.ts'
import { binary, broadcastDims, scaled } from './elementwise.ts'
import { withoutAxes } from './reduce.ts'

const ADDS = { isCommutative: true }

/** alpha A' B' + beta C, where A' and B' may be transposed. */
export function gemm(node: NodeReader): Placed {
  const { draft } = node
  const [a, b] = [node.float(0), node.float(1)]
  if (a.dims.length !== 2 || b.dims.length !== 2) {
    refuse('onnx_rank_unsupported', { ranks: `${a.dims.length} ${b.dims.length}`, taken: 2 })
  }
  const left = node.int('transA', 0) === 0 ? [0, 1] : [1, 0]
  const right = node.int('transB', 0) === 0 ? [1, 0] : [0, 1]
  const [alpha, beta] = [node.real('alpha', 1), node.real('beta', 1)]
  const c = node.maybe(2) === undefined ? undefined : node.float(2)
  const x = inOrder(draft, a, left)
  const weights = inOrder(draft, b, right)
  const bias = alpha === 1 ? asRow(draft, c, beta, weights) : undefined
  const product = placed(applyLinear(node, { op: 'matmul_f32', x, weights, bias, attrs: [] }))
  if (c === undefined || bias !== undefined) return scaled(draft, product, alpha)
  return binary(draft, 'add_f32', scaled(draft, product, alpha), scaled(draft, c, beta), ADDS)
}

/** C as a bias that every row gets, or undefined if it is none. */
function asRow(
  draft: Draft,
  c: Placed | undefined,
  beta: number,
  weights: Handle,
): Handle | undefined {
  if (c === undefined || elementCount(c.dims) !== weights.type.dims[0]) return undefined
  const isRow = c.dims.length > 0 && c.dims[c.dims.length - 1] === weights.type.dims[0]
  if (!isRow) return undefined
  return draft.reshape(scaled(draft, c, beta).handle, [elementCount(c.dims)])
}

/** Vectors count as a row on the left and as a column on the right, and their axis goes again. */
export function matMul(node: NodeReader): Placed {
  const [a, b] = [node.float(0), node.float(1)]
  if (a.dims.length === 0 || b.dims.length === 0) refuse('onnx_rank_unsupported', { rank: 0 })
  const left = a.dims.length === 1 ? withRank(a, 2) : a
  const right = b.dims.length === 1 ? asColumn(b) : b
  const product = matrices(node, left, right)
  const rank = product.dims.length
  const gone = [
    ...(a.dims.length === 1 ? [rank - 2] : []),
    ...(b.dims.length === 1 ? [rank - 1] : []),
  ]
  return withoutAxes(product, gone)
}

function asColumn(value: Placed): Placed {
  return { ...value, dims: [...value.dims, 1], order: [...value.order, 1] }
}

/** [..., M, K] and [..., K, N]. */
function matrices(node: NodeReader, a: Placed, b: Placed): Placed {
  const [depth, other] = [a.dims[a.dims.length - 1], b.dims[b.dims.length - 2]]
  if (depth !== other) {
    refuse('shape_mismatch', { rule: 'both operands have K', left: depth ?? 0, right: other ?? 0 })
  }
  const batches = elementCount(b.dims.slice(0, -2))
  return batches === 1 ? rowsByMatrix(node, a, b) : batched(node.draft, a, b)
}

/** All rows of a, however many axes they stand in, by one matrix. */
function rowsByMatrix(node: NodeReader, a: Placed, b: Placed): Placed {
  const { draft } = node
  const [rank, columns] = [b.dims.length, b.dims[b.dims.length - 1] as number]
  const left = withRank(a, rank)
  const last = left.dims.length - 1
  const order = withLast(left.order, [last])
  const depth = left.dims[last] as number
  const rows = elementCount(left.dims) / depth
  const turned = inOrder(draft, b, [...naturalOrder(rank - 2), rank - 1, rank - 2])
  const handle = applyLinear(node, {
    op: 'matmul_f32',
    x: draft.reshape(inOrder(draft, left, order), [rows, depth]),
    weights: draft.reshape(turned, [columns, depth]),
    bias: undefined,
    attrs: [],
  })
  return { ...placed(handle, [...left.dims.slice(0, -1), columns]), order }
}

function batched(draft: Draft, a: Placed, b: Placed): Placed {
  const heads = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2))
  const rank = heads.length + 2
  const [left, right] = [withRank(a, rank), withRank(b, rank)]
  const [row, column] = [rank - 2, rank - 1]
  const batch = naturalOrder(rank - 2)
  const [m, k, n] = [left.dims[row], left.dims[column], right.dims[column]] as [
    number,
    number,
    number,
  ]
  const x = repeated(draft, inOrder(draft, left, [...batch, row, column]), [...heads, m, k])
  const y = repeated(draft, inOrder(draft, right, [...batch, column, row]), [...heads, n, k])
  const count = elementCount(heads)
  const handle = draft.op('bmm_f32', [
    draft.reshape(x, [count, m, k]),
    draft.reshape(y, [count, n, k]),
  ])
  return placed(handle, [...dimsIn(heads, batch), m, n])
}

function repeated(draft: Draft, value: Handle, dims: readonly number[]): Handle {
  return value.type.dims.join() === dims.join()
    ? value
    : draft.op('expand_f32', [value], axes(dims))
}
