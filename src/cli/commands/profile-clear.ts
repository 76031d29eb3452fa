/** `tb-cli profile clear`: removes the log of the tensor profile. */

import { tensorProfileClearLog } from '../../runtime/io/profile-log.ts'
import { type Command, report } from '../context.ts'
import { changing, profilePath } from '../profile.ts'

export const run: Command = async (context, input) => {
  const path = profilePath(context, input)
  const bytes = changing(path, tensorProfileClearLog)
  report(context, { ok: true, path, bytes }, () => `removed, ${bytes} bytes: ${path}`)
}
