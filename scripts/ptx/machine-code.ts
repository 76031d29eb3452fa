/**
 * What instructions a cubin is made of, kernel by kernel: the code of NVIDIA GPUs since Volta.
 *
 * A cubin is an ELF file with a section `.text.NAME` for each kernel. Instructions are 128 bits
 * long; the low 12 bits of the first half name the operation, of which the upper four say where the
 * second operand comes from. We count the few that do arithmetic on f32.
 */

export interface Arithmetic {
  readonly ffma: number
  readonly fadd: number
  readonly fmul: number
  /** Reciprocals, roots and other approximations, on which exact ones are built. */
  readonly mufu: number
}

const INSTRUCTION_BYTES = 16
/** Low byte of the operation. */
const KINDS: Readonly<Record<number, 'ffma' | 'fadd' | 'fmul'>> = {
  32: 'fmul',
  33: 'fadd',
  35: 'ffma',
}
/** How the second operand is given: register, constant, immediate, uniform register. */
const FORMS: ReadonlySet<number> = new Set([0x2, 0x4, 0x6, 0x8, 0xa, 0xc])
const MUFU = 0x308

/** @throws RangeError when the bytes are no ELF file of 64 bits. */
export function arithmeticOf(cubin: Uint8Array): ReadonlyMap<string, Arithmetic> {
  const view = new DataView(cubin.buffer, cubin.byteOffset, cubin.byteLength)
  if (view.getUint32(0) !== 0x7f45_4c46 || view.getUint8(4) !== 2) throw new RangeError('no ELF64')
  const found = new Map<string, Arithmetic>()
  for (const { name, offset, size } of sectionsOf(view)) {
    if (name.startsWith('.text.')) found.set(name.slice(6), countIn(view, offset, size))
  }
  return found
}

interface Section {
  readonly name: string
  readonly offset: number
  readonly size: number
}

function sectionsOf(view: DataView): Section[] {
  const table = Number(view.getBigUint64(0x28, true))
  const entryBytes = view.getUint16(0x3a, true)
  const count = view.getUint16(0x3c, true)
  const at = (index: number) => table + index * entryBytes
  const offsetOf = (index: number) => Number(view.getBigUint64(at(index) + 0x18, true))
  const names = offsetOf(view.getUint16(0x3e, true))
  return Array.from({ length: count }, (_, index) => ({
    name: textAt(view, names + view.getUint32(at(index), true)),
    offset: offsetOf(index),
    size: Number(view.getBigUint64(at(index) + 0x20, true)),
  }))
}

function textAt(view: DataView, from: number): string {
  let text = ''
  for (let at = from; view.getUint8(at) !== 0; at++) text += String.fromCharCode(view.getUint8(at))
  return text
}

function countIn(view: DataView, offset: number, size: number): Arithmetic {
  const counts = { ffma: 0, fadd: 0, fmul: 0, mufu: 0 }
  for (let at = offset; at < offset + size; at += INSTRUCTION_BYTES) {
    const operation = view.getUint32(at, true) & 0xfff
    const kind = KINDS[operation & 0xff]
    if (operation === MUFU) counts.mufu++
    else if (kind !== undefined && FORMS.has(operation >> 8)) counts[kind]++
  }
  return counts
}
