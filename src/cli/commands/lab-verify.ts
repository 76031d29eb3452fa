/** `tb-cli lab verify FILE`: whether a lab log is whole, unchanged, and of one mind about every bit. */

import { resolve } from 'node:path'

import { equalBytes, toHex, ZERO_32 } from '../../base/bytes.ts'
import { textOf } from '../../compute/lab-entry.ts'
import { disagreements, type LabLog, subjectOf } from '../../compute/lab-log.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { type Command, failAfter, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { digestOption, readLog } from '../lab.ts'
import { toPairs } from '../render.ts'

export const run: Command = async (context, input) => {
  installNativeHash()
  const log = readLog(resolve(context.cwd, input.args[0] ?? ''))
  checkNamed(log, input)
  const { entries, chain, seal } = log
  const differ = disagreements(entries)
  const computers = entries.map(({ fabric }) => `${textOf(fabric.name)} ${textOf(fabric.isa)}`)
  const result = {
    ok: differ.length === 0,
    entries: entries.length,
    subjects: new Set(entries.map(subjectOf)).size,
    computers: [...new Set(computers)],
    kernelDigests: [...new Set(entries.map(({ fabric }) => toHex(fabric.kernelDigest)))].filter(
      (digest) => digest !== toHex(ZERO_32),
    ),
    commits: [...new Set(entries.map(({ commit }) => textOf(commit)))],
    head: toHex(chain.at(-1) ?? ZERO_32),
    signer: seal.signed === undefined ? null : toHex(seal.signed.key),
    differ,
  }
  report(context, result, () => toPairs(Object.entries(result)))
  const [first] = differ
  if (first !== undefined) failAfter(context, EXIT.failed, 'lab_bits_differ', { ...first })
}

/** The log is the one that was meant. @throws CliFailure lab_head_differs | lab_signer_differs */
function checkNamed({ chain, seal }: LabLog, input: Input): void {
  const head = digestOption(input, 'head')
  const found = chain.at(-1) ?? ZERO_32
  if (head !== undefined && !equalBytes(head, found)) {
    fail(EXIT.rejected, 'lab_head_differs', { wanted: toHex(head), found: toHex(found) })
  }
  const signer = digestOption(input, 'signer')
  const key = seal.signed?.key
  if (signer === undefined || (key !== undefined && equalBytes(signer, key))) return
  const facts = { wanted: toHex(signer), found: key === undefined ? 'none' : toHex(key) }
  fail(EXIT.rejected, 'lab_signer_differs', facts)
}
