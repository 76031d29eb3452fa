/** The lab log: what it tells cannot be changed, cut or reordered, and other bits are found. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'
import { utf8 } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { RefusalError } from '../../../src/base/refusal.ts'
import { COVERS, type LabEntry } from '../../../src/compute/lab-entry.ts'
import { LINE_CHARS_MAX } from '../../../src/compute/lab-line.ts'
import { disagreements, readLabLog, writeLabLog } from '../../../src/compute/lab-log.ts'
import { outputDigest } from '../../../src/program/digest.ts'
import { keyPairOf, signerOf } from '../../../src/runtime/io/key-file.ts'

const digest = (number: number): Uint8Array => blake3(new Uint8Array([number]))

function entry(more: Partial<LabEntry> = {}): LabEntry {
  const ops = more.ops ?? [digest(1), digest(2)]
  return {
    name: utf8('mnist'),
    covers: COVERS.indexOf('program'),
    program: digest(3),
    inputs: [digest(4)],
    outputs: [1],
    ops,
    outputDigest: outputDigest([ops[1] as Uint8Array]),
    profileEpoch: digest(5),
    fabric: {
      name: utf8('cpu'),
      version: utf8('1.0.0'),
      isa: utf8('scalar'),
      device: utf8('a "CPU"\\'),
      vendor: utf8(''),
      driver: utf8(''),
      kernelDigest: digest(6),
    },
    machine: {
      system: utf8('Linux'),
      processor: utf8('fast'),
      cores: 2,
      memoryBytes: 8_000_000_000n,
      runtime: utf8('node v20'),
    },
    timeMs: 1_700_000_000_000n,
    commit: utf8('ab'.repeat(20)),
    modified: false,
    benchmark: utf8(''),
    ...more,
  }
}

const VECTORS: Partial<LabEntry> = {
  covers: COVERS.indexOf('vectors'),
  outputs: [],
  ops: [],
  outputDigest: digest(9),
  profileEpoch: null,
}

function codeOf(text: string): string {
  try {
    readLabLog(text)
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal.code
    throw error
  }
  return 'read'
}

const PAIR = keyPairOf(digest(42))
const sign = (bytes: Uint8Array) => ({
  key: PAIR.publicKey,
  signature: signerOf(PAIR).sign(bytes),
})

describe('the lab log', () => {
  const log = [entry(), entry({ name: utf8('vectors/x'), program: digest(7), ...VECTORS }), entry()]

  it('is read as it was written', () => {
    const { entries, seal } = readLabLog(writeLabLog(log, sign))
    check.deepEqual(entries, log)
    check.deepEqual([seal.entries, seal.signed?.key], [3, PAIR.publicKey])
    check.deepEqual(readLabLog(writeLabLog([])).entries, [])
    check.equal(readLabLog(writeLabLog(log)).seal.signed, undefined)
  })

  it('has one chain for one content, signed or not', () => {
    const heads = [writeLabLog(log), writeLabLog(log, sign)].map(
      (text) => readLabLog(text).seal.head,
    )
    check.deepEqual(heads[0], heads[1])
    const other = readLabLog(writeLabLog([...log.slice(0, 2), entry({ timeMs: 1n })]))
    check.notDeepEqual(other.seal.head, heads[0])
  })

  it('refuses any change of any character', () => {
    const text = writeLabLog(log, sign)
    const places = fc.nat(text.length - 1)
    fc.assert(
      fc.property(places, fc.integer({ min: 1, max: 127 }), (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
        check.ok(changed === text || codeOf(changed) !== 'read', `at ${at}`)
      }),
      { numRuns: 2_000 },
    )
  })

  it('refuses to be cut anywhere, reordered, or to lose an entry', () => {
    const text = writeLabLog(log)
    for (let at = 0; at < text.length; at += 7) check.notEqual(codeOf(text.slice(0, at)), 'read')
    const lines = text.split('\n')
    const without = (line: number) => lines.filter((_, at) => at !== line).join('\n')
    check.equal(codeOf(without(0)), 'lab_line_malformed')
    check.equal(codeOf(without(2)), 'lab_seal_wrong')
    check.equal(codeOf(without(3)), 'lab_log_unsealed')
    check.notEqual(codeOf([lines[1], lines[0], ...lines.slice(2)].join('\n')), 'read')
    check.equal(codeOf(`${text}{}\n`), 'lab_log_unsealed')
  })

  it('refuses a chain that does not follow, and a signature over something else', () => {
    const [first, second, , seal] = writeLabLog(log).split('\n')
    const forged = (first ?? '').replace('"cores":2', '"cores":3')
    check.equal(codeOf([forged, second, seal, ''].join('\n')), 'lab_chain_broken')
    const wrong = writeLabLog(log, (bytes) => sign(bytes.slice(1)))
    check.equal(codeOf(wrong), 'lab_seal_wrong')
  })

  it('refuses an output digest that the ops do not give', () => {
    check.equal(codeOf(writeLabLog([entry({ outputDigest: digest(8) })])), 'lab_output_wrong')
    check.equal(codeOf(writeLabLog([entry({ outputs: [2] })])), 'lab_output_wrong')
    check.equal(codeOf(writeLabLog([entry({ outputs: [] })])), 'lab_output_wrong')
    check.equal(codeOf(writeLabLog([entry({ ...VECTORS, ops: [digest(1)] })])), 'lab_output_wrong')
  })

  it('refuses a field in another spelling, a strange field, and one too many', () => {
    const text = writeLabLog(log)
    const changes: readonly (readonly [string | RegExp, string])[] = [
      ['"cores":2', '"cores":2.0'],
      ['"cores":2', '"cores": 2'],
      ['"cores":2', '"cores":4294967296'],
      ['"index":0', '"index":0,"index":0'],
      ['"index":0', '"index":1'],
      ['"modified":false', '"modified":0'],
      ['"covers":"program"', '"covers":"everything"'],
      ['"commit":"abab', '"commit":"ABAB'],
      ['"name":"mnist"', `"name":"${'m'.repeat(65)}"`],
      ['"fabric":{', '"fabric":{"secret":1,'],
      [/"machine":\{[^}]*\}/, '"machine":null'],
      [/"ops":\[[^\]]*\]/, '"ops":["00"]'],
    ]
    for (const [from, to] of changes) {
      check.equal(codeOf(text.replace(from, to)), 'lab_line_malformed', to)
    }
  })

  it('survives any text', () => {
    const seal = writeLabLog([]).trimEnd()
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        check.notEqual(codeOf(`${line}\n${seal}\n`), 'read')
        codeOf(line)
      }),
    )
    const deep = '['.repeat(LINE_CHARS_MAX - 1)
    check.equal(codeOf(`${deep}\n${seal}\n`), 'lab_line_malformed')
    check.equal(codeOf(`${' '.repeat(LINE_CHARS_MAX + 1)}\n${seal}\n`), 'lab_line_malformed')
  })

  it('finds the first op in which two entries about one thing differ', () => {
    const ops = [digest(1), digest(77)]
    const other = entry({ ops, outputDigest: outputDigest([digest(77)]) })
    check.deepEqual(disagreements([...log, other]), [{ name: 'mnist', first: 0, other: 3, op: 1 }])
    check.deepEqual(disagreements([entry(), { ...other, inputs: [digest(99)] }]), [])
    const vectors = log[1] as LabEntry
    check.deepEqual(disagreements([vectors, { ...vectors, outputDigest: digest(10) }]), [
      { name: 'vectors/x', first: 0, other: 1, op: -1 },
    ])
  })
})
