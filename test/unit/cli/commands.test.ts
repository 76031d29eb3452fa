/** The commands against a double of a node: what they send, print, and exit with. */

import { strict as check } from 'node:assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { toHex } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { EXIT } from '../../../src/cli/failure.ts'
import { newKeyPair, writeKeyFile } from '../../../src/runtime/io/key-file.ts'
import { type FakeNode, openAsk, programView, smallProgram, startFakeNode } from './fake-node.ts'
import { type Invocation, invoke } from './invoke.ts'

describe('commands that talk to a node', () => {
  let node: FakeNode
  let home = ''
  const pair = newKeyPair()
  beforeEach(async () => {
    node = await startFakeNode()
    home = mkdtempSync(join(tmpdir(), 'blocktorch-commands-'))
    writeKeyFile(join(home, 'keys', 'default.json'), pair)
  })
  afterEach(async () => {
    await node.close()
    rmSync(home, { recursive: true, force: true })
  })

  const run = (...argv: string[]): Promise<Invocation> =>
    invoke(argv, { cwd: home, env: { TB_HOME: home, TB_NODE: node.url } })
  const json = ({ stdout }: Invocation): Record<string, unknown> =>
    JSON.parse(stdout) as Record<string, unknown>
  const codeOf = (done: Invocation): unknown =>
    (json(done)['error'] as { readonly code: string } | undefined)?.code
  const jobFile = (more: Record<string, unknown> = {}): string => {
    const path = join(home, 'job.json')
    writeFileSync(join(home, 'x.s8'), new Uint8Array([1, 255, 3, 128]))
    const job = { program: 'small', inputs: ['x.s8'], ...more }
    writeFileSync(path, JSON.stringify(job))
    return path
  }

  it('show the state of the node, in words and as one JSON object', async () => {
    const words = await run('status')
    check.equal(words.exit, EXIT.ok)
    check.match(words.stdout, /height +10\n/)
    const object = await run('status', '--json')
    check.equal(object.stdout.trimEnd().includes('\n'), false)
    check.equal((json(object)['chain'] as { height: number }).height, 10)
  })

  it('say why there are no peers', async () => {
    const done = await run('peers', '--json')
    check.deepEqual(json(done)['peers'], [])
    check.match(String(json(done)['reason']), /because/)
  })

  it('exit with 3 and the hint of the node for what it does not know', async () => {
    const done = await run('explain', '0'.repeat(64), '--json')
    check.equal(done.exit, EXIT.notFound)
    check.deepEqual(codeOf(done), 'id_unknown')
    check.equal((json(done)['error'] as { hint: string }).hint, 'look again')
  })

  it('submit a job and follow it from estimate to settlement', async () => {
    const done = await run('job', 'submit', jobFile(), '--watch', '--json')
    check.equal(done.exit, EXIT.ok, done.stdout + done.stderr)
    const [offer] = node.sent
    if (offer?.kind !== 'offer') return check.fail('an offer was sent')
    check.equal(toHex(offer.body.buyer), toHex(pair.publicKey))
    check.equal(toHex(offer.body.program), toHex(smallProgram().digest))
    const digest = toHex(blake3(new Uint8Array([1, 255, 3, 128])))
    check.equal(toHex(offer.body.inputs[0]?.digest ?? new Uint8Array()), digest)
    check.equal(node.blobs.has(digest), true)
    const answer = json(done)
    check.deepEqual([answer['ok'], answer['id'], answer['state']], [true, offer.id, 'Settled'])
    const told = ['estimate:', 'submitted', 'matched', 'receipt anchored', 'verified in 1.50 ms']
    const places = [...told, 'settled 77 BLOCK (all_done)'].map((word) => done.stderr.indexOf(word))
    check.equal(places.includes(-1), false, done.stderr)
    check.deepEqual(
      places,
      [...places].sort((left, right) => left - right),
    )
  })

  it('exit with 4 when the job ends without a result', async () => {
    node.state.ending = 'Expired'
    const done = await run('job', 'submit', jobFile(), '--watch', '--json')
    check.deepEqual([done.exit, codeOf(done)], [EXIT.rejected, 'job_expired'])
  })

  it('unpack compressed inputs', async () => {
    writeFileSync(join(home, 'x.s8.gz'), gzipSync(new Uint8Array([1, 255, 3, 128])))
    const done = await run('job', 'submit', jobFile({ inputs: [{ file: 'x.s8.gz' }] }), '--json')
    check.equal(done.exit, EXIT.ok, done.stdout)
    check.equal(node.blobs.size, 1)
  })

  it('refuse a bad job before anything is sent', async () => {
    const bad: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ programme: 'small' }, 'job_file_malformed'],
      [{ verification: 'trust' }, 'job_file_malformed'],
      [{ deadlineBlocks: 0 }, 'job_file_malformed'],
      [{ inputs: [] }, 'input_count'],
      [{ inputs: ['gone.bin'] }, 'job_file_unreadable'],
      [{ inputs: ['job.json'] }, 'input_size'],
      [{ program: 'other' }, 'program_not_found'],
      [{ priceCeiling: 'much' }, 'amount_malformed'],
      [{ verification: 'succinct' }, 'verification_unavailable'],
      [{ lane: 'industrial' }, 'no_ask_fits'],
      [{ deadlineBlocks: 19 }, 'no_ask_fits'],
    ]
    for (const [more, code] of bad) {
      const done = await run('job', 'submit', jobFile(more), '--json')
      check.equal(codeOf(done), code, JSON.stringify(more))
      check.notEqual(done.exit, EXIT.ok)
    }
    check.deepEqual([node.sent.length, node.blobs.size], [0, 0])
  })

  it('tell who could not run a job, and why', async () => {
    node.state.asks = [
      openAsk(),
      openAsk({ unitPrice: '1', lane: 'industrial' }),
      openAsk({ unitPrice: '2', openJobs: 4 }),
      openAsk({ unitPrice: '3', maxUnits: 0 }),
    ]
    const done = await run('job', 'submit', jobFile({ priceCeiling: '1' }))
    for (const word of ['could run it', 'lane', 'ask_full', 'units_exceeded']) {
      check.equal(done.stderr.includes(word), true, word)
    }
  })

  it('propose and vote with signed transactions', async () => {
    const words = ['proof_verification_budget_ms=80', '--title', 'faster', '--json']
    const proposed = await run('gov', 'propose', ...words)
    check.equal(proposed.exit, EXIT.ok, proposed.stdout)
    const [first] = node.sent
    if (first?.kind !== 'transaction' || first.action.name !== 'propose') return check.fail()
    const { items, deposit, kind } = first.action.payload
    check.deepEqual([kind, deposit, items[0]?.value], [1, 100n, 80n])
    const id = String(json(proposed)['id'])
    check.equal((await run('gov', 'vote', id, 'yes')).exit, EXIT.ok)
    const second = node.sent[1]
    if (second?.kind !== 'transaction' || second.action.name !== 'vote') return check.fail()
    check.equal(second.action.payload.option, 1)
    check.deepEqual([first.body.nonce, second.body.nonce], [0n, 1n])
  })

  it('refuse proposals and votes that mean nothing', async () => {
    const id = 'a'.repeat(64)
    const bad = [
      ['gov', 'propose'],
      ['gov', 'propose', 'key'],
      ['gov', 'propose', 'key=1', '--rollback', id],
      ['gov', 'vote', id, 'maybe'],
      ['gov', 'vote', 'abc', 'yes'],
      ['account', 'transfer', id, '1.0000000001'],
      ['account', 'show', 'nobody'],
    ]
    for (const argv of bad) check.equal((await run(...argv)).exit, EXIT.usage, argv.join(' '))
    check.equal(node.sent.length, 0)
  })

  it('transfer what was asked for', async () => {
    const to = 'a'.repeat(64)
    check.equal((await run('account', 'transfer', to, '2.5', '--tip', '7n')).exit, EXIT.ok)
    const [sent] = node.sent
    if (sent?.kind !== 'transaction' || sent.action.name !== 'transfer') return check.fail()
    const { value } = sent.action.payload
    check.deepEqual([value, sent.body.tip], [2_500_000_000n, 7n])
  })

  it('register a program by its file', async () => {
    const path = join(home, 'small.bt')
    writeFileSync(path, smallProgram().bytes)
    const done = await run('program', 'register', path, '--json')
    check.equal(done.exit, EXIT.ok, done.stdout)
    check.equal(json(done)['id'], programView()['id'])
    check.equal(json(done)['name'], 'small')
    writeFileSync(path, 'no program')
    check.equal((await run('program', 'register', path, '--json')).exit, EXIT.failed)
    const wanting = await run('program', 'register', path, '--weights', path)
    check.notEqual(wanting.exit, EXIT.ok)
  })

  it("sign with the devnet's buyer when a devnet file names it", async () => {
    const buyer = newKeyPair()
    const folder = join(home, 'devnet')
    mkdirSync(folder)
    writeKeyFile(join(folder, 'buyer.json'), buyer)
    const file = {
      nodes: [{ name: 'validator-0', http: node.url }],
      accounts: { buyer: { keyFile: join(folder, 'buyer.json') } },
    }
    writeFileSync(join(folder, 'devnet.json'), JSON.stringify(file))
    const shown = await run('account', 'show', '--node', folder, '--json')
    check.equal(json(shown)['id'], toHex(buyer.publicKey))
    const named = await run('account', 'show', '--node', folder, '--key', 'default', '--json')
    check.equal(json(named)['id'], toHex(pair.publicKey))
  })

  it('ask for a key when there is none', async () => {
    rmSync(join(home, 'keys'), { recursive: true })
    const done = await run('account', 'show', '--json')
    check.deepEqual([done.exit, codeOf(done)], [EXIT.usage, 'key_needed'])
  })

  it('show each setting with its source, and knobs that nobody reads', async () => {
    const env = { TB_HTTP_PORT: '4000', TB_HTPP_PORT: '1' }
    const done = await invoke(['config', 'show', '--json'], { env })
    const settings = json(done)['settings'] as readonly Record<string, string>[]
    const port = settings.find(({ key }) => key === 'httpPort')
    check.deepEqual(port, { key: 'httpPort', value: '4000', source: 'TB_HTTP_PORT' })
    check.deepEqual(json(done)['unknown'], ['TB_HTPP_PORT'])
  })

  it('refuse a configuration that nobody could have meant, before a node starts', async () => {
    const file = join(home, 'node.yaml')
    for (const text of ['- 1', 'no_such: 1', 'httpPort: [1]', ': : :']) {
      writeFileSync(file, text)
      const done = await run('node', 'start', '--config', file, '--json')
      check.deepEqual([done.exit, codeOf(done)], [EXIT.usage, 'config_file_malformed'], text)
    }
    check.equal((await run('node', 'start', '--set', 'nothing')).exit, EXIT.usage)
    const taken = new URL(node.url).port
    const done = await run('node', 'start', '--data', home, '--http-port', taken, '--json')
    check.deepEqual([done.exit, codeOf(done)], [EXIT.failed, 'port_in_use'])
  })
})
