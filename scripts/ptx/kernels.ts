/**
 * The device kernels as PTX: made by nvcc, kept in native/kernels/ptx, held against their sources.
 *
 *   native/kernels/device/*  --nvcc-->  kernels.ptx, lowered  +  manifest.json: digests of both
 *
 * nvcc writes the newest PTX version it knows, which asks for a new driver; nothing in the kernels
 * needs more than 7.0, so that the head says 7.0 and any driver since CUDA 11.0 takes the file.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { concatBytes, toHex, u32Bytes, utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/hash.ts'
import { REPOSITORY_ROOT } from '../../src/runtime/io/native-addon.ts'

const SOURCES = join(REPOSITORY_ROOT, 'native/kernels/device')
const ENTRY = join(SOURCES, 'kernels.inc')
const FOLDER = join(REPOSITORY_ROOT, 'native/kernels/ptx')
const PTX_PATH = join(FOLDER, 'kernels.ptx')
const MANIFEST_PATH = join(FOLDER, 'manifest.json')

/** No contraction of products and sums; everything else is nvcc's default and exact. */
const FLAGS: readonly string[] = ['-x', 'cu', '-O3', '--fmad=false', '--std=c++17']
const HEAD = '.version 7.0\n.target sm_75\n.address_size 64\n'

export interface PtxManifest {
  /** SHA-256 of kernels.ptx, hex. */
  readonly ptx: string
  /** SHA-256 over the sources it was made from, hex. */
  readonly sources: string
  readonly flags: string
  /** Version of nvcc. */
  readonly compiler: string
}

/** Version of nvcc, or undefined where there is none. */
export function nvccVersion(): string | undefined {
  const { status, stdout } = spawnSync('nvcc', ['--version'], { encoding: 'utf8' })
  return status === 0 ? /\bV(\d+\.\d+\.\d+)/.exec(stdout)?.[1] : undefined
}

/** Runs nvcc on the kernels. @param target such as `-ptx`, `-arch=compute_75` */
function compile(target: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'bt-ptx-'))
  try {
    const out = join(folder, 'out')
    const args = [...FLAGS, ...target, '-o', out, ENTRY]
    const { status, stderr } = spawnSync('nvcc', args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`nvcc ${args.join(' ')}:\n${stderr}`)
    return readFileSync(out)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The kernels as PTX, without comments and with the lower head. */
export function makePtx(): string {
  const lines = compile(['-ptx', '-arch=compute_75']).toString('utf8').split('\n')
  const code = lines.filter((line) => line.trim() !== '' && !line.trimStart().startsWith('//'))
  const text = `${code.join('\n')}\n`
  const lowered = text.replace(/^\.version \d+\.\d+\n\.target sm_75\n\.address_size 64\n/, HEAD)
  if (!lowered.startsWith(HEAD)) throw new Error(`unexpected head: ${text.slice(0, 80)}`)
  return lowered
}

/** Machine code of the kernels for one architecture, such as `sm_90`. */
export function makeCubin(architecture: string): Uint8Array {
  return compile(['-cubin', `-arch=${architecture}`])
}

/** SHA-256 over names, lengths and bytes of what the PTX is made from. */
export function sourcesDigest(): string {
  const names = readdirSync(SOURCES).filter((name) => name.endsWith('.inc') || HEADERS.has(name))
  const parts = names.sort().flatMap((name) => {
    const bytes = readFileSync(join(SOURCES, name))
    return [u32Bytes(name.length), utf8(name), u32Bytes(bytes.length), bytes]
  })
  return toHex(sha256(concatBytes(...parts)))
}

const HEADERS: ReadonlySet<string> = new Set(['prelude.h', 'params.h', 'numeric.h'])

export function readPtx(): string {
  return existsSync(PTX_PATH) ? readFileSync(PTX_PATH, 'utf8') : ''
}

export function readPtxManifest(): PtxManifest {
  return JSON.parse(readFileSync(MANIFEST_PATH, 'utf8')) as PtxManifest
}

export function manifestOf(ptx: string, compiler: string): PtxManifest {
  return {
    ptx: toHex(sha256(utf8(ptx))),
    sources: sourcesDigest(),
    flags: FLAGS.join(' '),
    compiler,
  }
}

export function writePtx(ptx: string, manifest: PtxManifest): void {
  writeFileSync(PTX_PATH, ptx)
  writeFileSync(MANIFEST_PATH, `${JSON.stringify(manifest, null, 2)}\n`)
}
