/** The package as its users meet it: imported by name from a folder of their own. */

import { strict as check } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { REPOSITORY_ROOT } from '../../../src/runtime/io/native-addon.ts'

const run = promisify(execFile)
const page = readFileSync(join(REPOSITORY_ROOT, 'docs/reference/tensor.md'), 'utf8')
const examples = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code as string)
/** In Node a failed `console.assert` says so and goes on; here it ends the example. */
const STRICT = "import { ok } from 'node:assert'\nconsole.assert = ok\n"

describe('the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'blocktorch-consumer-'))

  before(() => {
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(REPOSITORY_ROOT, join(folder, 'node_modules/blocktorch'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  it('has an example for each part of its page', () => {
    check.ok(examples.length >= 6)
  })

  for (const [index, example] of examples.entries()) {
    it(`runs example ${index + 1} of its page`, async function () {
      this.timeout(20_000)
      const file = join(folder, `example-${index + 1}.js`)
      writeFileSync(file, STRICT + example)
      const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder })
      check.deepEqual([stdout, stderr], ['', ''])
    })
  }

  it('keeps its inner files to itself', async () => {
    const file = join(folder, 'deep.js')
    writeFileSync(file, "await import('blocktorch/dist/src/tensor/tape.js')")
    await check.rejects(run(process.execPath, [file], { cwd: folder }), /ERR_PACKAGE_PATH/)
  })
})
