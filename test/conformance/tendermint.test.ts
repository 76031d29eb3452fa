/** Our core, vote keeper, misbehavior and driver against the traces of the specification. */

import { strict as check } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'

import { main } from './main.ts'

// Compiled or not, the file lies as deep below the repository root.
const root = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../..' : '../../..', import.meta.url),
)
const vectors = join(root, 'test/vectors/tendermint')

function run(...args: readonly string[]): { readonly code: number; readonly lines: string[] } {
  const lines: string[] = []
  return { code: main(args, (line) => lines.push(line)), lines }
}

describe('Conformance with the Tendermint specification', function () {
  this.timeout(120_000)

  const files = [
    ['core', 'core-transitions.itf.json.gz', '9999 steps agree, 0 disagree, 0 traces empty'],
    ['vote-keeper', 'vote-keeper.itf.json.gz', '1920 steps agree, 0 disagree, 0 traces empty'],
    ['misbehavior', 'misbehavior.itf.json.gz', '3000 steps agree, 0 disagree, 0 traces empty'],
    ['driver', 'driver-traces.json.gz', '1751 steps agree, 0 disagree, 40 traces empty'],
  ] as const
  for (const [kind, file, summary] of files) {
    it(`agrees with every step of ${file}`, () => {
      const { code, lines } = run(kind, join(vectors, file))
      check.deepEqual(lines, [summary])
      check.equal(code, 0)
    })
  }

  describe('says so when', () => {
    let folder = ''
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'conformance-'))
    })
    after(() => {
      rmSync(folder, { recursive: true, force: true })
    })

    function fileOf(content: string | Uint8Array, zipped = true): string {
      const path = join(folder, 'trace.json.gz')
      writeFileSync(path, zipped ? gzipSync(content) : content)
      return path
    }

    it('a step disagrees', () => {
      const original = gunzipSync(readFileSync(join(vectors, 'core-transitions.itf.json.gz')))
      const trace = JSON.parse(original.toString('utf8'))
      trace.states = trace.states.slice(0, 50)
      trace.states[7].post.round = { '#bigint': '77' }
      const { code, lines } = run('core', fileOf(JSON.stringify(trace)))
      check.equal(code, 1)
      check.equal(lines.at(-1), '48 steps agree, 1 disagree, 0 traces empty')
    })

    const odd: readonly (readonly [what: string, content: string, code: string])[] = [
      ['the file holds no JSON', '{', 'not_json'],
      ['the file holds a number', '7', 'not_a_trace'],
      ['the file holds no trace', '{}', 'not_a_trace'],
      ['the states are no list', '{"a":{"states":7}}', 'not_a_trace'],
      ['the shape is unknown', '{"states":[{"x":1}]}', 'shape_unknown'],
      ['no trace is of the kind', '{"states":[{}]}', 'no_trace_of_kind'],
      [
        'a tag is unknown',
        '{"states":[{"input":{"tag":"Odd","value":1},"output":{"tag":"x"},"post":{},"pre":{"p":"v","height":1,"round":1,"step":{"tag":"NoStep"},"lockedRound":1,"lockedValue":{"tag":"Nil"},"validRound":1,"validValue":{"tag":"Nil"}}}]}',
        'tag_unknown',
      ],
      [
        'there is no step',
        '{"states":[{"input":{"tag":"NoConsensusInput"},"output":{},"post":{},"pre":{}}]}',
        'nothing_replayed',
      ],
      [
        'a value is malformed',
        '{"states":[{"a":1,"b":2,"weights":3,"dp":4,"am":5}]}',
        'itf_malformed',
      ],
    ]
    for (const [what, content, code] of odd) {
      it(what, () => {
        const result = run(code === 'itf_malformed' ? 'misbehavior' : 'core', fileOf(content))
        check.equal(result.code, 1)
        check.match(result.lines.join('\n'), new RegExp(`^${code}( |$)`))
      })
    }

    it('the file is not gzipped, is missing, or the command line is wrong', () => {
      check.match(run('core', fileOf('{}', false)).lines.join(''), /^not_gzip/)
      check.match(run('core', join(folder, 'absent')).lines.join(''), /^file_unreadable/)
      check.equal(run('core').code, 2)
      check.equal(run('other', 'file').code, 2)
    })
  })
})
