/** The profile and the machine: the setting in the environment, and the log as a file. */

import { tensorProfileAppend } from '../../runtime/io/profile-log.ts'
import { tensorProfileEvents } from '../profile.ts'

const ON: readonly string[] = ['1', 'on', 'true', 'yes']

/** As the configuration of a node reads it, under either name. */
export function profileSetting(): boolean {
  const { TB_BLOCKTORCH_PROFILE: setting, ORCHARD_TENSOR_PROFILE: older } = process.env
  return ON.includes(setting ?? older ?? '')
}

/**
 * Appends what was noted since the last clearing to a log, as one run under the name `job`.
 * Nothing is written when nothing was noted. Throws what the disk throws.
 */
export function tensorProfileWrite(path: string, job = 'library'): void {
  const events = tensorProfileEvents()
  if (events.length === 0) return
  tensorProfileAppend(path, { job, fabric: 'tensor', device: 'cpu', outcome: 'done' }, events)
}
