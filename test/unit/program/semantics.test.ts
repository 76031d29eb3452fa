/** What every op computes: golden vectors, and slower or plainer computations of the same thing. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'

import fc from 'fast-check'

import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { f32Attribute } from '../../../src/program/builder.ts'
import { evaluateOp } from '../../../src/program/evaluate.ts'
import { OPS, opNamed } from '../../../src/program/ops.ts'
import { elementCount } from '../../../src/program/shape.ts'
import {
  f32Elements,
  f32Tensor,
  firstNonCanonical,
  s8Elements,
  s8Tensor,
  s32Elements,
  s32Tensor,
  storedBits,
  words,
} from '../../../src/program/tensor.ts'
import type { Tensor, Window } from '../../../src/program/types.ts'
import { outputType } from '../../../src/program/typing.ts'
import { vectorFile, vectorsOf } from '../../vectors/program/vectors.ts'
import { repositoryFile } from './files.ts'
import { floatOf, fmaBits } from './rational.ts'

function apply(name: string, args: readonly Tensor[], attrs: readonly bigint[] = []): Tensor {
  const op = opNamed(name)
  check.ok(op !== undefined)
  const type = outputType(
    op,
    args.map((arg) => arg.type),
    attrs,
  )
  return evaluateOp({ op: op.id, version: op.version, args: [], attrs }, args, type)
}

const FLOOR_BOUND = 0x2b800000

/** BT-Num `floor` for finite bits. */
function floored(bits: number): number {
  return (bits & 0x7fffffff) < FLOOR_BOUND ? 0 : bits
}

describe('golden vectors', () => {
  const digests = JSON.parse(
    readFileSync(repositoryFile('test/vectors/program/digests.json'), 'utf8'),
  ) as Record<string, string>

  for (const op of OPS) {
    it(`${op.name} gives the committed bytes`, () => {
      const text = readFileSync(repositoryFile(`test/vectors/program/${op.name}.json`), 'utf8')
      check.equal(toHex(blake3(utf8(text))), digests[`${op.name}.json`])
      check.ok(vectorFile(op) === text, 'the vectors made now are those committed')
      check.ok(vectorsOf(op).length >= 10)
    })
  }
})

describe('every op', () => {
  it('stores canonical elements only, whatever it reads', () => {
    for (const op of OPS) {
      for (const vector of vectorsOf(op)) {
        if (vector.out.dtype !== 'f32') continue
        const bytes = Uint8Array.from(Buffer.from(vector.out.hex, 'hex'))
        check.equal(firstNonCanonical({ type: { dtype: 1, dims: vector.out.dims }, bytes }), -1)
      }
    }
  })

  it('gives for one element, by its window, what it gives for the whole', () => {
    for (const op of OPS) {
      for (const vector of vectorsOf(op)) {
        if (elementCount(vector.out.dims) > 2000) continue
        checkWindows(op.name, vector)
      }
    }
  })

  it('is read the same from bytes at any address', () => {
    const tensor = f32Tensor([3], [1, -2, 3])
    const shifted = new Uint8Array(13)
    shifted.set(tensor.bytes, 1)
    const moved = { type: tensor.type, bytes: shifted.subarray(1) }
    check.deepEqual(apply('relu_f32', [moved]).bytes, apply('relu_f32', [tensor]).bytes)
  })
})

