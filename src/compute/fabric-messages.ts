/**
 * What the process of a fabric says, looked at before it is believed: a stranger's code runs there.
 *
 * A message that is not of its form counts for nothing, and neither does its process.
 */

import type { Refusal } from '../base/refusal.ts'
import type { AllocationEvent } from '../base/tensor-profile.ts'
import type { DeviceFacts, FromFabric } from './child-messages.ts'
import { OPEN_STEPS } from './fabric-limits.ts'

const DIGEST_BYTES = 32
const OPS_MAX = 4096
/** Text of any kind: names, reasons, lines. */
const TEXT_MAX = 600
const LINES_MAX = 131_072
const FACTS_MAX = 16

type Fields = Readonly<Record<string, unknown>>

/** The message, or undefined when it is none. */
export function readFabricMessage(value: unknown): FromFabric | undefined {
  if (!isFields(value)) return undefined
  const check = FORMS[String(value['kind'])]
  return check?.(value) === true ? (value as unknown as FromFabric) : undefined
}

const FORMS: Readonly<Record<string, (fields: Fields) => boolean>> = {
  step: ({ step }) => (OPEN_STEPS as readonly unknown[]).includes(step),
  ready: ({ facts }) => isDevice(facts),
  unusable: ({ refusal }) => isRefusal(refusal),
  hung: ({ during, forMs }) => isText(during) && isCount(forMs),
  told: ({ lines }) => isList(lines, isText, LINES_MAX),
  cancelled: ({ runId }) => isRunId(runId),
  failed: ({ runId, refusal, profile }) =>
    isRunId(runId) && isRefusal(refusal) && isList(profile, isAllocation, LINES_MAX),
  computed: ({ runId, opDigests, outputs, micros, profile }) =>
    isRunId(runId) &&
    isList(profile, isAllocation, LINES_MAX) &&
    isList(opDigests, isDigest, OPS_MAX) &&
    isList(outputs, isBytes, OPS_MAX) &&
    isCount(micros),
  done: (fields) => isDone(fields),
}

function isDone(fields: Fields): boolean {
  const { runId, opDigests, outputDigest, manifestDigest, written, profile } = fields
  const { micros, allocBytes, freeBytes } = fields
  return (
    isRunId(runId) &&
    isList(opDigests, isDigest, OPS_MAX) &&
    isDigest(outputDigest) &&
    isDigest(manifestDigest) &&
    isList(written, isWanted, OPS_MAX + 2) &&
    isList(profile, isAllocation, LINES_MAX) &&
    [micros, allocBytes, freeBytes].every(isCount)
  )
}

function isDevice(value: unknown): value is DeviceFacts {
  if (!isFields(value)) return false
  const words = ['fabric', 'version', 'device', 'vendor', 'driver', 'isa']
  const counts = ['kind', 'caps', 'computeUnits', 'memoryTotalBytes', 'memoryFreeBytes']
  return (
    words.every((name) => isText(value[name])) &&
    counts.every((name) => isCount(value[name])) &&
    isDigest(value['kernelDigest'])
  )
}

function isRefusal(value: unknown): value is Refusal {
  if (!isFields(value)) return false
  const { code, facts } = value
  if (typeof code !== 'string' || !/^[a-z_]{1,64}$/.test(code) || !isFields(facts)) return false
  const all = Object.values(facts)
  return all.length <= FACTS_MAX && all.every(isFact)
}

function isFact(value: unknown): boolean {
  return isText(value) || ['number', 'boolean', 'bigint'].includes(typeof value)
}

function isWanted(value: unknown): boolean {
  return isFields(value) && isDigest(value['digest']) && isCount(value['lengthBytes'])
}

function isAllocation(value: unknown): value is AllocationEvent {
  if (!isFields(value)) return false
  const { kind, label, bytes } = value
  return (kind === 'alloc' || kind === 'free') && isText(label) && isCount(bytes)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function isList(value: unknown, holds: (item: unknown) => boolean, most: number): boolean {
  return Array.isArray(value) && value.length <= most && value.every(holds)
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

function isDigest(value: unknown): value is Uint8Array {
  return isBytes(value) && value.length === DIGEST_BYTES
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX
}

function isRunId(value: unknown): value is bigint {
  return typeof value === 'bigint'
}

/** A whole number that a float holds exactly; sizes, times, enumerations. */
function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
