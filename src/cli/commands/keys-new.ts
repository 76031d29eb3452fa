/** `tb-cli keys new NAME`: makes a key, says where it lies and what its loss would mean. */

import { toHex } from '../../base/bytes.ts'
import { newKeyPair, writeKeyFile } from '../../runtime/io/key-file.ts'
import { type Command, report } from '../context.ts'
import { keyPath } from '../key-folder.ts'

export const run: Command = async (context, input) => {
  const name = input.args[0] ?? ''
  const path = keyPath(context, input, name)
  const pair = newKeyPair()
  writeKeyFile(path, pair)
  const publicKey = toHex(pair.publicKey)
  report(context, { ok: true, name, publicKey, path }, () =>
    [
      `key ${name}: ${publicKey}`,
      `file: ${path} (only you can read it)`,
      'Back it up: copy the file to a place that only you can reach. Who has the file has the key;',
      'nobody can restore a lost one. A validator key must never run in two places at once.',
    ].join('\n'),
  )
}
