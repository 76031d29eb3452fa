/** Four validator processes: one is killed, the others go on, it comes back, votes, signs nothing twice. */

import { strict as check } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { NodeClient, until } from '../../devnet/client.ts'
import { members, pairNamed } from '../../devnet/layout.ts'
import { type Network, startNetwork } from '../../devnet/network.ts'
import { toHex } from '../../src/base/bytes.ts'
import { signTransaction } from '../../src/cli/wallet.ts'
import { decodeRecord } from '../../src/consensus/sign-guard.ts'
import { genesisHash } from '../../src/ledger/types/genesis.ts'
import { openFileJournal } from '../../src/runtime/io/file-journal.ts'

const SEED = 'restart'
const VICTIM = 'validator-2'
const WAIT_MS = 90_000

interface BlockBody {
  readonly height: number
  readonly signers: readonly string[]
}

describe('a validator that is killed', function () {
  this.timeout(300_000)
  const root = mkdtempSync(join(tmpdir(), 'blocktorch-restart-'))
  let network: Network | undefined

  after(async () => {
    await network?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it('comes back, catches up, votes again and signs nothing twice', async () => {
    const started = await startNetwork(root, SEED, () => {}, ['validator'])
    network = started
    const client = new NodeClient(started.nodes[0]?.ready.http ?? '')
    const pay = payments(started, client)
    await pay(3)
    const victim = started.nodes.find(({ name }) => name === VICTIM)
    check.ok(victim !== undefined)
    victim.kill()
    await victim.ended
    await pay(3)
    const back = await until(`${VICTIM} to be started again`, WAIT_MS, async () =>
      started.nodes.find(({ name, pid }) => name === VICTIM && pid !== victim.pid),
    )
    const account = toHex(pairNamed(SEED, VICTIM).publicKey)
    const height = await heightOf(client)
    await until(`a signature of ${VICTIM}`, WAIT_MS, async () => {
      await pay(1)
      const { items } = await client.get<{ items: BlockBody[] }>('/blocktorch/blocks?limit=20')
      return items.some((block) => block.height > height && block.signers.includes(account))
        ? true
        : undefined
    })
    check.ok((await heightOf(new NodeClient(back.ready.http))) >= height)
    await started.stop()
    network = undefined
    for (const { name } of members(SEED).filter(({ part }) => part === 'validator')) {
      await assertSignedOnce(join(root, name, 'guard.journal'))
    }
  })
})

async function heightOf(client: NodeClient): Promise<number> {
  return (await client.get<{ height: number }>('/healthz')).height
}

/** Makes blocks: each payment is awaited. */
function payments(network: Network, client: NodeClient): (count: number) => Promise<void> {
  const sender = pairNamed(SEED, 'buyer')
  const account = toHex(sender.publicKey)
  const action = { name: 'transfer', payload: { to: sender.publicKey, value: 1n } } as const
  let nonce = 0n
  return async (count) => {
    for (let made = 0; made < count; made++) {
      const hash = genesisHash(network.genesis)
      const { bytes } = signTransaction(hash, sender, nonce, 0n, action)
      await client.post('/blocktorch/submit', { envelope: toHex(bytes) })
      nonce++
      await until('a payment to be in a block', WAIT_MS, async () => {
        const known = await client.get<{ nonce: number }>(`/blocktorch/accounts/${account}`)
        return BigInt(known.nonce) === nonce ? true : undefined
      })
    }
  }
}

/** Every position in a guard's journal is signed once: positions only grow. */
async function assertSignedOnce(path: string): Promise<void> {
  const journal = await openFileJournal(path, (error) => {
    throw error
  })
  const records = await new Promise<readonly Uint8Array[]>((done) => journal.readAll(done))
  await journal.close()
  const positions = records.map(decodeRecord).map(({ height, round, step }) => {
    return `${height}/${round}/${step}`
  })
  check.ok(positions.length > 0)
  check.equal(new Set(positions).size, positions.length)
}
