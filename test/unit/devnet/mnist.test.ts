/** The stored digits and networks are whole, and training begins and ends as it says. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import fc from 'fast-check'

import {
  CLASSES,
  MNIST_FOLDER,
  oneHot,
  PIXELS,
  parseDigits,
  readStoredDigits,
  rightOnes,
  signedPixels,
  slice,
  unitPixels,
} from '../../../devnet/mnist-data.ts'
import {
  initialLayers,
  layersOf,
  loadNetworks,
  parametersOf,
  readRecord,
  recordOf,
  WIDTHS,
} from '../../../devnet/mnist-networks.ts'
import { loaderOf } from '../../../scripts/mnist/cpu.ts'
import { fixedPoint, quantise } from '../../../scripts/mnist/quantise.ts'
import { BATCH, shuffled, train } from '../../../scripts/mnist/training.ts'
import { equalBytes } from '../../../src/base/bytes.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import { int8Mlp } from '../../../src/program/networks.ts'
import { SeededRng } from '../../../src/runtime/seeded-rng.ts'
import { addon } from '../compute/native.ts'

/** An IDX file of `dims`. */
function idx(magic: number, dims: readonly number[], body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + body.length)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of [magic, ...dims].entries()) view.setUint32(4 * index, value)
  bytes.set(body, bytes.length - body.length)
  return bytes
}

describe('stored digits', () => {
  const digits = readStoredDigits()

  it('are 512 images with a label each, of every class', () => {
    check.equal(digits.labels.length, 512)
    check.equal(digits.pixels.length, 512 * PIXELS)
    check.equal(new Set(digits.labels).size, CLASSES)
  })

  it('become s8 within 0 to 127, f32 within 0 to 1, and one-hot rows', () => {
    check.ok(signedPixels(digits).every((pixel) => pixel <= 127))
    const units = new Float32Array(unitPixels(digits).buffer)
    check.ok(units.every((value) => value >= 0 && value <= 1))
    const rows = new Float32Array(oneHot(digits).buffer)
    digits.labels.forEach((label, row) => {
      const one = rows.subarray(row * CLASSES, (row + 1) * CLASSES)
      check.deepEqual([one.indexOf(1), one.filter((value) => value === 0).length], [label, 9])
    })
  })

  it('are refused when the files are cut, of another kind, or do not belong together', () => {
    const images = idx(0x803, [2, 28, 28], new Uint8Array(2 * PIXELS))
    const labels = idx(0x801, [2], Uint8Array.of(3, 9))
    check.deepEqual([...parseDigits(images, labels).labels], [3, 9])
    check.throws(() => parseDigits(images.subarray(0, 100), labels), /as long as/)
    check.throws(() => parseDigits(labels, images), /image/)
    check.throws(() => parseDigits(images, idx(0x801, [1], Uint8Array.of(3))), /one label/)
    check.throws(() => parseDigits(images, idx(0x801, [2], Uint8Array.of(3, 10))), /is a digit/)
    check.throws(() => parseDigits(new Uint8Array(3), labels), /whole header/)
  })
})

describe('stored networks', () => {
  it('have the digests on record and in the README', () => {
    const record = readRecord()
    check.deepEqual(recordOf(record.seed, loadNetworks(), record.accuracy), record)
    const readme = readFileSync(join(MNIST_FOLDER, 'README.md'), 'utf8')
    const { float, int8 } = record.digests
    const shares = Object.values(record.accuracy).map((share) => share.toFixed(4))
    for (const figure of [float, int8, ...shares]) check.ok(readme.includes(figure), figure)
  })

  it('are 784-128-10, and the integers fit their types', () => {
    const { float, int8 } = loadNetworks()
    for (const layers of [float, int8]) {
      check.deepEqual([784, ...layers.map(({ outputs }) => outputs)], WIDTHS)
    }
    check.ok(int8.every(({ weights }) => weights.every((weight) => weight >= -127)))
    check.ok(float.every(({ weights }) => weights.every(Number.isFinite)))
  })

  it('read digits in the scalar loops as well', () => {
    const digits = slice(readStoredDigits(), 0, 32)
    const { program, weights } = int8Mlp(32, loadNetworks().int8)
    const results = evaluate(program, [signedPixels(digits)], weights)
    check.ok(rightOnes(results.at(-1) as Uint8Array, digits) >= 31)
  })
})

describe('training', () => {
  it('gives the same weights for the same seed, and others for another', async () => {
    const few = slice(readStoredDigits(), 0, 2 * BATCH)
    const load = loaderOf(addon())
    const run = async (seed: number) =>
      parametersOf(await train(few, new SeededRng(seed), load, () => undefined))
    const [first, again, other] = [await run(7), await run(7), await run(8)]
    check.ok(first.every((bytes, index) => equalBytes(bytes, again[index] as Uint8Array)))
    check.ok(!equalBytes(first[0] as Uint8Array, other[0] as Uint8Array))
  })

  it('takes every digit once an epoch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (count, seed) => {
        const order = [...shuffled(count, new SeededRng(seed))].sort((a, b) => a - b)
        check.deepEqual(
          order,
          order.map((_, index) => index),
        )
      }),
    )
  })

  it('keeps layers whole as parameters and back', () => {
    const layers = initialLayers(new SeededRng(3))
    check.deepEqual(layersOf(parametersOf(layers)), layers)
  })
})

describe('quantising', () => {
  it('writes a scale as multiplier and shift within one part in 65,536', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e4, noNaN: true }), (factor) => {
        const { multiplier, shift } = fixedPoint(factor)
        check.ok(multiplier >= 1 << 15 && multiplier <= 1 << 16 && shift >= 1 && shift <= 62)
        check.ok(Math.abs(multiplier / 2 ** shift / factor - 1) <= 1 / 65_536)
      }),
    )
  })

  it('keeps every weight within half a unit', () => {
    const layers = initialLayers(new SeededRng(5))
    quantise(layers, [4]).forEach(({ weights }, index) => {
      const exact = layers[index]?.weights ?? new Float32Array()
      const unit = exact.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / 127
      const off = exact.map((weight, at) => Math.abs(weight - (weights[at] as number) * unit))
      check.ok(Math.max(...off.slice(0, 10_000)) <= unit * 0.5001)
    })
  })
})