function checkWindows(name: string, vector: ReturnType<typeof vectorsOf>[number]): void {
  const op = opNamed(name)
  check.ok(op !== undefined)
  const dtypes: Record<string, number> = { f32: 1, s8: 2, s32: 3 }
  const tensorOf = (part: (typeof vector)['out']): Tensor => ({
    type: { dtype: dtypes[part.dtype] as number, dims: part.dims },
    bytes: Uint8Array.from(Buffer.from(part.hex, 'hex')),
  })
  const args = vector.args.map(tensorOf)
  const out = tensorOf(vector.out)
  const width = out.bytes.length / elementCount(out.type.dims)
  const attrs = vector.attrs.map(BigInt)
  const count = elementCount(out.type.dims)
  const site = { args: args.map((arg) => arg.type), attrs, out: out.type }
  for (let element = 0; element < count; element += 1 + Math.trunc(count / 40)) {
    const { pointer } = op
    const pointed =
      pointer === undefined
        ? 0
        : s32Elements(args[pointer.arg] as Tensor)[pointer.at(element, site)]
    const window: Window = op.window(element, site, pointed as number)
    const local = args.map((arg, index) => {
      const { runs, dims } = window.args[index] as Window['args'][number]
      const size = arg.bytes.length / elementCount(arg.type.dims)
      const parts: Uint8Array[] = []
      for (const run of runs) {
        for (let i = 0; i < run.times; i++) {
          const start = run.start + i * run.stride
          parts.push(arg.bytes.subarray(start * size, (start + run.count) * size))
        }
      }
      return { type: { dtype: arg.type.dtype, dims }, bytes: concatBytes(...parts) }
    })
    const type = { dtype: out.type.dtype, dims: window.dims }
    const node = { op: op.id, version: 1, args: [], attrs: window.attrs ?? attrs }
    const small = evaluateOp(node, local, type)
    check.deepEqual(
      small.bytes.slice(window.at * width, (window.at + 1) * width),
      out.bytes.slice(element * width, (element + 1) * width),
      `${name} element ${element}`,
    )
  }
}

describe('matmul_f32', () => {
  it('equals the specification carried out in rationals', () => {
    const bits = fc
      .tuple(fc.constantFrom(0, 0x80000000), fc.integer({ min: 80, max: 140 }), fc.nat(0x7fffff))
      .map(([sign, field, fraction]) => (sign | (field << 23) | fraction) >>> 0)
    fc.assert(
      fc.property(fc.array(fc.tuple(bits, bits), { minLength: 1, maxLength: 40 }), (pairs) => {
        const depth = pairs.length
        const y = apply('matmul_f32', [
          f32Tensor(
            [1, depth],
            pairs.map(([a]) => floatOf(a)),
          ),
          f32Tensor(
            [1, depth],
            pairs.map(([, b]) => floatOf(b)),
          ),
        ])
        const chain = pairs.reduce((acc, [a, b]) => fmaBits(floored(a), floored(b), acc), 0)
        check.equal(words(y.bytes)[0], storedBits(chain) >>> 0)
      }),
    )
  })

  it('breaks the chain after 512 products', () => {
    const depth = 600
    const a = Float32Array.from({ length: depth }, (_, k) => (k < 512 ? 1 : 2 ** -24))
    const b = Float32Array.from({ length: depth }, () => 1)
    const [sum] = f32Elements(
      apply('matmul_f32', [f32Tensor([1, depth], a), f32Tensor([1, depth], b)]),
    )
    // One chain would lose every small product; a chain of their own keeps them.
    check.equal(sum, Math.fround(512 + 88 * 2 ** -24))
    const long = f32Tensor(
      [1, 600],
      Float32Array.from({ length: 600 }, (_, k) => (k < 512 ? 2 ** 12 : 2 ** -3)),
    )
    const ones = f32Tensor(
      [1, 600],
      Float32Array.from({ length: 600 }, () => 1),
    )
    check.equal(f32Elements(apply('matmul_f32', [long, ones]))[0], Math.fround(2 ** 21 + 11))
  })

  it('counts operands below 2^-40 as zero', () => {
    const tiny = f32Tensor([1, 1], [2 ** -41])
    const huge = f32Tensor([1, 1], [2 ** 100])
    check.equal(f32Elements(apply('matmul_f32', [tiny, huge]))[0], 0)
    const kept = f32Tensor([1, 1], [2 ** -40])
    check.equal(f32Elements(apply('matmul_f32', [kept, huge]))[0], 2 ** 60)
  })
})

