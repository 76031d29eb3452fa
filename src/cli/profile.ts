/** Where the tensor profile of a node lies: in the data folder that is given, or in its own. */

import { resolve } from 'node:path'

import { readConfig } from '../node/config.ts'
import { profileLogPath } from '../runtime/io/profile-log.ts'
import type { Context, Input } from './context.ts'
import { EXIT, fail } from './failure.ts'

/** @throws RefusalError config_invalid */
export function profilePath({ cwd, env }: Context, { options }: Input): string {
  const given = options['data']
  const folder = typeof given === 'string' ? given : readConfig(env).config.dataDir
  return profileLogPath(resolve(cwd, folder))
}

/** Changes the file of the profile. @throws CliFailure profile_unwritable */
export function changing<Value>(path: string, change: (path: string) => Value): Value {
  try {
    return change(path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code
    if (reason === undefined) throw error
    return fail(EXIT.failed, 'profile_unwritable', { path, reason })
  }
}
