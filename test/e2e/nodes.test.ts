/** Four real nodes in one process: libp2p on loopback, LevelDB, journals, child processes. */

import { strict as check } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import '../../src/p2p/io/polyfill.ts'

import { toHex } from '../../src/base/bytes.ts'
import { balanceOf } from '../../src/ledger/accounts.ts'
import { audit } from '../../src/ledger/supply.ts'
import { openNode, type RunningNode } from '../../src/node/compose.ts'
import type { Logger, Meter } from '../../src/runtime/ports.ts'
import { simGenesis } from '../../src/sim/cluster.ts'
import { pairNamed } from '../../src/sim/io/crypto.ts'
import { idOf, KEYS, PARAMS, transaction } from '../sim/support.ts'

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const UNREAD: Meter = { add: () => {}, set: () => {}, observe: () => {} }
const NAMES = ['v0', 'v1', 'v2', 'v3'] as const

const base = simGenesis({ validators: NAMES, accounts: ['alice'], params: PARAMS }, KEYS)

async function until(what: string, ms: number, ask: () => boolean): Promise<void> {
  const end = Date.now() + ms
  while (!ask()) {
    if (Date.now() > end) throw new Error(`gave up waiting for ${what}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

describe('four nodes over real libp2p', () => {
  const folder = mkdtempSync(join(tmpdir(), 'blocktorch-nodes-'))
  const genesis = { ...base, time: BigInt(Date.now()) }
  const running: RunningNode[] = []

  const open = async (name: string, bootstrap: readonly string[]): Promise<RunningNode> => {
    const node = await openNode({
      dataDir: join(folder, name),
      genesis,
      profile: 'devnet',
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap,
      account: pairNamed(name),
      validator: {
        consensus: pairNamed(`${name}/consensus`),
        vrfSeed: pairNamed(`${name}/vrf`).secretKey,
        coinSecret: pairNamed(`${name}/coins`).secretKey,
      },
      provider: undefined,
      verifierThreads: 1,
      logger: SILENT,
      meter: UNREAD,
      onFact: () => {},
      onFatal: (error) => {
        throw error
      },
    })
    running.push(node)
    return node
  }

  after(async () => {
    await Promise.all(running.map((node) => node.stop()))
    rmSync(folder, { recursive: true, force: true })
  })

  it('agree on blocks that hold what was submitted', async function () {
    this.timeout(60_000)
    const first = await open('v0', [])
    const bootstrap = first.network.addresses
    await Promise.all(NAMES.slice(1).map((name) => open(name, bootstrap)))
    for (let nonce = 0n; nonce < 5n; nonce++) {
      const to = KEYS.signer('bob').publicKey
      const action = { name: 'transfer', payload: { to, value: 5n } } as const
      const outcome = await first.submit(transaction(genesis, 'alice', nonce, action))
      check.ok('id' in outcome, JSON.stringify(outcome))
      await until('the transfer', 20_000, () =>
        running.every(({ ledger }) => balanceOf(ledger.state, idOf('bob')) === 5n * (nonce + 1n)),
      )
    }
    await until(
      'one height',
      5_000,
      () => new Set(running.map(({ ledger }) => ledger.head.height)).size === 1,
    )
    check.equal(new Set(running.map(({ ledger }) => toHex(ledger.head.stateRoot))).size, 1)
    for (const { ledger } of running) check.ok(audit(ledger.state).conserved)
  })
})
