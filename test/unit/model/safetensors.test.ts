/** safetensors: what is written is read, and nothing is read that another reader would read otherwise. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { concatBytes, u64Bytes, utf8 } from '../../../src/base/bytes.ts'
import { attempt } from '../../../src/base/refusal.ts'
import {
  floatsOf,
  type NamedTensor,
  readSafetensors,
  writeSafetensors,
} from '../../../src/model/safetensors.ts'

function fileOf(header: string, data: Uint8Array): Uint8Array {
  const bytes = utf8(header)
  return concatBytes(u64Bytes(BigInt(bytes.length)), bytes, data)
}

function refusedFor(header: string, bytes: number): unknown {
  const outcome = attempt(() => readSafetensors(fileOf(header, new Uint8Array(bytes))))
  if (!('refused' in outcome)) return 'taken'
  const { code, facts } = outcome.refused
  return facts['tensor'] === undefined ? code : `${code} ${String(facts['tensor'])}`
}

const entry = (name: string, start: number, end: number, shape = [(end - start) / 4]): string =>
  `"${name}":${JSON.stringify({ dtype: 'F32', shape, data_offsets: [start, end] })}`

describe('safetensors', () => {
  it('give back what was written, whatever the names', () => {
    const tensors = fc.uniqueArray(
      fc.record({
        name: fc.string({ maxLength: 40, unit: 'grapheme' }).filter((n) => n !== '__metadata__'),
        dtype: fc.constantFrom('F32', 'F16', 'I8', 'I32', 'F64', 'BF16', 'U8'),
        dims: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      }),
      { selector: ({ name }) => name, maxLength: 8 },
    )
    const widths: Record<string, number> = { F64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I8: 1, U8: 1 }
    fc.assert(
      fc.property(tensors, (specs) => {
        const given: NamedTensor[] = specs.map((spec, index) => {
          const elements = spec.dims.reduce((product, size) => product * size, 1)
          const bytes = new Uint8Array(elements * (widths[spec.dtype] as number)).fill(index + 1)
          return { ...spec, bytes }
        })
        const file = writeSafetensors(given)
        const read = readSafetensors(file)
        check.deepEqual(
          read.map((tensor) => ({ ...tensor, bytes: [...tensor.bytes] })),
          given.map((tensor) => ({ ...tensor, bytes: [...tensor.bytes] })),
        )
        check.deepEqual(writeSafetensors(read), file)
      }),
      { numRuns: 200 },
    )
  })

  it('may carry metadata and space', () => {
    const header = `{ "__metadata__" : { "format": "pt" }, ${entry('a', 0, 8)} }  `
    check.equal(refusedFor(header, 8), 'taken')
  })

  it('name the tensor that lies wrong', () => {
    const two = (second: string): string => `{${entry('a', 0, 8)},${second}}`
    check.equal(refusedFor(two(entry('b', 12, 16)), 16), 'safetensors_offsets b')
    check.equal(refusedFor(two(entry('b', 4, 12)), 12), 'safetensors_offsets b')
    check.equal(
      refusedFor(`{${entry('b', 8, 16)},${entry('a', 0, 8)}}`, 16),
      'safetensors_offsets b',
    )
    check.equal(refusedFor(two(entry('b', 8, 16, [3])), 16), 'safetensors_offsets b')
    check.equal(refusedFor(two(entry('b', 8, 4, [1])), 16), 'safetensors_offsets b')
    check.equal(refusedFor(two(entry('b', 8, 16)), 12), 'safetensors_offsets b')
    check.equal(refusedFor(two(entry('b', 8, 16)), 20), 'safetensors_offsets')
    check.equal(refusedFor(two(entry('a', 8, 16)), 16), 'safetensors_name_repeated a')
    const huge = two(entry('b', 8, 16, [4294967295, 4294967295, 4294967295]))
    check.equal(refusedFor(huge, 16), 'shape_overflow b')
    const strange = '{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}'
    check.equal(refusedFor(strange, 4), 'safetensors_dtype_unknown a')
  })

  it('refuse headers that are not exactly such headers', () => {
    for (const header of [
      '',
      '[]',
      '{',
      '{}x',
      '{"a":1}',
      '{"a":{"dtype":"F32","shape":[1]}}',
      '{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}',
      '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      '{"a\u0000":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      '{"__metadata__":{"a":1}}',
      `{"${'\\'}`,
    ]) {
      check.match(String(refusedFor(header, 4)), /^safetensors_malformed/, header)
    }
    const long = attempt(() => readSafetensors(u64Bytes(1n << 40n)))
    check.equal('refused' in long && long.refused.code, 'safetensors_oversized')
    const short = attempt(() => readSafetensors(concatBytes(u64Bytes(100n), utf8('{}'))))
    check.equal('refused' in short && short.refused.code, 'safetensors_malformed')
  })

  it('answer any bytes with tensors or a refusal', () => {
    const good = writeSafetensors([
      { name: 'weight', dtype: 'F32', dims: [2, 2], bytes: new Uint8Array(16) },
      { name: 'bias', dtype: 'F16', dims: [2], bytes: new Uint8Array(4) },
    ])
    const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(good.length), (changes, length) => {
        const file = good.slice(0, length === 0 ? good.length : length)
        for (const { at, to } of changes) file[at % file.length] = to
        attempt(() => readSafetensors(file))
      }),
      { numRuns: 2_000 },
    )
  })

  it('widen halves exactly and round doubles to nearest even', () => {
    const halves = Uint16Array.from([
      0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x7e00, 0x03ff,
    ])
    const f16 = floatsOf(tensor('F16', new Uint8Array(halves.buffer)))
    const tiny = 1 / 0x100_0000
    check.deepEqual([...(f16 ?? [])], [1, -2, 65504, tiny, -0, Infinity, NaN, 1023 * tiny])
    const brains = Uint16Array.from([0x3f80, 0xc000, 0x7f80, 0x0001])
    const bf16 = floatsOf(tensor('BF16', new Uint8Array(brains.buffer)))
    check.deepEqual([...(bf16 ?? [])], [1, -2, Infinity, 9.183549615799121e-41])
    const even = 1 + 1 / 0x100_0000
    const f64 = floatsOf(tensor('F64', new Uint8Array(Float64Array.from([even, 1e300]).buffer)))
    check.deepEqual([...(f64 ?? [])], [1, Infinity])
    check.equal(floatsOf(tensor('I8', new Uint8Array(1))), undefined)
  })
})

function tensor(dtype: string, bytes: Uint8Array): NamedTensor {
  return { name: 'x', dtype, dims: [1], bytes }
}
