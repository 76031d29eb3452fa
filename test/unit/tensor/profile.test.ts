/** The profile of a library user: off and silent, on and complete, and leaks with their owner. */

import { strict as check } from 'node:assert'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { parseProfile } from '../../../src/base/tensor-profile.ts'
import { tensorProfileWrite } from '../../../src/tensor/io/profile-file.ts'
import {
  tensorLive,
  tensorProfileClearLog,
  tensorProfileLog,
  tensorProfileReset,
} from '../../../src/tensor/profile.ts'
import { scope } from '../../../src/tensor/scope.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { ramp } from './devices.ts'

describe('the tensor profile of a library', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensor-profile-'))
  const { TB_BLOCKTORCH_PROFILE: before, ORCHARD_TENSOR_PROFILE: older } = process.env

  function set(
    name: 'TB_BLOCKTORCH_PROFILE' | 'ORCHARD_TENSOR_PROFILE',
    to: string | undefined,
  ): void {
    if (to === undefined) delete process.env[name]
    else process.env[name] = to
  }

  beforeEach(() => {
    set('ORCHARD_TENSOR_PROFILE', undefined)
    set('TB_BLOCKTORCH_PROFILE', '1')
    tensorProfileReset()
  })

  after(() => {
    set('TB_BLOCKTORCH_PROFILE', before)
    set('ORCHARD_TENSOR_PROFILE', older)
    tensorProfileReset()
    rmSync(folder, { recursive: true, force: true })
  })

  it('notes nothing and writes nothing while it is off', () => {
    const file = join(folder, 'off.log')
    set('TB_BLOCKTORCH_PROFILE', undefined)
    tensorProfileReset()
    Tensor.ones([4])
    tensorProfileWrite(file)
    check.deepEqual([tensorProfileLog(), tensorLive(), existsSync(file)], ['', [], false])
  })

  it('reads its setting at a reset, under either name', () => {
    set('TB_BLOCKTORCH_PROFILE', undefined)
    Tensor.ones([1]).dispose()
    check.notEqual(tensorProfileLog(), '', 'the setting is kept until the reset')
    set('ORCHARD_TENSOR_PROFILE', '1')
    tensorProfileReset()
    check.equal(tensorProfileLog(), '')
    Tensor.ones([1]).dispose()
    check.notEqual(tensorProfileLog(), '')
  })

  it('writes a log that its reader takes, whole and balanced', () => {
    const file = join(folder, 'on.log')
    const a = Tensor.ones([4], { label: 'weights' })
    const b = a.add(1)
    b.dispose()
    a.dispose()
    tensorProfileWrite(file, 'job-1')
    const text = readFileSync(file, 'utf8')
    check.match(text, /^tensor-profile 1\njob job-1 tensor cpu\nalloc weights 16 job-1 cpu 1\n/)
    const { jobs, malformed } = parseProfile(text)
    const [job] = jobs
    check.deepEqual(
      [malformed, job?.allocations, job?.releases, job?.deltaBytes, job?.agrees],
      [0, 2, 2, 0, true],
    )
    tensorProfileClearLog()
    check.equal(tensorProfileLog(), '')
  })

  it('names the owner of what was not given back', () => {
    const kept = Tensor.ones([2, 2], { label: 'cache' })
    scope(() => kept.add(1).mul(2).sum().item())
    check.deepEqual(
      tensorLive().map(({ label, bytes, sequence, device }) => [label, bytes, sequence, device]),
      [['cache', 16, 1, 'cpu']],
    )
    check.match(tensorProfileLog('run'), /\nlive cache 16 run cpu\n/)
    kept.dispose()
    check.deepEqual(tensorLive(), [])
    check.doesNotMatch(tensorProfileLog('run'), /\nlive /)
  })

  it('balances for every label, however tensors and their views come and go', () => {
    for (const round of ramp(40)) {
      scope(() => {
        const t = Tensor.ones([3, 3], { label: `worker-${round % 4}` })
        t.transpose()
          .matmul(t.slice(0, 0, 3, 2).transpose())
          .softmax()
          .sum()
      })
    }
    const { jobs } = parseProfile(tensorProfileLog())
    const balance = new Map<string, number>()
    for (const { kind, label } of jobs[0]?.events ?? []) {
      balance.set(label, (balance.get(label) ?? 0) + (kind === 'alloc' ? 1 : -1))
    }
    check.ok(balance.size >= 6)
    check.deepEqual(
      [...balance.values()],
      [...balance.keys()].map(() => 0),
    )
  })
})
