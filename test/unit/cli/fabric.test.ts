/** The fabric commands on the CPU of this machine, against the loops of the specification. */

import { strict as check } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { toHex } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { EXIT } from '../../../src/cli/failure.ts'
import { writeProgramFolder } from '../../../src/cli/program-folder.ts'
import { describe as describeFolder } from '../../../src/model/description.ts'
import type { NamedProgram } from '../../../src/program/builder.ts'
import { floatSample, honestRun, int8Sample } from '../program/samples.ts'
import { type Invocation, invoke } from './invoke.ts'

type Object = Record<string, unknown>

describe('the fabric commands', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'blocktorch-fabric-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const run = (...argv: string[]): Promise<Invocation> =>
    invoke(['fabric', ...argv], { cwd: folder })
  const json = ({ stdout }: Invocation): Object => JSON.parse(stdout) as Object
  const rows = (done: Invocation, name: string): readonly Object[] =>
    json(done)[name] as readonly Object[]
  const refusalOf = (done: Invocation): Object => json(done)['error'] as Object
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes)
    return name
  }
  /** Files of a program, and the words that name them. */
  const files = (named: NamedProgram, seed = 5): { honest: HonestRun; words: string[] } => {
    const honest = honestRun(named, seed)
    write('net.bt', named.bytes)
    const inputs = honest.inputs.map((bytes, at) => `${at}=${write(`x${at}`, bytes)}`)
    const weights = named.weights.map((bytes, at) => write(`w${at}`, bytes))
    const given = weights.length === 0 ? [] : ['--weight', ...weights]
    return { honest, words: ['net.bt', '--input', ...inputs, ...given] }
  }

  it('list the CPU at each instruction set, and say why a fabric is not there', async () => {
    const listed = rows(await run('list', '--json'), 'fabrics')
    const scalar = listed.find(({ fabric, isa }) => fabric === 'cpu' && isa === 'scalar')
    check.equal(scalar?.['available'], true)
    check.equal(
      listed.every(({ available, state }) => available === true || state !== ''),
      true,
    )
    write('broken.so', new Uint8Array([1, 2, 3]))
    const [broken] = rows(await run('list', '--fabric', 'broken.so', '--json'), 'fabrics')
    check.deepEqual([broken?.['fabric'], broken?.['available']], ['broken', false])
    check.equal(broken?.['code'], 'fabric_unusable')
    const words = await run('list', '--fabric', 'absent.so')
    check.match(words.stdout, /absent +not built: give the path of its shared object/)
  })

  it('probe says with which instruction set the device computes, and on which kernels', async () => {
    const done = await run('probe', '--fabric', 'cpu', '--isa', 'scalar', '--json')
    const [row] = rows(done, 'fabrics')
    check.equal(row?.['isa'], 'scalar')
    check.match(String(row?.['kernelDigest']), /^[0-9a-f]{64}$/)
    check.equal(Number(row?.['memoryTotalBytes']) > 0, true)
  })

  it('selftest finds every golden vector equal', async () => {
    const done = await run('selftest', '--fabric', 'cpu', '--isa', 'scalar', '--json')
    check.equal(done.exit, EXIT.ok, done.stdout)
    const [row] = rows(done, 'fabrics')
    check.equal(row?.['equal'], row?.['vectors'])
    check.equal(Number(row?.['vectors']) > 1_000, true)
  })

  it('selftest fails for a fabric that was asked for and is not there', async () => {
    const done = await run('selftest', '--fabric', 'absent.so', '--json')
    check.equal(done.exit, EXIT.failed)
    check.equal(json(done)['ok'], false)
    check.equal((await run('selftest', '--fabric', 'absent.so')).exit, EXIT.failed)
  })

  it('bench gives one row for each op, with its own figures', async () => {
    const done = await run('bench', '--isa', 'scalar', '--op', 'relu_f32', '--json')
    const [row, more] = rows(done, 'rows')
    check.deepEqual([row?.['op'], row?.['unit'], more], ['relu_f32', 'GB/s', undefined])
    check.equal(Number(row?.['micros']) > 0, true)
    check.equal(refusalOf(await run('bench', '--op', 'x', '--json'))['code'], 'op_not_benched')
  })

  for (const [name, make] of [
    ['an int8 network', int8Sample],
    ['a float network', floatSample],
  ] as const) {
    it(`run gives the digests of ${name} that the loops of the specification give`, async () => {
      const { honest, words } = files(make())
      const told = await Promise.all(
        [['--isa', 'scalar'], [], ['--fabric', 'reference']].map(async (how) =>
          json(await run('run', ...words, ...how, '--trace', '--json')),
        ),
      )
      const digests = honest.outputs.map((bytes) => toHex(blake3(bytes)))
      for (const each of told) {
        check.equal(each['ok'], true)
        check.deepEqual(
          (each['ops'] as Object[]).map(({ digest }) => digest),
          digests,
        )
        check.equal(each['outputDigest'], told[0]?.['outputDigest'])
      }
      check.deepEqual(
        told.map(({ isa }) => isa === 'scalar'),
        [true, false, false],
      )
    })
  }

  it('run writes the outputs, and unpacks what ends in .gz', async () => {
    const { honest, words } = files(floatSample())
    write('x.gz', gzipSync(honest.inputs[0] as Uint8Array))
    const packed = words.map((word) => (word === '0=x0' ? 'input0=x.gz' : word))
    const done = await run('run', ...packed, '--out', 'made', '--json')
    check.equal(done.exit, EXIT.ok, done.stdout)
    const [output] = rows(done, 'outputs')
    const bytes = readFileSync(join(folder, 'made/output-0.bin'))
    check.equal(output?.['digest'], toHex(blake3(bytes)))
    check.equal(output?.['file'], join(folder, 'made/output-0.bin'))
  })

  it('run takes a program folder, with its names and its weights', async () => {
    const named = floatSample()
    const { honest } = files(named)
    const emitted = { named, parts: named.weightNames.map(() => undefined) }
    const origin = { format: 'onnx', file: 'net.onnx', digest: '0'.repeat(64) }
    const description = describeFolder(emitted, { name: 'net', origin, notes: [] })
    writeProgramFolder(join(folder, 'net'), emitted, description)
    const [name] = named.inputNames
    const done = await run('run', 'net', '--input', `${name}=x0`, '--json')
    check.equal(done.exit, EXIT.ok, done.stdout)
    const [output] = rows(done, 'outputs')
    check.equal(output?.['name'], named.outputNames[0])
    check.equal(output?.['digest'], toHex(blake3(honest.outputs.at(-1) as Uint8Array)))
    const strange = refusalOf(await run('run', 'net', '--input', 'y=x0', '--json'))
    check.equal(strange['code'], 'tensor_name_unknown')
  })

  it('run names the input that is missing, too short, unknown or given twice', async () => {
    const { words } = files(floatSample())
    write('short', new Uint8Array(3))
    const at = words.indexOf('0=x0')
    const rest = words.slice(at + 1)
    const tried = async (...inputs: string[]) => {
      const done = await run('run', 'net.bt', '--input', ...inputs, ...rest, '--json')
      check.equal(done.exit, EXIT.usage)
      return refusalOf(done)
    }
    const short = await tried('0=short')
    check.equal(short['code'], 'tensor_size')
    const facts = short['facts'] as Object
    check.deepEqual([facts['name'], facts['bytes']], ['input0', 3])
    check.match(String(facts['type']), /^f32\[/)
    check.equal(Number(facts['expectedBytes']) > 3, true)
    check.equal((await tried('1=x0'))['code'], 'tensor_name_unknown')
    check.equal((await tried('x0'))['code'], 'tensor_unnamed')
    check.equal((await tried('0=x0', 'input0=x0'))['code'], 'tensor_given_twice')
    check.equal((await tried('0=absent'))['code'], 'tensor_file_unreadable')
    const missing = refusalOf(await run('run', 'net.bt', ...rest, '--json'))
    check.equal(missing['code'], 'tensor_missing')
  })

  it('run takes no weight that the program does not name, and misses those that are absent', async () => {
    const { words } = files(floatSample())
    write('other', new Uint8Array(8))
    const given = words.slice(0, words.indexOf('--weight'))
    const strange = await run('run', ...given, '--weight', 'other', '--json')
    check.equal(refusalOf(strange)['code'], 'weights_differ')
    const none = refusalOf(await run('run', ...given, '--json'))
    check.deepEqual(
      [none['code'], (none['facts'] as Object)['name']],
      ['tensor_missing', 'weight0'],
    )
  })

  it('refuse fabrics, instruction sets and programs that do not exist', async () => {
    const { words } = files(floatSample())
    const code = async (...argv: string[]) => refusalOf(await run(...argv, '--json'))['code']
    check.equal(await code('run', ...words, '--fabric', 'abacus'), 'fabric_unknown')
    check.equal(await code('run', ...words, '--isa', 'mmx'), 'isa_unknown')
    check.equal(
      await code('run', ...words, '--fabric', 'reference', '--isa', 'avx2'),
      'isa_unknown',
    )
    check.equal(await code('run', ...words, '--fabric', 'absent.so'), 'fabric_not_built')
    write('net.bt', new Uint8Array(70_000))
    check.equal(await code('run', ...words), 'program_file_unreadable')
    write('net.bt', new Uint8Array(100))
    check.equal(await code('run', ...words), 'codec_malformed')
  })
})

type HonestRun = ReturnType<typeof honestRun>
