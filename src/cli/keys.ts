/**
 * The key that signs: named by `--key`, or that of the devnet's buyer.
 *
 *   --key NAME | FILE  >  the buyer of the devnet that the command talks to  >  the key `default`
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { type KeyPair, readKeyFile } from '../runtime/io/key-file.ts'
import type { Context, Input } from './context.ts'
import { devnetFileOf } from './endpoint.ts'
import { EXIT, fail } from './failure.ts'
import { keyPath } from './key-folder.ts'

const DEFAULT_KEY = 'default'

/** @throws CliFailure key_needed; RefusalError key_file_* */
export function signingKey(context: Context, input: Input): KeyPair {
  const { key } = input.options
  if (typeof key === 'string') return readKeyFile(namedFile(context, input, key))
  const buyer = devnetBuyer(context, input)
  if (buyer !== undefined) return readKeyFile(buyer)
  const path = keyPath(context, input, DEFAULT_KEY)
  if (!existsSync(path)) return fail(EXIT.usage, 'key_needed', { looked: path })
  return readKeyFile(path)
}

function namedFile(context: Context, input: Input, key: string): string {
  const isPath = key.includes('/') || key.endsWith('.json')
  return isPath ? resolve(context.cwd, key) : keyPath(context, input, key)
}

function devnetBuyer(context: Context, { options }: Input): string | undefined {
  const { node } = options
  const file = devnetFileOf(context, typeof node === 'string' ? node : undefined)
  if (file === undefined) return undefined
  const named = buyerFile(readFileSync(file, 'utf8'))
  const path = named === undefined ? undefined : resolve(dirname(file), named)
  return path !== undefined && existsSync(path) ? path : undefined
}

function buyerFile(text: string): string | undefined {
  try {
    const { accounts } = (JSON.parse(text) ?? {}) as {
      readonly accounts?: { readonly buyer?: { readonly keyFile?: unknown } }
    }
    const file = accounts?.buyer?.keyFile
    return typeof file === 'string' ? join(file) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
