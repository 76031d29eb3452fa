/**
 * A job file: what to run, on which inputs, checked how, for how much at most.
 *
 *     { "program": id or name, "inputs": ["digits.s8.gz", { "file": "x" }], "verification": "fold",
 *       "lane": "consumer", "priceCeiling": "2.5", "deadlineBlocks": 400, "expiryBlocks": 1000,
 *       "capabilities": [], "tip": "0" }
 *
 * JSON or YAML. Files are looked for beside the job file; one that ends in `.gz` is unpacked.
 * A field that is not known is refused, because a misspelt one must not be taken for an absent one.
 */

import { dirname, resolve } from 'node:path'

import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'

import { CAPABILITIES_MAX, LANES, OFFER_INPUTS_MAX, VERIFICATIONS } from '../ledger/types/market.ts'
import { EXIT, fail } from './failure.ts'
import { readText, readUnpacked } from './files.ts'

const JOB_FILE_BYTES_MAX = 256 * 1024
const TEXT_MAX = 512
const BLOCKS_MAX = 0xffff_ffff
/** What a job gets when its file does not say. */
export const DEADLINE_BLOCKS = 400
export const EXPIRY_BLOCKS = 1_000

const text = z.string().min(1).max(TEXT_MAX)
const blocks = z.number().int().min(1).max(BLOCKS_MAX)
const JobFileSchema = z.strictObject({
  program: text,
  inputs: z.array(z.union([text, z.strictObject({ file: text })])).max(OFFER_INPUTS_MAX),
  verification: z.enum(VERIFICATIONS).default('fold'),
  lane: z.enum(LANES).default('consumer'),
  priceCeiling: z.union([text, z.number().nonnegative()]).optional(),
  tip: z.union([text, z.number().nonnegative()]).default('0'),
  deadlineBlocks: blocks.default(DEADLINE_BLOCKS),
  expiryBlocks: blocks.default(EXPIRY_BLOCKS),
  capabilities: z.array(z.string().min(1).max(32)).max(CAPABILITIES_MAX).default([]),
})

export type JobFile = Omit<z.infer<typeof JobFileSchema>, 'inputs'> & {
  /** Absolute paths, in the order of the program's inputs. */
  readonly inputs: readonly string[]
}

/** @throws CliFailure job_file_unreadable, job_file_malformed */
export function readJobFile(path: string): JobFile {
  const parsed = JobFileSchema.safeParse(parsedFile(path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = issue?.path.join('.') ?? ''
    const reason = (issue?.message ?? '').slice(0, TEXT_MAX)
    return fail(EXIT.usage, 'job_file_malformed', { path, field, reason })
  }
  const folder = dirname(path)
  const inputs = parsed.data.inputs.map((input) =>
    resolve(folder, typeof input === 'string' ? input : input.file),
  )
  return { ...parsed.data, inputs }
}

/** Every JSON text is YAML too. */
function parsedFile(path: string): unknown {
  try {
    return parse(readText(path, 'job_file_unreadable', JOB_FILE_BYTES_MAX))
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    const reason = error.message.split('\n')[0] ?? ''
    return fail(EXIT.usage, 'job_file_malformed', { path, reason })
  }
}

/** The bytes of an input. @throws CliFailure job_file_unreadable */
export function readInput(path: string): Uint8Array {
  return readUnpacked(path, 'job_file_unreadable')
}
