/**
 * Runs the test files it is given in this process and reports the counts to its parent.
 *
 * Usage, as a fork: node scripts/mocha-area.mjs FILE...
 */

import Mocha from 'mocha'

const mocha = new Mocha({ reporter: 'dot', timeout: 20_000, forbidOnly: true })
for (const file of process.argv.slice(2)) mocha.addFile(file)
await mocha.loadFilesAsync()
const runner = mocha.run(() => {
  const { passes, failures, pending } = runner.stats
  process.send({ passed: passes, failed: failures, pending })
  process.disconnect()
})
