/** `tb-cli keys show NAME`: the public half of a key and where its file lies. */

import { toHex } from '../../base/bytes.ts'
import { readKeyFile } from '../../runtime/io/key-file.ts'
import { type Command, report } from '../context.ts'
import { keyPath } from '../key-folder.ts'
import { toPairs } from '../render.ts'

export const run: Command = async (context, input) => {
  const name = input.args[0] ?? ''
  const path = keyPath(context, input, name)
  const publicKey = toHex(readKeyFile(path).publicKey)
  report(context, { ok: true, name, publicKey, path }, () =>
    toPairs([
      ['name', name],
      ['public key', publicKey],
      ['file', path],
    ]),
  )
}
