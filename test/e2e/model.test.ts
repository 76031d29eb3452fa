/**
 * A public model through the whole market: imported, registered, bought, run, verified by replay and
 * settled, on four validators and two providers in processes of their own.
 */

import { strict as check } from 'node:assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { NodeClient, until } from '../../devnet/client.ts'
import { Demo } from '../../devnet/demo.ts'
import { type Network, startNetwork } from '../../devnet/network.ts'
import { Story } from '../../devnet/story.ts'
import { EXIT } from '../../src/cli/failure.ts'
import { readFolderWeights, readProgramFolder } from '../../src/cli/program-folder.ts'
import { genesisHash } from '../../src/ledger/types/genesis.ts'
import { evaluate } from '../../src/program/evaluate.ts'
import { producerOf } from '../../src/program/ir.ts'
import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import { type Invocation, invoke } from '../unit/cli/invoke.ts'
import { DIRECTION_SHAPE, directionModel } from '../vectors/models/direction.ts'

const SEED = 'model'
const WAIT_MS = 60_000

type Object = Record<string, unknown>

describe('an imported model on the market', () => {
  let root = ''
  let network: Network | undefined
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'blocktorch-model-'))
  })
  after(async () => {
    await network?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it('is registered, run, verified by replay and paid for', async function () {
    this.timeout(300_000)
    network = await startNetwork(join(root, 'net'), SEED, () => undefined, [
      'validator',
      'provider',
    ])
    const url = network.nodes[0]?.ready.http ?? ''
    const client = new NodeClient(url)
    const story = new Story(client, new Map(), 0, () => undefined)
    await new Demo(client, story, genesisHash(network.genesis), SEED).prepare([])
    await until('asks', WAIT_MS, async () => {
      const { items } = await client.get<{ items: object[] }>('/blocktorch/asks?state=open')
      return items.length > 1 ? true : undefined
    })
    const key = join(root, 'net', 'buyer.json')
    const run = (...argv: string[]): Promise<Invocation> =>
      invoke([...argv, '--json'], { cwd: root, env: { TB_NODE: url } })
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
    const bought = json(await run(...job, '--watch', '--output', 'results'))
    check.deepEqual([bought['state'], bought['verification']], ['Settled', 'replay'])

    const folder = readProgramFolder(join(root, 'direction'))
    const made = evaluate(folder.program, [input], readFolderWeights(folder))
    const wanted = made[producerOf(folder.program, folder.program.outputs[0] as number)]
    const [file] = readdirSync(join(root, 'results'))
    const got = new Uint8Array(readFileSync(join(root, 'results', file ?? '')))
    check.deepEqual(got, wanted)
  })
})
