/** The tensor profile: epochs that agree, leaks that are named, and a log that anybody may write. */

import { strict as check } from 'node:assert'
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import {
  type AllocationEvent,
  EVENTS_MAX,
  hostEvents,
  LIVE_LABELS_MAX,
  PROFILE_HEADER,
  parseProfile,
  profileLines,
  profileOf,
  word,
} from '../../src/base/tensor-profile.ts'
import { EXIT } from '../../src/cli/failure.ts'
import {
  PROFILE_LOG_BYTES_MAX,
  profileLogPath,
  readProfileLog,
  tensorProfileAppend,
  tensorProfileClearLog,
  tensorProfileReset,
} from '../../src/runtime/io/profile-log.ts'
import { invoke } from './cli/invoke.ts'

const HEAD = { job: 'ab/1', fabric: 'cpu', device: 'a CPU', outcome: 'done' } as const
const RUN: readonly AllocationEvent[] = hostEvents([16, 4, 8])

const anyEvents: fc.Arbitrary<AllocationEvent[]> = fc.array(
  fc
    .tuple(fc.constantFrom('alloc' as const, 'free' as const), fc.string().map(word), fc.nat())
    .map(([kind, label, bytes]) => ({ kind, label, bytes })),
)

describe('the tensor profile', () => {
  it('balances for a run that gives back what it took', () => {
    const profile = profileOf(RUN)
    check.deepEqual([profile.allocations, profile.releases, profile.deltaBytes], [3, 3, 0])
    check.deepEqual(profile.live, [])
    check.equal(
      toHex(profile.epoch),
      '883168ec1c50456502af69f3a1e3c6fbfd561e6bf9ad05ebc9c320b09a79bb55',
    )
  })

  it('has one epoch for one program, whatever the device copies besides', () => {
    const copy = { label: 'input', bytes: 64 }
    const onGpu = [{ kind: 'alloc', ...copy } as const, ...RUN, { kind: 'free', ...copy } as const]
    check.equal(toHex(profileOf(onGpu).epoch), toHex(profileOf(RUN).epoch))
    check.notEqual(toHex(profileOf(RUN.slice(1)).epoch), toHex(profileOf(RUN).epoch))
    check.notEqual(toHex(profileOf(hostEvents([16, 4, 9])).epoch), toHex(profileOf(RUN).epoch))
  })

  it('names what was never released, and no more labels than it may', () => {
    const leak = profileOf(RUN.filter(({ kind, label }) => kind === 'alloc' || label !== 'op-1'))
    check.deepEqual(leak.live, [{ label: 'op-1', bytes: 4 }])
    check.equal(leak.deltaBytes, 4)
    const many = profileOf(hostEvents(Array.from({ length: 99 }, () => 1)).slice(0, 99))
    check.deepEqual([many.live.length, many.deltaBytes], [LIVE_LABELS_MAX, 99])
  })

  it('is read from its log as it was written', () => {
    fc.assert(
      fc.property(anyEvents, fc.string(), fc.string(), (events, job, device) => {
        const text = `${PROFILE_HEADER}\n${profileLines({ ...HEAD, job, device }, events)}`
        const { jobs, malformed } = parseProfile(text)
        check.equal(malformed, 0)
        const [found] = jobs
        check.deepEqual(found?.events, events)
        check.equal(found?.agrees, true)
        check.equal(found?.epoch, toHex(profileOf(events).epoch))
        check.deepEqual(found?.live, profileOf(events).live)
      }),
    )
  })

  it('counts only what stands behind the last reset', () => {
    const run = profileLines(HEAD, RUN)
    const { jobs } = parseProfile(`${PROFILE_HEADER}\n${run}${run}reset\n${run}`)
    check.equal(jobs.length, 1)
  })

  it('tells a run that was cut off, and one whose end says something else', () => {
    const lines = profileLines(HEAD, RUN).split('\n')
    const cut = `${PROFILE_HEADER}\n${lines.slice(0, 4).join('\n')}\n`
    check.deepEqual(
      parseProfile(cut).jobs.map(({ outcome, agrees }) => [outcome, agrees]),
      [['torn', false]],
    )
    const forged = profileLines(HEAD, RUN).replace('free op-2 8', 'free op-2 7')
    check.equal(parseProfile(`${PROFILE_HEADER}\n${forged}`).jobs[0]?.agrees, false)
  })

  it('survives any text, and counts the lines that are none of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (lines) => {
        const { jobs, malformed } = parseProfile([PROFILE_HEADER, ...lines].join('\n'))
        check.ok(jobs.length + malformed <= lines.join('\n').split('\n').length)
      }),
    )
    check.deepEqual(parseProfile('tensor-profile 2\njob a b c\n'), { jobs: [], malformed: 2 })
    check.deepEqual(parseProfile(''), { jobs: [], malformed: 0 })
    const endless = 'alloc op-0 1 ab/1 cpu 1\n'.repeat(EVENTS_MAX + 5)
    const { jobs } = parseProfile(`${PROFILE_HEADER}\njob ab/1 cpu cpu\n${endless}`)
    check.equal(jobs[0]?.events.length, EVENTS_MAX)
  })
})

