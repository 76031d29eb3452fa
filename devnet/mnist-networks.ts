/**
 * The perceptron 784-128-10 as it lies in `mnist/`, in floats and in small integers.
 *
 *   networks.json        widths, seed, scales, digests and what the networks reach
 *   float-network.bin.gz per layer f32 weights [outputs, inputs], then f32 bias [outputs]
 *   int8-network.bin.gz  per layer s8 weights [outputs, inputs], then s32 bias [outputs]
 *
 * Elements are little-endian and row-major, without padding. Digests are BLAKE3 of the bytes before
 * compression, so that another zlib may compress them otherwise; they are compared at every load.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

import { assert } from '../src/base/assert.ts'
import { concatBytes, toHex } from '../src/base/bytes.ts'
import { blake3 } from '../src/base/hash.ts'
import type { FloatLayer, Int8Layer } from '../src/program/networks.ts'
import type { Rng } from '../src/runtime/ports.ts'
import { CLASSES, f32Bytes, MNIST_FOLDER, PIXELS } from './mnist-data.ts'

export const WIDTHS: readonly number[] = [PIXELS, 128, CLASSES]

export interface Networks {
  readonly float: readonly FloatLayer[]
  readonly int8: readonly Int8Layer[]
}

/** Shares of digits that get their label. */
export interface Figures {
  readonly floatOn10000: number
  readonly int8On10000: number
  readonly int8On512: number
}

export interface NetworksRecord {
  readonly seed: number
  readonly widths: readonly number[]
  /** After each layer but the last: y * multiplier / 2^shift. */
  readonly scales: readonly { readonly multiplier: number; readonly shift: number }[]
  readonly digests: { readonly float: string; readonly int8: string }
  readonly accuracy: Figures
}

const RECORD_FILE = 'networks.json'
const FLOAT_FILE = 'float-network.bin.gz'
const INT8_FILE = 'int8-network.bin.gz'

/** Pairs of neighbouring widths. */
function shapes(widths: readonly number[]): { inputs: number; outputs: number }[] {
  return widths.slice(1).map((outputs, index) => ({ inputs: widths[index] as number, outputs }))
}

/**
 * Weights to begin training with: even in (-bound, bound) with bound = sqrt(6 / inputs), biases 0.
 * Source: He et al., "Delving Deep into Rectifiers", 2015.
 */
export function initialLayers(rng: Rng): FloatLayer[] {
  return shapes(WIDTHS).map(({ inputs, outputs }) => {
    const bound = Math.sqrt(6 / inputs)
    const weights = Float32Array.from(
      { length: inputs * outputs },
      () => (rng.u32() / 0x8000_0000 - 1) * bound,
    )
    return { inputs, outputs, weights, bias: new Float32Array(outputs) }
  })
}

/** Weights and bias of each layer, as `sgdStep` takes and gives them. */
export function parametersOf(layers: readonly FloatLayer[]): Uint8Array[] {
  return layers.flatMap(({ weights, bias }) => [f32Bytes(weights), f32Bytes(bias)])
}

/** The inverse of `parametersOf`. */
export function layersOf(parameters: readonly Uint8Array[]): FloatLayer[] {
  return shapes(WIDTHS).map((shape, index) => ({
    ...shape,
    weights: floats(parameters[2 * index] as Uint8Array),
    bias: floats(parameters[2 * index + 1] as Uint8Array),
  }))
}

/** A copy, so that alignment is no concern. */
function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer)
}

function encodeInt8(layers: readonly Int8Layer[]): Uint8Array {
  return concatBytes(
    ...layers.flatMap(({ weights, bias }) => [
      new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength),
      new Uint8Array(bias.buffer, bias.byteOffset, bias.byteLength),
    ]),
  )
}

/** Cuts bytes into parts of the given lengths; halts unless nothing is left over. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let offset = 0
  const parts = lengths.map((length) => {
    offset += length
    return bytes.slice(offset - length, offset)
  })
  assert(offset === bytes.length, 'a stored network has the bytes of its widths')
  return parts
}

function decodeFloat(bytes: Uint8Array, widths: readonly number[]): FloatLayer[] {
  const lengths = shapes(widths).flatMap(({ inputs, outputs }) => [
    4 * inputs * outputs,
    4 * outputs,
  ])
  return layersOf(cut(bytes, lengths))
}

function decodeInt8(bytes: Uint8Array, { widths, scales }: NetworksRecord): Int8Layer[] {
  const lengths = shapes(widths).flatMap(({ inputs, outputs }) => [inputs * outputs, 4 * outputs])
  const parts = cut(bytes, lengths)
  return shapes(widths).map((shape, index) => ({
    ...shape,
    weights: new Int8Array((parts[2 * index] as Uint8Array).buffer),
    bias: new Int32Array((parts[2 * index + 1] as Uint8Array).buffer),
    // The last layer is not narrowed, so its scale is never read.
    ...(scales[index] ?? { multiplier: 1, shift: 1 }),
  }))
}

/** BLAKE3 of weights and biases in their stored order. */
export function weightsDigest(layers: readonly FloatLayer[]): Uint8Array {
  return blake3(concatBytes(...parametersOf(layers)))
}

/** What stands in `networks.json` for these networks. */
export function recordOf(seed: number, networks: Networks, accuracy: Figures): NetworksRecord {
  return {
    seed,
    widths: WIDTHS,
    scales: networks.int8.slice(0, -1).map(({ multiplier, shift }) => ({ multiplier, shift })),
    digests: {
      float: toHex(weightsDigest(networks.float)),
      int8: toHex(blake3(encodeInt8(networks.int8))),
    },
    accuracy,
  }
}

export function saveNetworks(networks: Networks, record: NetworksRecord): void {
  const float = concatBytes(...parametersOf(networks.float))
  writeFileSync(join(MNIST_FOLDER, FLOAT_FILE), gzipSync(float, { level: 9 }))
  writeFileSync(join(MNIST_FOLDER, INT8_FILE), gzipSync(encodeInt8(networks.int8), { level: 9 }))
  writeFileSync(join(MNIST_FOLDER, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`)
}

export function readRecord(): NetworksRecord {
  return JSON.parse(readFileSync(join(MNIST_FOLDER, RECORD_FILE), 'utf8')) as NetworksRecord
}

/** The bytes of a stored network; halts unless they have the digest of the record. */
function readBytes(file: string, digest: string): Uint8Array {
  // A plain array: slices of Node's Buffer are not copies.
  const bytes = new Uint8Array(gunzipSync(readFileSync(join(MNIST_FOLDER, file))))
  assert(toHex(blake3(bytes)) === digest, `${file} has the digest that ${RECORD_FILE} names`)
  return bytes
}

export function loadNetworks(): Networks {
  const record = readRecord()
  assert(record.widths.join() === WIDTHS.join(), 'the stored networks have the widths 784-128-10')
  return {
    float: decodeFloat(readBytes(FLOAT_FILE, record.digests.float), record.widths),
    int8: decodeInt8(readBytes(INT8_FILE, record.digests.int8), record),
  }
}
