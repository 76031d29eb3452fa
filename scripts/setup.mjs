/**
 * Set-up: what every npm script begins with. Plain JavaScript on Node's own modules, because it
 * runs before anything is installed.
 *
 *   packages   npm ci --ignore-scripts      when package-lock.json is not what is installed
 *      |  `--- native core (CMake)          meanwhile: all that needs no header from npm
 *   native     CMake, whole                 when native/ is not what was built
 *   build      tsc, incremental             always
 *
 * Each step leaves a stamp: the hash of what it was made from. Output goes to stderr. Two set-ups
 * at once wait for each other (lock.mjs).
 *
 * Usage: node scripts/setup.mjs [--only build]
 */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join, relative } from 'node:path'
import { lock } from './lock.mjs'
import { HEADERS_MISSING, nodeHeaders } from './node-headers.mjs'
import { bin, ROOT, run, say, seconds, version } from './process.mjs'

const NATIVE = join(ROOT, 'native')
const NATIVE_BUILD = join(ROOT, 'build/native')
const ADDON = join(NATIVE_BUILD, 'blocktorch.node')
const NODE_ADDON_API = join(ROOT, 'node_modules/node-addon-api')
const APT = 'sudo apt-get install -y g++ make cmake'

/** A set-up that cannot go on, with what to do about it. */
class SetupError extends Error {}

// --- stamps -----------------------------------------------------------------------------------

function digest(parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}

function stamped(path, stamp) {
  return existsSync(path) && readFileSync(path, 'utf8') === stamp
}

function files(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

// --- packages ---------------------------------------------------------------------------------

const PACKAGES_STAMP = join(ROOT, 'node_modules/.blocktorch-setup')

function packagesWanted() {
  const lockfile = readFileSync(join(ROOT, 'package-lock.json'))
  return digest([lockfile, `${process.platform} ${process.arch} ${process.versions.modules}`])
}

/** True when a person's own `npm ci` or `npm install` has put in exactly what the lockfile says. */
function installedByHand() {
  const hidden = join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(hidden)) return false
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const found = present[path]
    if (found === undefined) return entry.optional === true
    return found.version === entry.version && found.integrity === entry.integrity
  })
}

function packagesReady() {
  const wanted = packagesWanted()
  if (stamped(PACKAGES_STAMP, wanted)) return true
  if (!installedByHand()) return false
  writeFileSync(PACKAGES_STAMP, wanted)
  return true
}

async function installPackages() {
  const started = performance.now()
  say('[setup] packages: npm ci')
  const npm = process.env.npm_execpath
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } =
    npm !== undefined && basename(npm) === 'npm-cli.js'
      ? await run(process.execPath, [npm, ...args], { name: 'packages' })
      : await run('npm', args, { name: 'packages' })
  if (code !== 0) {
    throw new SetupError(
      `npm ci failed:\n${output}\nIf it says that package.json and the lockfile disagree, the ` +
        'lockfile was edited by hand; if it cannot reach its registry, mend the network.',
    )
  }
  writeFileSync(PACKAGES_STAMP, packagesWanted())
  say(`[setup] packages: installed, ${seconds(started)}`)
}

// --- native -----------------------------------------------------------------------------------

const NATIVE_STAMP = join(NATIVE_BUILD, '.blocktorch-setup')

function headersOrRefuse() {
  const found = nodeHeaders()
  if (found === undefined) throw new SetupError(HEADERS_MISSING)
  return found
}

function requireTools() {
  const cmake = version('cmake')
  const compiler = process.env.CXX ?? ['c++', 'g++', 'clang++'].find((name) => version(name))
  const maker = ['make', 'ninja'].find((name) => version(name))
  const missing = [
    ...(cmake === undefined ? ['cmake (3.20 or later)'] : []),
    ...(compiler === undefined ? ['g++ or clang++ with C++20'] : []),
    ...(maker === undefined ? ['make'] : []),
  ]
  if (missing.length > 0) {
    throw new SetupError(
      `The native part needs ${missing.join(', ')}.\nDebian, Ubuntu: ${APT}\n` +
        'macOS: xcode-select --install, and cmake from its own site or your package manager',
    )
  }
  const [, major, minor] = /(\d+)\.(\d+)/.exec(cmake) ?? []
  if (Number(major) * 1000 + Number(minor) < 3020) {
    throw new SetupError(`cmake 3.20 or later is needed; this is ${cmake}.\n${APT}`)
  }
}

