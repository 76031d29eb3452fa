/** Configuration: flag over variable over default, all checked, all with their source. */

import { strict as check } from 'node:assert'

import { RefusalError } from '../../../src/base/refusal.ts'
import { PARAMS } from '../../../src/governance/params.ts'
import {
  CONFIG_KEYS,
  type ConfigKey,
  type EnvironmentMap,
  environmentPage,
  flagOf,
  readConfig,
  readParamKnobs,
} from '../../../src/node/config.ts'

function codeOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal.code
    throw error
  }
  return ''
}

function sourceOf(key: ConfigKey, env: EnvironmentMap, flag?: string): string | undefined {
  const { lines } = readConfig(env, flag === undefined ? {} : { [key]: flag })
  return lines.find((line) => line.key === key)?.source
}

describe('node configuration', () => {
  it('has a default for everything, each named as one', () => {
    const { config, lines, unknown } = readConfig({})
    check.equal(config.httpPort, 0)
    check.deepEqual(config.listen, ['/ip4/127.0.0.1/tcp/0'])
    check.deepEqual(config.bootstrap, [])
    check.equal(config.tensorProfile, false)
    check.equal(config.faucetNblock, 5_000_000_000_000n)
    check.deepEqual(
      lines.map(({ key }) => key),
      [...CONFIG_KEYS],
    )
    check.ok(lines.every(({ source }) => source === 'default'))
    check.deepEqual(unknown, [])
  })

  it('takes a flag before a variable before the default, and says which', () => {
    const env = { TB_HTTP_PORT: '8001' }
    check.equal(readConfig(env).config.httpPort, 8001)
    check.equal(readConfig(env, { httpPort: '8002' }).config.httpPort, 8002)
    check.equal(sourceOf('httpPort', {}), 'default')
    check.equal(sourceOf('httpPort', env), 'TB_HTTP_PORT')
    check.equal(sourceOf('httpPort', env, '8002'), 'flag --http-port')
  })

  it('splits lists at commas', () => {
    const { config } = readConfig({ TB_BOOTSTRAP: '/dns4/a/tcp/1, /dns4/b/tcp/2,' })
    check.deepEqual(config.bootstrap, ['/dns4/a/tcp/1', '/dns4/b/tcp/2'])
  })

  it('reads the old name of the profile knob, and refuses two that disagree', () => {
    check.equal(readConfig({ ORCHARD_TENSOR_PROFILE: '1' }).config.tensorProfile, true)
    check.equal(
      sourceOf('tensorProfile', { ORCHARD_TENSOR_PROFILE: '1' }),
      'ORCHARD_TENSOR_PROFILE',
    )
    const both = { ORCHARD_TENSOR_PROFILE: '1', TB_BLOCKTORCH_PROFILE: '1' }
    check.equal(readConfig(both).config.tensorProfile, true)
    const apart = { ORCHARD_TENSOR_PROFILE: '1', TB_BLOCKTORCH_PROFILE: '0' }
    check.equal(
      codeOf(() => readConfig(apart)),
      'config_conflict',
    )
  })

  it('refuses what does not parse, by name, and never falls back', () => {
    for (const env of [
      { TB_HTTP_PORT: '65536' },
      { TB_HTTP_PORT: '-1' },
      { TB_HTTP_PORT: '1e3' },
      { TB_HTTP_PORT: '' },
      { TB_LOG_LEVEL: 'loud' },
      { TB_LISTEN: '127.0.0.1:1' },
      { TB_DATA_DIR: '' },
      { TB_DATA_DIR: 'a\0b' },
      { TB_NODE_NAME: 'a b' },
      { TB_FAUCET_NBLOCK: '1.5' },
      { TB_BLOCKTORCH_BENCHMARK_COMMIT: 'abc' },
      { TB_BLOCKTORCH_PROFILE: 'maybe' },
      { TB_BOOTSTRAP: Array.from({ length: 65 }, () => '/a').join(',') },
    ]) {
      check.equal(
        codeOf(() => readConfig(env)),
        'config_invalid',
        JSON.stringify(env),
      )
    }
  })

  it('names variables that nobody knows', () => {
    const env = { TB_HTPT_PORT: '1', TB_NODE: 'x', TB_PARAM_EPOCH_BLOCKS: '9', PATH: 'x' }
    check.deepEqual(readConfig(env).unknown, ['TB_HTPT_PORT'])
  })

  it('takes parameter knobs for genesis, whole numbers only', () => {
    check.deepEqual(readParamKnobs({ TB_PARAM_EPOCH_BLOCKS: '9' }), { epoch_blocks: 9n })
    check.equal(
      codeOf(() => readParamKnobs({ TB_PARAM_EPOCH_BLOCKS: '9.5' })),
      'config_invalid',
    )
    const all = Object.fromEntries(PARAMS.map(({ knob, min }) => [knob, String(min)]))
    check.equal(Object.keys(readParamKnobs(all)).length, PARAMS.length)
  })

  it('has a flag for every key, and a line of documentation', () => {
    const page = environmentPage()
    for (const key of CONFIG_KEYS) check.ok(page.includes(`\`${flagOf(key)}\``), key)
  })
})
