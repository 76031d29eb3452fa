/** Where the repository and its compiled form lie; `dist` may have another name but not depth. */

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds this file's compiled form: dist/. */
export const BUILT: string = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** The repository. */
export const ROOT: string = join(BUILT, '..')
