/** `tb-cli join` from another folder: a fifth validator enters a running network and votes. */

import { strict as check } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { NodeClient } from '../../devnet/client.ts'
import { type Network, startNetwork } from '../../devnet/network.ts'

const CLI = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js')
const run = promisify(execFile)
const WITHIN_S = 240

describe('tb-cli join', function () {
  this.timeout(320_000)
  const root = mkdtempSync(join(tmpdir(), 'blocktorch-join-'))
  let network: Network | undefined

  after(async () => {
    await network?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it('ends with the votes of a fifth validator in blocks', async () => {
    network = await startNetwork(join(root, 'net'), 'join', () => {}, ['validator'])
    const url = network.nodes[0]?.ready.http ?? ''
    const words = ['join', url, '--data', join(root, 'fifth'), '--exit-after-vote', '--json']
    const { stdout } = await run(process.execPath, [CLI, ...words, '--within', String(WITHIN_S)], {
      timeout: (WITHIN_S + 30) * 1000,
    })
    const told = JSON.parse(stdout) as {
      readonly ok: boolean
      readonly account: string
      readonly votedAt: number
    }
    check.equal(told.ok, true)
    const client = new NodeClient(network.nodes[1]?.ready.http ?? '')
    const block = await client.get<{ signers: readonly string[] }>(
      `/blocktorch/blocks/${told.votedAt}`,
    )
    check.ok(block.signers.includes(told.account))
    const { items } = await client.get<{ items: { id: string }[] }>('/blocktorch/validators')
    check.equal(items.length, 5)
  })
})