function nativeWanted(headers) {
  const tree = files(NATIVE)
  const addonApi = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages[
    'node_modules/node-addon-api'
  ].version
  return digest([
    `${headers} ${process.versions.modules} ${process.arch} ${addonApi} ${process.env.CXX ?? ''}`,
    ...tree.flatMap((path) => [relative(NATIVE, path), readFileSync(path)]),
  ])
}

const hasNative = () => existsSync(join(NATIVE, 'CMakeLists.txt'))

function nativeReady(headers) {
  return existsSync(ADDON) && stamped(NATIVE_STAMP, nativeWanted(headers))
}

async function cmake(args, what) {
  const { code, output } = await run('cmake', args, { name: 'native' })
  if (code !== 0) throw new SetupError(`cmake failed at ${what}:\n${output}`)
  return output
}

/** Without `napi` the addon is left out, and nothing that npm installs is needed. */
async function configure(headers, napi) {
  const args = ['-S', NATIVE, '-B', NATIVE_BUILD, '-DCMAKE_BUILD_TYPE=Release']
  await cmake([...args, `-DNODE_INCLUDE=${headers}`, `-DNAPI_INCLUDE=${napi}`], 'configuring')
}

const jobs = () => ['--parallel', String(availableParallelism())]

/** Builds what needs nothing from npm, so that it overlaps `npm ci`. */
async function buildCore(headers) {
  const started = performance.now()
  await configure(headers, '')
  await cmake(['--build', NATIVE_BUILD, ...jobs()], 'building the kernels')
  say(`[setup] native: kernels compiled, ${seconds(started)}`)
}

async function buildNative(headers) {
  const started = performance.now()
  say('[setup] native: cmake')
  const wanted = nativeWanted(headers)
  await configure(headers, NODE_ADDON_API)
  await cmake(['--build', NATIVE_BUILD, ...jobs()], 'building')
  writeFileSync(NATIVE_STAMP, wanted)
  say(`[setup] native: built, ${seconds(started)}`)
}

// --- build ------------------------------------------------------------------------------------

/** A test whose source is gone must not run from a left-over of an earlier build. */
function pruneOrphans() {
  const dist = join(ROOT, 'dist')
  for (const path of files(dist)) {
    if (!/\.(js|d\.ts|js\.map)$/.test(path)) continue
    const source = relative(dist, path).replace(/(\.d\.ts|\.js\.map|\.js)$/, '.ts')
    if (!existsSync(join(ROOT, source))) rmSync(path)
  }
}

async function build() {
  const started = performance.now()
  const { code, output } = await run(process.execPath, [bin('typescript/bin/tsc')])
  if (code !== 0) throw new SetupError(`tsc:\n${output}`)
  pruneOrphans()
  const spent = performance.now() - started
  if (spent > 1500) say(`[setup] build: compiled, ${seconds(started)}`)
}

// --- all of it --------------------------------------------------------------------------------

async function installAndBuildNative() {
  const headers = hasNative() ? headersOrRefuse() : undefined
  const nativeStale = headers !== undefined && !nativeReady(headers)
  if (nativeStale) requireTools()
  if (!packagesReady()) {
    const core = nativeStale ? buildCore(headers) : Promise.resolve()
    const outcomes = await Promise.allSettled([installPackages(), core])
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }
  if (nativeStale) await buildNative(headers)
}

async function setUp(args) {
  const only = args[0] === '--only' ? args[1] : undefined
  if (args.length > 0 && only !== 'build') throw new SetupError('Usage: setup.mjs [--only build]')
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major * 100 + minor < 2019) {
    throw new SetupError(`Node 20.19 or later is needed; this is ${process.version}.`)
  }
  const free = await lock(join(ROOT, 'build/setup.lock'), (pid) =>
    say(`[setup] waiting for the set-up of process ${pid}`),
  )
  process.once('exit', free)
  // The devnet tells how long its user waited, and that begins here.
  writeFileSync(
    join(ROOT, 'build/command-started'),
    String(Date.now() - Math.round(performance.now())),
  )
  if (only === undefined) await installAndBuildNative()
  await build()
}

for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.once(signal, () => process.exit(code))
}

try {
  await setUp(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(`[setup] ${error.message}`)
  process.exit(1)
}
