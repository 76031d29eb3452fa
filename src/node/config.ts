/**
 * What a node is told by its environment and its command line, read once, checked, with sources.
 *
 *   flag  >  TB_* variable  >  default          the first that is given wins
 *
 * Invariants
 *   - Nothing else in the node reads the environment: what runs is what `config show` prints.
 *   - A value that does not parse stops the node with the knob's name; it is never replaced by the
 *     default.
 *   - No secret is a value here: keys are named by their files.
 *
 * Source: protocol.md §8.
 */

import { z } from 'zod'
import { refuse } from '../base/refusal.ts'
import { PARAMS, type ParamKey } from '../governance/params.ts'

const LIST_MAX = 64
const TEXT_MAX = 4_096

const text = z.string().max(TEXT_MAX)
const path = text.min(1).refine((value) => !value.includes('\0'), 'holds a zero byte')
const addresses = text
  .transform((value) =>
    value
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  )
  .pipe(z.array(z.string().startsWith('/', 'an address begins with /')).max(LIST_MAX))
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'not a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))
const nblock = z
  .string()
  .regex(/^\d{1,38}$/, 'not a whole number of nBLOCK')
  .transform(BigInt)
const toggle = z
  .enum(['', '0', 'off', 'false', 'no', '1', 'on', 'true', 'yes'])
  .transform((value) => ['1', 'on', 'true', 'yes'].includes(value))
const GIB = 1_073_741_824

interface Setting<Schema> {
  readonly knob: string
  /** Older name of the same knob; naming both with different values is refused. */
  readonly alias?: string
  readonly schema: Schema
  readonly fallback: string
  readonly meaning: string
}

function setting<Schema extends z.ZodType>(
  knob: string,
  schema: Schema,
  fallback: string,
  meaning: string,
  alias?: string,
): Setting<Schema> {
  return { knob, schema, fallback, meaning, ...(alias === undefined ? {} : { alias }) }
}

/** Every setting. The key is the flag too: `dataDir` is `--data-dir`. */
// biome-ignore format: one line a setting
const SETTINGS = {
  name: setting('TB_NODE_NAME', text.regex(/^[\w.-]{1,64}$/, 'a plain word'), 'node', 'Name in logs and in the devnet.'),
  dataDir: setting('TB_DATA_DIR', path, 'runs/node', 'Folder of everything the node keeps.'),
  genesis: setting('TB_GENESIS', text, '', 'Genesis file; empty for genesis.json in the data folder.'),
  keyDir: setting('TB_KEY_DIR', text, '', 'Folder of key files; empty for keys in the data folder.'),
  netProfile: setting('TB_NET_PROFILE', z.enum(['devnet', 'testnet']), 'testnet', 'How hard peers are bounded: many nodes on one machine, or strangers.'),
  listen: setting('TB_LISTEN', addresses, '/ip4/127.0.0.1/tcp/0', 'Multiaddresses to listen on, separated by commas; port 0 lets the system choose.'),
  bootstrap: setting('TB_BOOTSTRAP', addresses, '', 'Multiaddresses of peers to begin with, separated by commas.'),
  httpHost: setting('TB_HTTP_HOST', text.regex(/^[\w.:-]{1,255}$/, 'a host name or address'), '127.0.0.1', 'Address of the HTTP interface.'),
  httpPort: setting('TB_HTTP_PORT', whole(0, 65_535), '0', 'Port of the HTTP interface; 0 lets the system choose.'),
  logLevel: setting('TB_LOG_LEVEL', z.enum(['debug', 'info', 'warn', 'error', 'silent']), 'info', 'Least severity that is logged.'),
  blobBytesMax: setting('TB_BLOB_BYTES_MAX', whole(1_048_576, 1_024 * GIB), String(8 * GIB), 'Most bytes of blobs kept on disk.'),
  faucetKey: setting('TB_FAUCET_KEY', text, '', 'Key file of the genesis faucet; devnets only. Empty for none.'),
  faucetNblock: setting('TB_FAUCET_NBLOCK', nblock, '5000000000000', 'What the faucet gives to one account, nBLOCK.'),
  fabrics: setting('TB_BLOCKTORCH_FABRIC', z.enum(['none', 'auto', 'cpu']), 'none', 'Fabric offered by a provider; auto takes the best that passes its self-test.'),
  fabricThreads: setting('TB_BLOCKTORCH_THREADS', whole(0, 1_024), '0', 'Threads of a fabric; 0 for one a core.'),
  verifyWorkers: setting('TB_BLOCKTORCH_VERIFY_WORKERS', whole(0, 1_024), '0', 'Threads of the verifier; 0 for one a core.'),
  benchmarkCommit: setting('TB_BLOCKTORCH_BENCHMARK_COMMIT', text.regex(/^([0-9a-f]{40})?$/, 'forty hexadecimal digits'), '', 'Commit of the benchmark named in receipts; empty for none.'),
  tensorProfile: setting('TB_BLOCKTORCH_PROFILE', toggle, 'off', 'Whether allocations are logged for each job.', 'ORCHARD_TENSOR_PROFILE'),
} as const

