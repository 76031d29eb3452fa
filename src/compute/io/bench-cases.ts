/**
 * A few ops of the kinds that fill real programs, sized to take milliseconds: what a short benchmark
 * of a fabric runs. Own figures only; comparisons with others are the business of `bench/`.
 */

import { f32Attribute, ProgramBuilder } from '../../program/builder.ts'
import { programCost } from '../../program/cost.ts'
import { describeType, tensorBytes } from '../../program/shape.ts'
import { F32, type Program, S8, type TensorType } from '../../program/types.ts'
import type { FabricDevice } from './fabric-device.ts'

export interface BenchCase {
  readonly op: string
  /** `f32[512,512] f32[512,512]` */
  readonly shapes: string
  readonly program: Program
  /** Multiply-accumulates; 0 where bytes are what counts. */
  readonly macs: number
  /** Read and written. */
  readonly bytes: number
}

export interface BenchFigure {
  /** Median and least of the runs, hashing of the output included, as a job pays for it. */
  readonly micros: number
  readonly bestMicros: number
}

/** Runs of one case that are counted, after one that is not. */
const RUNS = 7

const f32 = (...dims: number[]): TensorType => ({ dtype: F32, dims })
const s8 = (...dims: number[]): TensorType => ({ dtype: S8, dims })

const WANTED: readonly (readonly [
  op: string,
  args: readonly TensorType[],
  attrs?: readonly bigint[],
])[] = [
  ['matmul_f32', [f32(512, 512), f32(512, 512)]],
  ['matmul_s8', [s8(1024, 1024), s8(1024, 1024)]],
  ['add_f32', [f32(1024, 1024), f32(1024, 1024)]],
  ['relu_f32', [f32(1024, 1024)]],
  ['softmax_f32', [f32(1024, 1024)]],
  ['sum_last_f32', [f32(1024, 1024)]],
  ['transpose_f32', [f32(1024, 1024)]],
  ['gelu_f32', [f32(1024, 1024)]],
  ['layernorm_f32', [f32(1024, 1024), f32(1024), f32(1024)], [f32Attribute(1e-5)]],
  ['attention_f32', [f32(8, 256, 64), f32(8, 256, 64), f32(8, 256, 64)], [f32Attribute(0.125), 0n]],
  // Strides, padding on four sides, dilations, groups.
  ['conv2d_f32', [f32(1, 28, 28, 64), f32(64, 3, 3, 64)], [1n, 1n, 1n, 1n, 1n, 1n, 1n, 1n, 1n]],
]

export function benchCases(): BenchCase[] {
  return WANTED.map(([op, args, attrs = []]) => {
    const builder = new ProgramBuilder()
    const inputs = args.map((type, place) => builder.input(`x${place}`, type))
    const made = builder.op(op, inputs, attrs)
    builder.output('y', made)
    const { program } = builder.build()
    return {
      op,
      shapes: args.map(describeType).join(' '),
      program,
      macs: programCost(program).macs,
      bytes: [...args, made.type].reduce((sum, type) => sum + tensorBytes(type), 0),
    }
  })
}

/** @throws RefusalError fabric_refused | fabric_crashed */
export async function measure(device: FabricDevice, { program }: BenchCase): Promise<BenchFigure> {
  const given = program.inputs.map((type, place) => ordinary(type, place))
  const times: number[] = []
  for (let run = 0; run <= RUNS; run++) {
    const { micros } = await device.run(program, given)
    if (run > 0) times.push(micros)
  }
  times.sort((left, right) => left - right)
  return { micros: times[RUNS >> 1] as number, bestMicros: times[0] as number }
}

/** Numbers between -1 and 1, or all bytes; the same on every machine. */
function ordinary(type: TensorType, seed: number): Uint8Array {
  const bytes = new Uint8Array(tensorBytes(type))
  let state = (0x9e37_79b9 ^ seed) | 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  }
  if (type.dtype !== F32) return bytes.map(next)
  const floats = new Float32Array(bytes.buffer)
  for (let index = 0; index < floats.length; index++) floats[index] = next() / 0x8000_0000
  return bytes
}
