/** `tb-cli program register FOLDER|FILE.bt`: hands a program and its weights to the validators. */

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
import { isFolder, readFolderWeights, readProgramFolder } from '../program-folder.ts'
import { INCLUSION_MS, transact } from '../submit.ts'
import { until } from '../waiting.ts'

const NAME_BYTES_MAX = 64
const POLL_MS = 200

export const run: Command = async (context, input) => {
  installNativeHash()
  const path = resolve(context.cwd, input.args[0] ?? '')
  const { ir, name, weights } = isFolder(path)
    ? fromFolder(input, path)
    : fromFile(context, input, path)
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

interface Registration {
  readonly ir: Uint8Array
  readonly name: string
  readonly weights: readonly {
    readonly digest: Uint8Array
    readonly bytes: Uint8Array
    readonly dtype: number
  }[]
}

/** What an import wrote holds its weights. */
function fromFolder(input: Input, path: string): Registration {
  if (input.options['weights'] !== undefined) {
    fail(EXIT.usage, 'usage', { weights: 'the folder has them' })
  }
  const source = readProgramFolder(path)
  const bytes = readFolderWeights(source)
  const weights = source.program.weights.map(({ type, digest }, index) => ({
    digest,
    bytes: bytes[index] as Uint8Array,
    dtype: type.dtype,
  }))
  return { ir: source.bytes, name: nameOf(input, source.description.name), weights }
}

function fromFile(context: Context, input: Input, path: string): Registration {
  const ir = readBytes(path, 'program_file_unreadable', PROGRAM_BYTES_MAX)
  const program = decodeProgram(ir)
  const name = nameOf(input, basename(path).replace(/\.bt$/, ''))
  return { ir, name, weights: readWeights(context, input, program.weights) }
}

function nameOf({ options }: Input, usual: string): string {
  const { name } = options
  const chosen = typeof name === 'string' ? name : usual
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