type Settings = typeof SETTINGS
export type ConfigKey = keyof Settings
export type NodeConfig = { readonly [Key in ConfigKey]: z.output<Settings[Key]['schema']> }

export const CONFIG_KEYS: readonly ConfigKey[] = Object.keys(SETTINGS) as ConfigKey[]

/** Where a value came from: `default`, `flag --x`, or the name of the variable. */
export type ConfigLine = {
  readonly key: ConfigKey
  readonly value: string
  readonly source: string
}

export interface ReadConfig {
  readonly config: NodeConfig
  /** Every value with its source, in table order. */
  readonly lines: readonly ConfigLine[]
  /** TB_* variables that mean nothing here: most likely misspelt. */
  readonly unknown: readonly string[]
}

export type EnvironmentMap = Readonly<Record<string, string | undefined>>

/** Variables of the command line and of tests, which a node does not read. */
const ELSEWHERE: ReadonlySet<string> = new Set(['TB_HOME', 'TB_NODE', 'TB_DEBUG'])
const ELSEWHERE_PREFIXES: readonly string[] = ['TB_PARAM_', 'TB_TEST_', 'TB_OPENCL_', 'TB_CUDA_']

/** @throws RefusalError config_invalid | config_conflict. */
export function readConfig(
  env: EnvironmentMap,
  flags: Readonly<Partial<Record<ConfigKey, string>>> = {},
): ReadConfig {
  const read = CONFIG_KEYS.map((key) => readSetting(key, env, flags[key]))
  const config = Object.fromEntries(read.map(({ line, value }) => [line.key, value]))
  return {
    config: config as NodeConfig,
    lines: read.map(({ line }) => line),
    unknown: unknownKnobs(env),
  }
}

function readSetting(key: ConfigKey, env: EnvironmentMap, flag: string | undefined) {
  const { schema } = SETTINGS[key] as Setting<z.ZodType>
  const { given, source } = givenFor(key, env, flag)
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const reason = parsed.error.issues[0]?.message ?? 'does not parse'
    refuse('config_invalid', { key, source, reason })
  }
  return { line: { key, value: given, source }, value: parsed.data }
}

function givenFor(key: ConfigKey, env: EnvironmentMap, flag: string | undefined) {
  const { knob, alias, fallback } = SETTINGS[key] as Setting<z.ZodType>
  if (flag !== undefined) return { given: flag, source: `flag ${flagOf(key)}` }
  const own = env[knob]
  const other = alias === undefined ? undefined : env[alias]
  if (own !== undefined && other !== undefined && own !== other) {
    refuse('config_conflict', { key, knob, alias: alias ?? '' })
  }
  if (own !== undefined) return { given: own, source: knob }
  if (other !== undefined) return { given: other, source: alias ?? knob }
  return { given: fallback, source: 'default' }
}

/** `dataDir` as `--data-dir`. */
export function flagOf(key: ConfigKey): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function unknownKnobs(env: EnvironmentMap): string[] {
  const known = new Set(CONFIG_KEYS.map((key) => SETTINGS[key].knob))
  return Object.keys(env)
    .filter((name) => name.startsWith('TB_') && !known.has(name) && !ELSEWHERE.has(name))
    .filter((name) => !ELSEWHERE_PREFIXES.some((prefix) => name.startsWith(prefix)))
    .sort()
}

/** The TB_PARAM_* knobs, by which who makes a genesis file departs from the defaults. */
export function readParamKnobs(env: EnvironmentMap): Partial<Record<ParamKey, bigint>> {
  const changes: Partial<Record<ParamKey, bigint>> = {}
  for (const { key, knob } of PARAMS) {
    const given = env[knob]
    if (given === undefined) continue
    if (!/^\d{1,20}$/.test(given)) {
      refuse('config_invalid', { key, source: knob, reason: 'not a whole number' })
    }
    changes[key as ParamKey] = BigInt(given)
  }
  return changes
}

/** docs/reference/environment.md. */
export function environmentPage(): string {
  const rows = CONFIG_KEYS.map((key) => {
    const { knob, alias, fallback, meaning } = SETTINGS[key] as Setting<z.ZodType>
    const knobs = alias === undefined ? `\`${knob}\`` : `\`${knob}\`, \`${alias}\``
    const shown = fallback === '' ? '' : `\`${fallback}\``
    return `| ${knobs} | \`${flagOf(key)}\` | ${shown} | ${meaning} |`
  })
  return [
    '# Environment',
    '',
    'A node reads these once, when it starts. A flag wins over a variable, a variable over the',
    'default. A value that does not parse stops the node and names the knob; a `TB_*` variable that',
    'nobody knows is named in the log. `tb-cli config show` prints every value with its source.',
    '',
    'This page is generated from `src/node/config.ts` by `npm run docs`.',
    '',
    '| variable | flag | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    'Whoever makes a genesis file may set any parameter of [params.md](params.md) by its knob,',
    '`TB_PARAM_` and the key in capitals. A running chain takes no notice of them: its parameters',
    'are changed by proposals only. The command line reads `TB_HOME` (folder of its keys), `TB_NODE`',
    '(node to talk to) and `TB_DEBUG` (print traces).',
    '',
  ].join('\n')
}
