/** The lab commands: a log is made, verified, repeated, continued, and found out when it is false. */

import { strict as check } from 'node:assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { loadNetworks, parametersOf } from '../../../devnet/mnist-networks.ts'
import { classifyJob, floatJob, trainingJob } from '../../../devnet/programs.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { EXIT } from '../../../src/cli/failure.ts'
import { readLabSet } from '../../../src/cli/lab-set.ts'
import { disagreements, readLabLog, writeLabLog } from '../../../src/compute/lab-log.ts'
import { newKeyPair, writeKeyFile } from '../../../src/runtime/io/key-file.ts'
import { repositoryFile } from '../program/files.ts'
import { type Invocation, invoke } from './invoke.ts'

type Object = Record<string, unknown>

describe('the lab set of the repository', () => {
  it('is the jobs of the devnet', () => {
    const jobs = [classifyJob(), floatJob(), trainingJob(parametersOf(loadNetworks().float))]
    const subjects = readLabSet(repositoryFile('examples/lab/set.json'))
    check.deepEqual(
      subjects.map(({ name, program, inputs }) => [name, toHex(program), inputs.map(toHex)]),
      jobs.map(({ name, program, inputs }) => [
        name,
        toHex(program.digest),
        inputs.map((bytes) => toHex(blake3(bytes))),
      ]),
    )
  })
})

describe('the lab logs of the repository', () => {
  const folder = repositoryFile('docs/lab')
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.jsonl'))) {
    it(`${name} is whole and of one mind`, () => {
      const { entries } = readLabLog(readFileSync(join(folder, name), 'utf8'))
      check.ok(entries.length > 0)
      check.deepEqual(disagreements(entries), [])
      check.deepEqual(
        entries.filter(({ modified }) => modified),
        [],
      )
    })
  }
})

