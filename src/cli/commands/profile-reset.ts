/** `tb-cli profile reset`: the tensor profile is counted anew from here on. */

import { tensorProfileReset } from '../../runtime/io/profile-log.ts'
import { type Command, report } from '../context.ts'
import { changing, profilePath } from '../profile.ts'

export const run: Command = async (context, input) => {
  const path = profilePath(context, input)
  changing(path, tensorProfileReset)
  report(context, { ok: true, path }, () => `counted anew from here on: ${path}`)
}
