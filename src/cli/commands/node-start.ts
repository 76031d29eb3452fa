/** `tb-cli node start`: runs a node in this process until Ctrl-C. */

import { resolve } from 'node:path'

import { parse, YAMLParseError } from 'yaml'

import { CONFIG_KEYS, type ConfigKey } from '../../node/config.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { readText } from '../files.ts'
import { type NodeFlags, startOwnNode } from '../own-node.ts'
import { toPairs } from '../render.ts'
import { untilInterrupted } from '../waiting.ts'

const CONFIG_BYTES_MAX = 64 * 1024

export const run: Command = async (context, input) => {
  const flags = {
    ...fileFlags(context, input),
    ...settingFlags(input),
    ...namedFlags(context, input),
  }
  const node = await startOwnNode(context.env, flags)
  try {
    const { http, p2p, account } = node
    report(context, { ok: true, http, p2p, account }, () =>
      toPairs([
        ['http', http],
        ['p2p', p2p.join(' ')],
        ['account', account ?? 'none: observes'],
      ]),
    )
    await untilInterrupted(context.signal)
  } finally {
    await node.stop()
  }
}

function isKey(key: string): key is ConfigKey {
  return (CONFIG_KEYS as readonly string[]).includes(key)
}

/** `--config FILE`: the keys of `config show`, one a line. @throws CliFailure config_file_malformed */
function fileFlags({ cwd }: Context, { options }: Input): NodeFlags {
  const { config } = options
  if (typeof config !== 'string') return {}
  const path = resolve(cwd, config)
  const value = yamlOf(path, readText(path, 'config_file_malformed', CONFIG_BYTES_MAX))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(EXIT.usage, 'config_file_malformed', { path })
  }
  const entries = Object.entries(value).map(([key, each]) => {
    const isPlain = ['string', 'number', 'boolean'].includes(typeof each)
    if (!isKey(key) || !isPlain) return fail(EXIT.usage, 'config_file_malformed', { path, key })
    return [key, String(each)] as const
  })
  return Object.fromEntries(entries)
}

function yamlOf(path: string, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    const reason = error.message.split('\n')[0] ?? ''
    return fail(EXIT.usage, 'config_file_malformed', { path, reason })
  }
}

/** `--set KEY=VALUE`, as often as wanted. */
function settingFlags({ options }: Input): NodeFlags {
  const { set } = options
  const words = Array.isArray(set) ? (set as readonly string[]) : []
  const entries = words.map((word) => {
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(word) ?? []
    return isKey(key) ? ([key, value] as const) : fail(EXIT.usage, 'usage', { set: word })
  })
  return Object.fromEntries(entries)
}

const NAMED = ['genesis', 'bootstrap', 'listen', 'httpPort', 'logLevel', 'fabrics'] as const

function namedFlags({ cwd }: Context, { options }: Input): NodeFlags {
  const { data } = options
  const entries = NAMED.flatMap((key) => {
    const given = options[key]
    return typeof given === 'string' ? [[key, given] as const] : []
  })
  return {
    ...Object.fromEntries(entries),
    ...(typeof data === 'string' ? { dataDir: resolve(cwd, data) } : {}),
  }
}
