/** Handwritten digits: the IDX format of the original, the 512 in this repository, and tensors. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { assert } from '../src/base/assert.ts'
import { REPOSITORY_ROOT } from '../src/runtime/io/native-addon.ts'

export const MNIST_FOLDER: string = join(REPOSITORY_ROOT, 'devnet/mnist')
export const PIXELS = 784
export const CLASSES = 10

/** Images of 28 x 28, one byte a pixel, 255 is ink; one label 0 to 9 an image. */
export interface Digits {
  readonly pixels: Uint8Array
  readonly labels: Uint8Array
}

const IMAGES_MAGIC = 0x0803
const LABELS_MAGIC = 0x0801
const IMAGES_HEADER_BYTES = 16
const LABELS_HEADER_BYTES = 8

/** Big-endian u32 of an IDX header. */
function word(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset)
}

/** @param images, labels whole IDX files; halts unless they belong together. */
export function parseDigits(images: Uint8Array, labels: Uint8Array): Digits {
  assert(images.length >= IMAGES_HEADER_BYTES, 'an image file has a whole header')
  assert(labels.length >= LABELS_HEADER_BYTES, 'a label file has a whole header')
  assert(word(images, 0) === IMAGES_MAGIC, 'an image file begins with the magic of images')
  assert(word(labels, 0) === LABELS_MAGIC, 'a label file begins with the magic of labels')
  assert(word(images, 8) * word(images, 12) === PIXELS, 'an image has 784 pixels')
  const count = word(images, 4)
  assert(word(labels, 4) === count, 'there is one label for each image')
  const digits: Digits = {
    pixels: images.subarray(IMAGES_HEADER_BYTES),
    labels: labels.subarray(LABELS_HEADER_BYTES),
  }
  assert(digits.pixels.length === count * PIXELS, 'an image file is as long as its header says')
  assert(digits.labels.length === count, 'a label file is as long as its header says')
  assert(
    digits.labels.every((label) => label < CLASSES),
    'a label is a digit',
  )
  return digits
}

/** The first 512 digits of the test set, which the devnet classifies. */
export function readStoredDigits(): Digits {
  const read = (name: string) => new Uint8Array(gunzipSync(readFileSync(join(MNIST_FOLDER, name))))
  return parseDigits(read('t10k-512-images.idx3.gz'), read('t10k-512-labels.idx1.gz'))
}

/** Digits `from` to `from + count`. */
export function slice({ pixels, labels }: Digits, from: number, count: number): Digits {
  assert(from + count <= labels.length, 'a slice lies within the digits')
  return {
    pixels: pixels.subarray(from * PIXELS, (from + count) * PIXELS),
    labels: labels.subarray(from, from + count),
  }
}

/** s8[count, 784], 0 to 127: pixel / 2, so that one unit is 2 / 255 of full ink. */
export function signedPixels({ pixels }: Digits): Uint8Array {
  return pixels.map((pixel) => pixel >> 1)
}

/** f32[count, 784], 0 to 1. */
export function unitPixels({ pixels }: Digits): Uint8Array {
  return f32Bytes(Float32Array.from(pixels, (pixel) => pixel / 255))
}

/** f32[count, 10], one in the place of the label. */
export function oneHot({ labels }: Digits): Uint8Array {
  const rows = new Float32Array(labels.length * CLASSES)
  labels.forEach((label, row) => {
    rows[row * CLASSES + label] = 1
  })
  return f32Bytes(rows)
}

export function f32Bytes(elements: Float32Array): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}

/** Digits that got their label. @param classes s32[count] */
export function rightOnes(classes: Uint8Array, { labels }: Digits): number {
  assert(classes.length === 4 * labels.length, 'there is one class for each label')
  const view = new DataView(classes.buffer, classes.byteOffset, classes.byteLength)
  return labels.reduce((sum, label, row) => sum + Number(view.getInt32(4 * row, true) === label), 0)
}
