/**
 * Which node a command talks to.
 *
 *   --node URL | FOLDER | FILE  >  TB_NODE  >  ./devnet.json  >  ./runs/devnet/devnet.json
 *
 * A folder means the devnet.json in it. A devnet file names its nodes: { nodes: [{ name, http }] }.
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

import type { Environment } from './context.ts'
import { EXIT, fail } from './failure.ts'

const DEVNET_FILES: readonly string[] = ['devnet.json', 'runs/devnet/devnet.json']

export interface DevnetFile {
  readonly nodes: readonly { readonly name: string; readonly http?: string }[]
}

/** The base URL, without a slash at its end. */
export function findEndpoint(environment: Environment, named: string | undefined): string {
  const wanted = named ?? environment.env['TB_NODE']
  if (wanted !== undefined && wanted !== '') return fromName(environment, unquote(wanted))
  const file = DEVNET_FILES.map((path) => join(environment.cwd, path)).find(existsSync)
  if (file === undefined) return fail(EXIT.noNode, 'no_node', { looked: DEVNET_FILES.join(', ') })
  return fromDevnetFile(file)
}

/** The devnet file that names the node, if one does. */
export function devnetFileOf(
  { cwd, env }: Pick<Environment, 'cwd' | 'env'>,
  named: string | undefined,
): string | undefined {
  const wanted = named ?? env['TB_NODE']
  if (wanted === undefined || wanted === '') {
    return DEVNET_FILES.map((path) => join(cwd, path)).find(existsSync)
  }
  const name = unquote(wanted)
  if (/^https?:\/\//.test(name)) return undefined
  const path = resolve(cwd, name)
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'devnet.json') : path
  return existsSync(file) ? file : undefined
}

/** What was copied from a chat or a shell may bring its quotes along. */
function unquote(value: string): string {
  return value.trim().replace(/^(['"])(.*)\1$/, '$2')
}

function fromName(environment: Environment, name: string): string {
  if (/^https?:\/\//.test(name)) {
    if (!URL.canParse(name)) return fail(EXIT.usage, 'usage', { node: name })
    return name.replace(/\/+$/, '')
  }
  const path = resolve(environment.cwd, name)
  if (!existsSync(path)) return fail(EXIT.noNode, 'no_node', { node: name })
  return fromDevnetFile(statSync(path).isDirectory() ? join(path, 'devnet.json') : path)
}

function fromDevnetFile(path: string): string {
  if (!existsSync(path)) return fail(EXIT.noNode, 'no_node', { looked: path })
  const found = firstHttp(readFileSync(path, 'utf8'))
  return found ?? fail(EXIT.failed, 'devnet_file_malformed', { path })
}

function firstHttp(text: string): string | undefined {
  try {
    const { nodes } = (JSON.parse(text) ?? {}) as Partial<DevnetFile>
    if (!Array.isArray(nodes)) return undefined
    const node = (nodes as readonly (DevnetFile['nodes'][number] | null)[]).find(
      (entry) => typeof entry?.http === 'string',
    )
    return node?.http?.replace(/\/+$/, '')
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
