/**
 * A public model through the whole market: imported, registered, bought, run, verified by replay and
 * settled. One validator and one provider, with the rules and parameters of the devnet, real sockets
 * and real children.
 */

import { strict as check } from 'node:assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import '../../src/p2p/io/polyfill.ts'

import { NodeClient, until } from '../../devnet/client.ts'
import {
  devnetGenesis,
  folderOf,
  type Member,
  members,
  pairNamed,
  writeKeys,
} from '../../devnet/layout.ts'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { EXIT } from '../../src/cli/failure.ts'
import { type HostedNode, hostNode } from '../../src/cli/host-node.ts'
import { readFolderWeights, readProgramFolder } from '../../src/cli/program-folder.ts'
import { signTransaction } from '../../src/cli/wallet.ts'
import { ownKernelDigest } from '../../src/compute/io/kernel-manifest.ts'
import { writeGenesisFile } from '../../src/ledger/io/genesis-file.ts'
import { type Genesis, genesisHash } from '../../src/ledger/types/genesis.ts'
import type { Action } from '../../src/ledger/types/transaction.ts'
import { readConfig } from '../../src/node/config.ts'
import { evaluate } from '../../src/program/evaluate.ts'
import { producerOf } from '../../src/program/ir.ts'
import { writeKeyFile } from '../../src/runtime/io/key-file.ts'
import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import { type Invocation, invoke } from '../unit/cli/invoke.ts'
import { DIRECTION_SHAPE, directionModel } from '../vectors/models/direction.ts'

const SEED = 'model'
const WAIT_MS = 60_000

type Object = Record<string, unknown>

/** The devnet's genesis with the first of its validators alone. */
function genesisOfOne(): Genesis {
  const genesis = devnetGenesis(SEED, Date.now())
  const first = toHex(pairNamed(SEED, 'validator-0').publicKey)
  return { ...genesis, validators: genesis.validators.filter(({ id }) => toHex(id) === first) }
}

describe('an imported model on the market', () => {
  let root = ''
  const hosted: HostedNode[] = []
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'blocktorch-model-'))
  })
  after(async () => {
    await Promise.all(hosted.map((node) => node.stop()))
    rmSync(root, { recursive: true, force: true })
  })

  const named = (name: string): Member => {
    const found = members(SEED).find((member) => member.name === name)
    if (found === undefined) throw new Error(`no member is called ${name}`)
    return found
  }

  const host = async (member: Member, bootstrap: readonly string[]): Promise<HostedNode> => {
    const { name, part } = member
    writeKeys(root, SEED, member)
    const settings = {
      name,
      dataDir: folderOf(root, name),
      genesis: join(root, 'genesis.json'),
      netProfile: 'devnet',
      bootstrap: bootstrap.join(','),
      logLevel: 'silent',
      fabrics: part === 'provider' ? 'cpu' : 'none',
      fabricThreads: '1',
      verifyWorkers: '1',
    }
    const node = await hostNode({ config: readConfig({}, settings).config })
    hosted.push(node)
    return node
  }

  /** The provider bonds and asks; returns when its ask stands on the book. */
  const offer = async (client: NodeClient, genesis: Genesis): Promise<void> => {
    const actions: readonly Action[] = [
      {
        name: 'register-provider',
        payload: {
          bond: 300_000_000_000_000n,
          fabric: utf8('cpu'),
          kernelDigest: ownKernelDigest(),
        },
      },
      {
        name: 'post-ask',
        payload: {
          lane: 0,
          unitPrice: 20_000n,
          blocksBase: 4,
          unitsPerBlock: 1_000_000n,
          maxUnits: 100_000_000n,
          maxOpenJobs: 16,
          expiryHeight: 1_000_000n,
          capabilities: [],
        },
      },
    ]
    for (const [nonce, action] of actions.entries()) {
      const { account } = named('provider-0')
      const { bytes } = signTransaction(genesisHash(genesis), account, BigInt(nonce), 0n, action)
      await client.post('/blocktorch/submit', { envelope: toHex(bytes) })
    }
    await until('the ask', WAIT_MS, async () => {
      const { items } = await client.get<{ items: object[] }>('/blocktorch/asks?state=open')
      return items.length === 1 ? true : undefined
    })
  }

  it('is registered, run, verified by replay and paid for', async function () {
    this.timeout(300_000)
    const genesis = genesisOfOne()
    await writeGenesisFile(join(root, 'genesis.json'), genesis)
    const key = join(root, 'buyer.json')
    writeKeyFile(key, pairNamed(SEED, 'buyer'))
    const validator = await host(named('validator-0'), [])
    const provider = await host(named('provider-0'), validator.node.network.addresses)
    const url = validator.info.http
    const client = new NodeClient(url)
    await offer(client, genesis)
    const run = (...argv: string[]): Promise<Invocation> =>
      invoke([...argv, '--json'], { cwd: root, env: { TB_NODE: url, TB_HOME: root } })
    const json = (done: Invocation): Object => {
      check.equal(done.exit, EXIT.ok, done.stdout + done.stderr)
      return JSON.parse(done.stdout) as Object
    }

    writeFileSync(join(root, 'direction.onnx'), directionModel())
    const shape = `x=${DIRECTION_SHAPE.join()}`
    json(
      await run('program', 'import', 'direction.onnx', '--input-shape', shape, '-o', 'direction'),
    )
    const shown = json(await run('program', 'show', 'direction'))
    const replay = (shown['verifications'] as readonly Object[])[1]
    check.deepEqual([replay?.['verification'], replay?.['applies']], ['replay', true])
    const registered = json(await run('program', 'register', 'direction', '--key', key))
    check.equal(registered['state'], 'available')

    const rng = new SeededRng(5)
    const pixels = Float32Array.from({ length: 3 * 48 * 192 }, () => rng.u32() / 0x8000_0000 - 1)
    const input = new Uint8Array(pixels.buffer)
    writeFileSync(join(root, 'picture.f32'), input)
    const job = ['job', 'submit', 'direction', '--input', 'x=picture.f32', '--key', key]
    const bought = json(await run(...job, '--watch'))
    check.deepEqual([bought['state'], bought['verification']], ['Settled', 'replay'])

    // Replay compares digests, so the outputs lie with the provider alone.
    const id = String(bought['id'])
    json(await run('job', 'show', id, '--output', 'results', '--node', provider.info.http))

    const folder = readProgramFolder(join(root, 'direction'))
    const made = evaluate(folder.program, [input], readFolderWeights(folder))
    const wanted = made[producerOf(folder.program, folder.program.outputs[0] as number)]
    const [file] = readdirSync(join(root, 'results'))
    const got = new Uint8Array(readFileSync(join(root, 'results', file ?? '')))
    check.deepEqual(got, wanted)
  })
})
