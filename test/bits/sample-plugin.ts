/** The sample plugin of examples/, built by its own Makefile, as a third party would. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { REPOSITORY_ROOT } from '../../src/runtime/io/native-addon.ts'

const FOLDER = join(REPOSITORY_ROOT, 'build/examples')
export const SAMPLE_PLUGIN: string = join(FOLDER, 'fabric-plugin.so')

/** @returns what make said when it failed */
export function buildSamplePlugin(): string | undefined {
  const source = join(REPOSITORY_ROOT, 'examples/fabric-plugin')
  const { status, stderr, error } = spawnSync('make', ['-C', source, `OUT=${FOLDER}`], {
    encoding: 'utf8',
  })
  return status === 0 ? undefined : (error?.message ?? stderr)
}
