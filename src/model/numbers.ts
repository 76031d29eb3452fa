/** Other floating-point formats to f32: the narrow ones exactly, doubles rounded to nearest even. */

const MANTISSA_16 = 0x03ff
const HIDDEN_16 = 0x0400
/** 2^-24, the unit of a subnormal half. */
const SUBNORMAL_UNIT_16: number = 1 / 0x100_0000

/** IEEE 754 binary16, little-endian. @param bytes an even number of them */
export function halvesToF32(bytes: Uint8Array): Float32Array {
  return words16(bytes, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 0x1f
    const mantissa = bits & MANTISSA_16
    if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    if (exponent === 0) return sign * mantissa * SUBNORMAL_UNIT_16
    const significand = (mantissa | HIDDEN_16) * SUBNORMAL_UNIT_16
    return sign * significand * (1 << (exponent - 1))
  })
}

/** bfloat16, little-endian: the upper half of an f32. @param bytes an even number of them */
export function brainsToF32(bytes: Uint8Array): Float32Array {
  const bits = new Uint32Array(bytes.length / 2)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let index = 0; index < bits.length; index++) {
    bits[index] = view.getUint16(2 * index, true) * 0x1_0000
  }
  return new Float32Array(bits.buffer)
}

/** IEEE 754 binary64, little-endian; each rounded once. @param bytes a multiple of 8 of them */
export function doublesToF32(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 8 }, (_, index) =>
    view.getFloat64(8 * index, true),
  )
}

/** A copy, so that alignment is no concern. @param bytes a multiple of 4 of them */
export function singlesToF32(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer)
}

function words16(bytes: Uint8Array, value: (bits: number) => number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) =>
    value(view.getUint16(2 * index, true)),
  )
}