describe('the lab commands', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'blocktorch-lab-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const run = (...argv: string[]): Promise<Invocation> =>
    invoke(['lab', ...argv], { cwd: folder, env: { TB_HOME: folder } })
  const json = ({ stdout }: Invocation): Object => JSON.parse(stdout) as Object
  const codeOf = (done: Invocation): unknown => (json(done)['error'] as Object)['code']
  const FEW = ['--log', 'lab.jsonl', '--only', 'mnist-classify', 'vectors/relu_f32']

  it('log what each fabric computes, and continue a log', async () => {
    const pair = newKeyPair()
    writeKeyFile(join(folder, 'keys', 'lab.json'), pair)
    const first = await run('log', ...FEW, '--fabric', 'cpu', '--isa', 'scalar', '--json')
    check.equal(first.exit, EXIT.ok, first.stdout + first.stderr)
    check.deepEqual([json(first)['ok'], json(first)['entries']], [true, 2])
    const more = await run(
      'log',
      ...FEW,
      '--fabric',
      'reference',
      'absent.so',
      '--key',
      'lab',
      '--json',
    )
    check.equal(more.exit, EXIT.ok, more.stdout + more.stderr)
    check.equal(json(more)['entries'], 4)
    check.equal((json(more)['skipped'] as unknown[]).length, 1)
    const verified = json(await run('verify', 'lab.jsonl', '--json'))
    check.deepEqual(verified['computers'], ['cpu scalar', 'reference none'])
    check.deepEqual([verified['subjects'], verified['signer']], [2, toHex(pair.publicKey)])
    const head = String(verified['head'])
    const named = ['--head', head, '--signer', toHex(pair.publicKey)]
    check.equal((await run('verify', 'lab.jsonl', ...named)).exit, EXIT.ok)
    const foreign = await run('verify', 'lab.jsonl', '--head', '0'.repeat(64), '--json')
    check.deepEqual([foreign.exit, codeOf(foreign)], [EXIT.rejected, 'lab_head_differs'])
    const unsigned = await run('verify', 'lab.jsonl', '--signer', '0'.repeat(64), '--json')
    check.deepEqual([unsigned.exit, codeOf(unsigned)], [EXIT.rejected, 'lab_signer_differs'])
  })

  it('repeat entries, on their own fabric or another, and tell how', async () => {
    const one = json(await run('repro', '0', '--log', 'lab.jsonl', '--json'))
    check.equal(one['ok'], true)
    const [row] = one['rows'] as Object[]
    check.deepEqual([row?.['state'], row?.['on']], ['same', 'cpu scalar'])
    check.ok((one['commands'] as string[]).includes('npm run setup'))
    const swapped = await run(
      'repro',
      ...FEW.slice(0, 2),
      '--only',
      'vectors',
      '--fabric',
      'reference',
      '--json',
    )
    check.deepEqual(
      (json(swapped)['rows'] as Object[]).map(({ same, on }) => [same, on]),
      [
        [true, 'reference none'],
        [true, 'reference none'],
      ],
    )
    const absent = await run('repro', '0', '--log', 'lab.jsonl', '--fabric', 'absent.so')
    check.equal(absent.exit, EXIT.failed)
    check.match(absent.stderr, /lab_nothing_repeated/)
    check.equal((await run('repro', '99', '--log', 'lab.jsonl')).exit, EXIT.notFound)
  })

  it('find other bits, whoever has sealed them, and what was cut', async () => {
    const text = readFileSync(join(folder, 'lab.jsonl'), 'utf8')
    const { entries } = readLabLog(text)
    const forged = entries.map((entry, at) =>
      at === 3 ? { ...entry, outputDigest: blake3(new Uint8Array(1)) } : entry,
    )
    writeFileSync(join(folder, 'forged.jsonl'), writeLabLog(forged))
    const verified = await run('verify', 'forged.jsonl', '--json')
    check.deepEqual([verified.exit, json(verified)['ok']], [EXIT.failed, false])
    check.deepEqual((json(verified)['differ'] as Object[])[0]?.['other'], 3)
    check.match((await run('verify', 'forged.jsonl')).stderr, /lab_bits_differ/)
    const repeated = await run('repro', '3', '--log', 'forged.jsonl', '--json')
    check.deepEqual([repeated.exit, json(repeated)['ok']], [EXIT.failed, false])
    writeFileSync(join(folder, 'cut.jsonl'), text.split('\n').slice(0, 2).join('\n'))
    check.equal(codeOf(await run('verify', 'cut.jsonl', '--json')), 'lab_log_unsealed')
    const kept = await run('log', '--log', 'cut.jsonl', '--only', 'mnist-classify', '--json')
    check.equal(codeOf(kept), 'lab_log_unsealed')
    check.equal(codeOf(await run('verify', 'absent.jsonl', '--json')), 'lab_log_unreadable')
  })

  it('refuse a set that does not fit its programs', async () => {
    const set = (programs: unknown) =>
      writeFileSync(join(folder, 'set.json'), JSON.stringify({ programs }))
    const code = async () => codeOf(await run('log', '--set', 'set.json', '--json'))
    const named = { name: 'x', program: repositoryFile('examples/lab/mnist-forward-f32.bt') }
    set([{ ...named, inputs: [] }])
    check.equal(await code(), 'lab_set_malformed')
    writeFileSync(join(folder, 'x.f32'), new Uint8Array(12))
    set([{ ...named, inputs: ['x.f32'], weights: ['x.f32', 'x.f32', 'x.f32', 'x.f32'] }])
    check.equal(await code(), 'tensor_size')
    set([{ ...named, inputs: [{ file: 'x.f32', from: -1, bytes: 2 }] }])
    check.equal(await code(), 'lab_set_malformed')
    set([{ ...named, inputs: ['absent'], weights: ['a', 'b', 'c', 'd'] }])
    check.equal(await code(), 'lab_set_unreadable')
    writeFileSync(join(folder, 'set.json'), '{')
    check.equal(await code(), 'lab_set_malformed')
  })
})