describe('the log of the tensor profile', () => {
  let folder = ''
  let path = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'blocktorch-profile-'))
    path = profileLogPath(folder)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('holds whole runs, for nobody else to read', () => {
    tensorProfileAppend(path, HEAD, RUN)
    tensorProfileAppend(path, { ...HEAD, job: 'cd/1' }, RUN)
    check.deepEqual(
      parseProfile(readProfileLog(path)).jobs.map(({ job, device }) => [job, device]),
      [
        ['ab/1', 'a-CPU'],
        ['cd/1', 'a-CPU'],
      ],
    )
    check.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('is moved aside when it is full', () => {
    tensorProfileReset(path)
    writeFileSync(path, new Uint8Array(PROFILE_LOG_BYTES_MAX).fill(10))
    tensorProfileAppend(path, HEAD, RUN)
    check.ok(statSync(path).size < 4_096)
    check.equal(statSync(`${path}.1`).size, PROFILE_LOG_BYTES_MAX)
    check.equal(parseProfile(readProfileLog(path)).jobs.length, 1)
    check.ok(tensorProfileClearLog(path) > PROFILE_LOG_BYTES_MAX)
    check.deepEqual(
      [existsSync(path), existsSync(`${path}.1`), readProfileLog(path)],
      [false, false, ''],
    )
  })

  it('is neither written through a link nor read when it is longer than a log can be', () => {
    tensorProfileReset(path)
    rmSync(path)
    symlinkSync(join(folder, 'elsewhere'), path)
    check.throws(() => tensorProfileAppend(path, HEAD, RUN), /ELOOP/)
    rmSync(path)
    writeFileSync(path, new Uint8Array(2 * PROFILE_LOG_BYTES_MAX + 1))
    check.throws(() => readProfileLog(path), /profile_log_oversized/)
  })

  it('is shown, reset and cleared from the command line', async () => {
    const run = (...argv: string[]) => invoke(['profile', ...argv, '--data', folder, '--json'])
    const json = async (...argv: string[]) =>
      JSON.parse((await run(...argv)).stdout) as Record<string, unknown>
    check.deepEqual((await json('show'))['jobs'], [])
    tensorProfileAppend(path, HEAD, RUN.slice(0, -1))
    const shown = await json('show')
    check.equal(shown['deltaBytes'], 16)
    const words = await invoke(['profile', 'show', '--data', folder])
    check.match(words.stderr, /ab\/1 leaked op-0, 16 bytes/)
    const job = await json('show', 'ab')
    check.equal((job['events'] as unknown[]).length, 5)
    check.equal((await run('show', 'zz')).exit, EXIT.notFound)
    await run('reset')
    check.deepEqual((await json('show'))['jobs'], [])
    check.ok(Number((await json('clear'))['bytes']) > 0)
    check.equal(existsSync(path), false)
    rmSync(dirname(path), { recursive: true })
    writeFileSync(dirname(path), 'a file')
    check.equal((await run('reset')).exit, EXIT.failed)
  })
})
