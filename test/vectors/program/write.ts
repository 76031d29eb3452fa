/** Writes the golden vectors beside this file's source: `node dist/test/vectors/program/write.js`. */

import { writeFileSync } from 'node:fs'

import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { OPS } from '../../../src/program/ops.ts'
import { repositoryFile } from '../../unit/program/files.ts'
import { vectorFile } from './vectors.ts'

const digests: Record<string, string> = {}
for (const op of OPS) {
  const text = vectorFile(op)
  writeFileSync(repositoryFile(`test/vectors/program/${op.name}.json`), text)
  digests[`${op.name}.json`] = toHex(blake3(utf8(text)))
}
writeFileSync(
  repositoryFile('test/vectors/program/digests.json'),
  `${JSON.stringify(digests, null, 2)}\n`,
)
