/** No orphan metric: what the catalogue names is written, and what is written is in the catalogue. */

import { strict as check } from 'node:assert'

import { CATALOGUE, metricLine } from '../../../src/telemetry/catalogue.ts'
import { filesUnder, readText } from '../../house/tree.ts'

const sources = filesUnder('src', ['.ts'])
  .filter((path) => path !== 'src/telemetry/catalogue.ts')
  .map(readText)

describe('metrics in the code', () => {
  it('write every metric of the catalogue somewhere', () => {
    const orphans = CATALOGUE.map(({ name }) => name).filter(
      (name) => !sources.some((text) => text.includes(`'${name}'`)),
    )
    check.deepEqual(orphans, [])
  })

  it('name no metric that is not in the catalogue', () => {
    const written = sources.flatMap((text) =>
      [...text.matchAll(/[mM]eter\.(?:add|set|observe)\(\s*'([a-z0-9_]+)'/g)].map(
        (match) => match[1] as string,
      ),
    )
    check.ok(written.length > 5)
    check.deepEqual(
      written.filter((name) => metricLine(name) === undefined),
      [],
    )
  })
})
