/** The courier ends every job once: done, failed with a reason, or cancelled. */

import { strict as check } from 'node:assert'

import { refusal } from '../../../src/base/refusal.ts'
import { timeMs } from '../../../src/base/time.ts'
import { JOBS_QUEUED_MAX, openCourier, type Tamper } from '../../../src/compute/courier.ts'
import type {
  Fabric,
  FabricJob,
  FabricManifest,
  RunDone,
  RunOutcome,
} from '../../../src/compute/fabric.ts'
import { draftReceipt, outcomeWith } from '../../../src/compute/receipt-draft.ts'
import { outputDigestOf } from '../../../src/program/digest.ts'
import { traceRoot } from '../../../src/program/trace.ts'
import type { Clock } from '../../../src/runtime/ports.ts'
import { int8Sample } from '../program/samples.ts'

const { program } = int8Sample()
const CRASH: RunOutcome = { kind: 'failed', refusal: refusal('fabric_crashed') }

const MANIFEST: FabricManifest = {
  name: 'cpu',
  version: '1.0.0',
  kind: 'cpu',
  device: 'cpu',
  vendor: 'blocktorch',
  driver: '',
  isa: 'scalar',
  computeUnits: 1,
  memoryTotalBytes: 0,
  kernelDigest: new Uint8Array(32),
}

function done(): RunDone {
  const opDigests = program.ops.map((_, op) => new Uint8Array(32).fill(op))
  const outputDigest = outputDigestOf(program, opDigests)
  return {
    kind: 'done',
    opDigests,
    outputs: [{ digest: outputDigest, lengthBytes: 4 }],
    outputDigest,
    manifestDigest: new Uint8Array(32),
    micros: 1,
    allocBytes: 0,
    freeBytes: 0,
    profile: [],
  }
}

/** A fabric whose answers the test gives, and a clock that the test moves. */
function world(tamper?: Tamper) {
  const answers: ((outcome: RunOutcome) => void)[] = []
  const timers = new Map<string, () => void>()
  const started: string[] = []
  const cancelled: string[] = []
  const fabric: Fabric = {
    manifest: MANIFEST,
    run: (given, answer) => {
      started.push(given.jobId)
      answers.push(answer)
      return { cancel: () => cancelled.push(given.jobId) }
    },
    onExit: () => undefined,
  }
  const clock: Clock = {
    wallMs: () => timeMs(0),
    monotonicMs: () => 0,
    setTimer: (id, _delay, due) => timers.set(id, due),
    clearTimer: (id) => timers.delete(id),
  }
  const courier = openCourier(tamper === undefined ? { fabric, clock } : { fabric, clock, tamper })
  const outcomes: [string, RunOutcome][] = []
  return {
    courier,
    started,
    cancelled,
    timers,
    outcomes,
    submit: (jobId: string) => {
      const job: FabricJob = { jobId, program, inputs: [], deadlineMs: 1000 }
      return courier.submit(job, (outcome) => outcomes.push([jobId, outcome]))
    },
    answer: (outcome: RunOutcome) => {
      const next = answers.shift()
      check.ok(next !== undefined)
      next(outcome)
    },
    kinds: () =>
      outcomes.map(([jobId, outcome]) =>
        outcome.kind === 'failed' ? `${jobId} ${outcome.refusal.code}` : `${jobId} ${outcome.kind}`,
      ),
  }
}

describe('courier', () => {
  it('runs jobs one after another, in order', () => {
    const at = world()
    at.submit('a')
    at.submit('b')
    check.deepEqual(at.started, ['a'])
    at.answer(done())
    at.answer(done())
    check.deepEqual(at.kinds(), ['a done', 'b done'])
    check.equal(at.courier.openJobs(), 0)
    check.equal(at.timers.size, 0)
  })

  it('runs a job again after one crash and gives up after the second', () => {
    const at = world()
    at.submit('a')
    at.submit('b')
    at.answer(CRASH)
    check.deepEqual(at.started, ['a', 'a'])
    at.answer(CRASH)
    at.answer(done())
    check.deepEqual(at.kinds(), ['a fabric_crashed', 'b done'])
  })

  it('fails a job at its deadline, cancels it, and drops the late answer', () => {
    const at = world()
    at.submit('a')
    at.submit('b')
    at.timers.get('courier/a')?.()
    check.deepEqual(at.kinds(), ['a run_deadline_passed'])
    check.deepEqual(at.cancelled, ['a'])
    check.deepEqual(at.started, ['a'])
    at.answer(done())
    at.answer(done())
    check.deepEqual(at.kinds(), ['a run_deadline_passed', 'b done'])
  })

  it('cancels a job that waits and a job that runs, once each', () => {
    const at = world()
    const running = at.submit('a')
    const waiting = at.submit('b')
    waiting.cancel()
    running.cancel()
    running.cancel()
    at.answer({ kind: 'cancelled' })
    check.deepEqual(at.kinds(), ['b cancelled', 'a cancelled'])
    check.deepEqual(at.started, ['a'])
  })

  it('does not run a cancelled job again after a crash', () => {
    const at = world()
    at.submit('a').cancel()
    at.answer(CRASH)
    check.deepEqual(at.started, ['a'])
    check.deepEqual(at.kinds(), ['a cancelled'])
  })

  it('refuses what does not fit its queue', () => {
    const at = world()
    for (let job = 0; job < JOBS_QUEUED_MAX + 2; job++) at.submit(`${job}`)
    check.deepEqual(at.kinds(), [`${JOBS_QUEUED_MAX + 1} courier_full`])
  })

  it('hands an outcome to the tamper hook, and its receipt follows from what comes back', () => {
    const falsified = new Uint8Array(32).fill(0xee)
    const at = world((job, outcome, give) => {
      give(outcomeWith(job.program, outcome, outcome.opDigests.with(-1, falsified)))
    })
    at.submit('a')
    at.answer(done())
    const outcome = at.outcomes[0]?.[1]
    check.ok(outcome?.kind === 'done')
    const draft = draftReceipt(program, MANIFEST, outcome)
    check.deepEqual(draft.outputDigest, falsified)
    check.deepEqual(draft.traceRoot, traceRoot(outcome.opDigests))
    check.deepEqual(outcome.outputs[0]?.digest, falsified)
  })
})
