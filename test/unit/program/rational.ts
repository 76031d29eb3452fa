/** f32 arithmetic over exact rationals: slow, obvious, and sharing nothing with the code it judges. */

const WORD = new Uint32Array(1)
const SINGLE = new Float32Array(WORD.buffer)

export function floatOf(bits: number): number {
  WORD[0] = bits
  return SINGLE[0] as number
}

export function bitsOf(value: number): number {
  if (Number.isNaN(value)) return 0x7fc00000
  SINGLE[0] = value
  return WORD[0] as number
}

/** value = mantissa * 2^exponent, for a finite f32 given by its bits. */
interface Dyadic {
  readonly mantissa: bigint
  readonly exponent: number
}

function dyadic(bits: number): Dyadic {
  const field = (bits >>> 23) & 0xff
  const fraction = BigInt(bits & 0x7fffff)
  const magnitude = field === 0 ? fraction : fraction | 0x800000n
  const mantissa = bits >>> 31 === 1 ? -magnitude : magnitude
  return { mantissa, exponent: (field === 0 ? 1 : field) - 150 }
}

function times(left: Dyadic, right: Dyadic): Dyadic {
  return {
    mantissa: left.mantissa * right.mantissa,
    exponent: left.exponent + right.exponent,
  }
}

function plus(left: Dyadic, right: Dyadic): Dyadic {
  const exponent = Math.min(left.exponent, right.exponent)
  return {
    mantissa:
      (left.mantissa << BigInt(left.exponent - exponent)) +
      (right.mantissa << BigInt(right.exponent - exponent)),
    exponent,
  }
}

/** The nearest f32, ties to even, subnormals and overflow included; sign of zero not decided. */
function round({ mantissa, exponent }: Dyadic): number {
  if (mantissa === 0n) return 0
  const sign = mantissa < 0n ? 0x80000000 : 0
  let magnitude = mantissa < 0n ? -mantissa : mantissa
  const digits = magnitude.toString(2).length
  // The unit of the result: 2^-149 at least, and 24 digits at most.
  const unit = Math.max(-149, exponent + digits - 24)
  const drop = unit - exponent
  if (drop <= 0) {
    magnitude <<= BigInt(-drop)
  } else {
    const half = 1n << BigInt(drop - 1)
    const rest = magnitude & ((1n << BigInt(drop)) - 1n)
    magnitude >>= BigInt(drop)
    if (rest > half || (rest === half && (magnitude & 1n) === 1n)) magnitude += 1n
  }
  let field = unit + 150
  if (magnitude === 0x1000000n) {
    magnitude >>= 1n
    field += 1
  }
  if (field >= 255) return (sign | 0x7f800000) >>> 0
  // Without the hidden digit the number is subnormal, and its field is 0.
  if (magnitude < 0x800000n) return (sign | Number(magnitude)) >>> 0
  return (sign | (field << 23) | Number(magnitude & 0x7fffffn)) >>> 0
}

/** Bits of a * b + c rounded once; operands finite. A zero result is +0. */
export function fmaBits(a: number, b: number, c: number): number {
  return round(plus(times(dyadic(a), dyadic(b)), dyadic(c)))
}
