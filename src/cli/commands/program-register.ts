/** `tb-cli program register FILE.bt`: hands a program and its weights to the validators. */

import { basename, resolve } from 'node:path'

import { equalBytes, toHex, utf8 } from '../../base/bytes.ts'
import { blake3 } from '../../base/hash.ts'
import { decodeProgram, PROGRAM_BYTES_MAX, programDigest } from '../../program/ir.ts'
import type { WeightType } from '../../program/types.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { amountOption } from '../amounts.ts'
import type { Blob, ProgramDetail } from '../answers.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { readBytes } from '../files.ts'
import { readInput } from '../job-file.ts'
import { signingKey } from '../keys.ts'
import { INCLUSION_MS, transact } from '../submit.ts'
import { until } from '../waiting.ts'

const NAME_BYTES_MAX = 64
const POLL_MS = 200

export const run: Command = async (context, input) => {
  const path = resolve(context.cwd, input.args[0] ?? '')
  const ir = readBytes(path, 'program_file_unreadable', PROGRAM_BYTES_MAX)
  const program = decodeProgram(ir)
  const name = nameOf(input, path)
  installNativeHash()
  const weights = readWeights(context, input, program.weights)
  const pair = signingKey(context, input)
  const client = await context.client()
  for (const { bytes } of weights) await client.postBytes<Blob>('/blocktorch/blobs', bytes)
  const tip = amountOption(input, 'tip', 0n)
  const refs = weights.map(({ digest, bytes, dtype }) => ({
    digest,
    length: BigInt(bytes.length),
    dtype,
  }))
  const action = {
    name: 'register-program',
    payload: { ir, name: utf8(name), weights: refs },
  } as const
  const { id: transaction, height } = await transact(context, client, pair, action, tip)
  const id = toHex(programDigest(ir))
  context.stderr(`program ${id} registered in block #${height}\n`)
  const wait = { signal: context.signal, withinMs: INCLUSION_MS, everyMs: POLL_MS }
  const { state } = await until({ ...wait, code: 'weights_awaited', facts: { id } }, async () => {
    const known = await client.get<ProgramDetail>(`/blocktorch/programs/${id}`)
    return known.state === 'pending' ? undefined : known
  })
  report(
    context,
    { ok: true, id, name, transaction, height, state },
    () => `program ${name}: ${id}, ${state}`,
  )
}

function nameOf({ options }: Input, path: string): string {
  const { name } = options
  const chosen = typeof name === 'string' ? name : basename(path).replace(/\.bt$/, '')
  const bytes = utf8(chosen).length
  if (bytes > NAME_BYTES_MAX) fail(EXIT.usage, 'program_name_long', { bytes, most: NAME_BYTES_MAX })
  return chosen
}

/** Compared with the digests of the program before anything is sent. */
function readWeights({ cwd }: Context, { options }: Input, named: readonly WeightType[]) {
  const { weights } = options
  const files = Array.isArray(weights) ? (weights as readonly string[]) : []
  if (files.length !== named.length) {
    fail(EXIT.usage, 'weights_count', { files: files.length, named: named.length })
  }
  return named.map(({ type, digest }, index) => {
    const path = resolve(cwd, files[index] ?? '')
    const bytes = readInput(path)
    if (equalBytes(blake3(bytes), digest)) return { digest, bytes, dtype: type.dtype }
    return fail(EXIT.usage, 'weights_differ', { path, wanted: toHex(digest) })
  })
}
