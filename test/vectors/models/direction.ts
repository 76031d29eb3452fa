/** The public model of the tests: which way up a line of text stands. See README.md. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { toHex } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/base/hash.ts'
import { REPOSITORY_ROOT } from '../../../src/runtime/io/native-addon.ts'

const FILE = 'test/vectors/models/text-direction.onnx.gz'
const SHA_256 = '491843a3c65de46295864c6815e41127eaa812c4dac1e19c6850ec49da9d3640'

/** One picture: batch, channels, height, width. */
export const DIRECTION_SHAPE: readonly number[] = [1, 3, 48, 192]

export function directionModel(): Uint8Array {
  const model = new Uint8Array(gunzipSync(readFileSync(join(REPOSITORY_ROOT, FILE))))
  check.equal(toHex(sha256(model)), SHA_256)
  return model
}
