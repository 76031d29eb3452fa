/** `tb-cli keys list`: every key of the data folder; one that cannot be read says why. */

import { join } from 'node:path'

import { toHex } from '../../base/bytes.ts'
import { attempt } from '../../base/refusal.ts'
import { readKeyFile } from '../../runtime/io/key-file.ts'
import { type Command, reportList } from '../context.ts'
import { keyFolder, keyNames } from '../key-folder.ts'

export const run: Command = async (context, input) => {
  const folder = keyFolder(context, input)
  const rows = keyNames(folder).map((name) => {
    const path = join(folder, `${name}.json`)
    const read = attempt(() => readKeyFile(path))
    return 'value' in read
      ? { name, publicKey: toHex(read.value.publicKey), path, problem: '' }
      : { name, publicKey: '', path, problem: read.refused.code }
  })
  const columns = ['name', 'publicKey', 'path', 'problem']
  reportList(context, { name: 'keys', columns, rows, beside: { ok: true, folder } })
}
