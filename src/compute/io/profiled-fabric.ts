/**
 * A fabric whose runs are written to the tensor profile before anybody hears how they ended.
 *
 * The profile is a record, not a condition: when it cannot be written the job goes on and `onFailure`
 * is told, once for each run.
 */

import type { Refusal } from '../../base/refusal.ts'
import { tensorProfileAppend } from '../../runtime/io/profile-log.ts'
import type { Fabric, RunOutcome } from '../fabric.ts'
import { diskRefusal } from './blob-files.ts'

export function profiledFabric<Any extends Fabric>(
  fabric: Any,
  path: string,
  onFailure: (refused: Refusal) => void,
): Any {
  function note(job: string, outcome: RunOutcome): void {
    const { name, device } = fabric.manifest
    const head = { job, fabric: name, device, outcome: outcome.kind }
    const events = outcome.kind === 'cancelled' ? [] : (outcome.profile ?? [])
    try {
      tensorProfileAppend(path, head, events)
    } catch (error) {
      onFailure(diskRefusal(error))
    }
  }
  return {
    ...fabric,
    run: (job, done) =>
      fabric.run(job, (outcome) => {
        note(job.jobId, outcome)
        done(outcome)
      }),
  }
}