describe('integer ops', () => {
  const s32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })

  it('requantise equals wide integer arithmetic', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(s32, fc.integer({ min: -2000, max: 2000 })), { minLength: 1 }),
        fc.integer({ min: 1, max: 0x7fffffff }),
        fc.integer({ min: 1, max: 62 }),
        fc.integer({ min: -128, max: 127 }),
        (values, m, s, zp) => {
          const attrs = [BigInt(m), BigInt(s), BigInt.asUintN(64, BigInt(zp))]
          const y = s8Elements(apply('requantise', [s32Tensor([values.length], values)], attrs))
          const expected = values.map((value) => {
            const half = 1n << BigInt(s - 1)
            const whole = ((BigInt(value) * BigInt(m) + half) >> BigInt(s)) + BigInt(zp)
            return Number(whole < -128n ? -128n : whole > 127n ? 127n : whole)
          })
          check.deepEqual(Array.from(y), expected)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('matmul_s8 is exact at its deepest and largest', () => {
    const depth = 65_536
    const row = s8Tensor([1, depth], new Int8Array(depth).fill(-128))
    check.equal(s32Elements(apply('matmul_s8', [row, row]))[0], 2 ** 30)
  })

  it('add_s32 wraps', () => {
    const y = apply('add_s32', [s32Tensor([2], [0x7fffffff, -0x80000000]), s32Tensor([2], [1, -1])])
    check.deepEqual(Array.from(s32Elements(y)), [-0x80000000, 0x7fffffff])
  })

  it('quantise_f32 rounds halves to even, saturates and turns NaN into 0', () => {
    const values = [0.5, 1.5, -0.5, -2.5, 126.5, 1e30, -1e30, Number.NaN, Number.POSITIVE_INFINITY]
    const y = apply('quantise_f32', [f32Tensor([9], values)], [f32Attribute(1), 5n])
    check.deepEqual(Array.from(s8Elements(y)), [5, 7, 5, 3, 127, 127, -128, 0, 127])
  })
})

describe('argmax', () => {
  it('takes the lowest index of the largest, and NaN as largest', () => {
    const rows = [1, 3, 3, 0, Number.NaN, Number.NaN, -1, -2, -1]
    check.deepEqual(
      Array.from(s32Elements(apply('argmax_f32', [f32Tensor([3, 3], rows)]))),
      [1, 1, 0],
    )
    check.deepEqual(Array.from(s32Elements(apply('argmax_s8', [s8Tensor([3], [-1, -1, -2])]))), [0])
  })
})

describe('softmax_f32', () => {
  it('is close to the true softmax and sums to one', () => {
    const row = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), {
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(row, (values) => {
        const y = f32Elements(apply('softmax_f32', [f32Tensor([1, values.length], values)]))
        const grown = values.map((value) => Math.exp(value - Math.max(...values)))
        const sum = grown.reduce((total, value) => total + value, 0)
        y.forEach((value, index) => {
          check.ok(Math.abs(value - (grown[index] as number) / sum) < 1e-6)
        })
      }),
    )
  })

  it('is NaN throughout a row that has no largest number', () => {
    const infinity = Number.POSITIVE_INFINITY
    for (const row of [
      [1, Number.NaN],
      [infinity, 1],
      [-infinity, -infinity],
    ]) {
      const y = apply('softmax_f32', [f32Tensor([1, 2], row)])
      check.deepEqual(Array.from(words(y.bytes)), [0x7fc00000, 0x7fc00000])
    }
    const y = f32Elements(apply('softmax_f32', [f32Tensor([1, 2], [-infinity, 3])]))
    check.deepEqual(Array.from(y), [0, 1])
  })
})

describe('sums', () => {
  it('are taken in 64 lanes and a tree', () => {
    // Lane 0 gets 2^24 and 1: the 1 is lost there; in another lane it would survive with its peers.
    const values = new Float32Array(66)
    values[0] = 2 ** 24
    values[64] = 1
    values[1] = 1
    values[65] = 1
    const [sum] = f32Elements(apply('sum_last_f32', [f32Tensor([66], values)]))
    check.equal(sum, 2 ** 24 + 2)
  })

  it('agree between rows and last axis', () => {
    const values = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(values, (list) => {
        const column = apply('sum_rows_f32', [f32Tensor([list.length, 1], list)])
        const row = apply('sum_last_f32', [f32Tensor([1, list.length], list)])
        check.deepEqual(column.bytes, row.bytes)
      }),
    )
  })
})
