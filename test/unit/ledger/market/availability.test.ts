/** Providers, programs, asks and attestations: what is taken, when it counts, what it costs. */

import { strict as check } from 'node:assert'

import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { potOf } from '../../../../src/ledger/accounts.ts'
import { applyCancelAsk, applyPostAsk, askOf } from '../../../../src/ledger/asks.ts'
import { applyAttestationBatch } from '../../../../src/ledger/attestations.ts'
import { windowOf } from '../../../../src/ledger/attestations-windows.ts'
import {
  matchedAttempts,
  pendingAvailability,
  pendingVerdicts,
  windowsOpen,
} from '../../../../src/ledger/duties.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { explain } from '../../../../src/ledger/explain.ts'
import { applyOffer } from '../../../../src/ledger/jobs.ts'
import {
  applyRegisterProgram,
  applyRetireProgram,
  programOf,
} from '../../../../src/ledger/programs.ts'
import {
  applyRegisterProvider,
  applyRetireProvider,
  bondProvider,
  unbondProvider,
} from '../../../../src/ledger/providers.ts'
import { freeBond, providerOf } from '../../../../src/ledger/providers-bonds.ts'
import { applyProofAnnounce, applyReceipt } from '../../../../src/ledger/receipts.ts'
import { effectivePrice, reputationAfter } from '../../../../src/ledger/reputation.ts'
import { tensorBytes } from '../../../../src/program/shape.ts'
import { trainingSample } from '../../program/samples.ts'
import {
  anchor,
  askPayload,
  attest,
  availableProgram,
  BLOCK,
  claimOf,
  KERNELS,
  makeOffer,
  marketOf,
  OWNER,
  offerId,
  offerJob,
  PROVIDER_A,
  PROVIDER_B,
  postAsk,
  programPayload,
  readyJob,
  registerProgram,
  registerProvider,
  SMALL,
  VALIDATORS,
  World,
} from './world.ts'

const ALICE = VALIDATORS[0] as string

describe('a program', () => {
  it('is available by more than two thirds of the power and not by exactly two thirds', () => {
    const world = new World({}, [1n, 1n, 1n])
    const program = registerProgram(world)
    world.block((execution) => attest(execution, program, 'available', VALIDATORS.slice(0, 2)))
    check.equal(programOf(world.state, program)?.state, 'pending')
    world.block((execution) => attest(execution, program, 'available', VALIDATORS.slice(2, 3)))
    check.equal(programOf(world.state, program)?.state, 'available')
  })

  it('pays a deposit per byte and has it back when it expires or is retired', () => {
    const world = new World()
    const before = world.balance(OWNER)
    const program = registerProgram(world)
    const bytes = SMALL.program.weights.reduce((sum, { type }) => sum + tensorBytes(type), 0)
    const deposit = BigInt(bytes) * world.params.deposit_per_byte
    check.equal(world.balance(OWNER), before - deposit)
    world.skip(Number(world.params.availability_window_blocks))
    check.equal(programOf(world.state, program)?.state, 'expired')
    check.equal(programOf(world.state, program)?.reason, 'weights_unavailable')
    check.equal(world.balance(OWNER), before)
    availableProgram(world)
    world.block((x) => applyRetireProgram(x, OWNER, { program: SMALL.digest }))
    check.equal(programOf(world.state, program)?.state, 'retired')
    check.equal(world.balance(OWNER), before)
    check.equal(potOf(world.state, 'deposits'), 0n)
    world.skip(Number(world.params.evidence_age))
    check.equal(programOf(world.state, program), undefined)
    check.equal(windowOf(world.state, program), undefined)
  })

  it('that comes back is not forgotten with its earlier life', () => {
    const world = new World()
    const program = registerProgram(world)
    world.skip(30)
    check.equal(programOf(world.state, program)?.state, 'expired')
    availableProgram(world)
    world.skip(Number(world.params.evidence_age))
    check.equal(programOf(world.state, program)?.state, 'available')
  })

  it('without weights is available at once', () => {
    const world = new World()
    const program = registerProgram(world, trainingSample())
    check.equal(programOf(world.state, program)?.state, 'available')
    check.equal(windowsOpen(world.state, world.height), false)
  })

  it('is refused when its weights are not those it names, or it is known', () => {
    const world = new World({ max_weights_bytes: 1_024n })
    const payload = programPayload(SMALL)
    const [first] = payload.weights
    check.ok(first !== undefined)
    for (const change of [{ length: 1n }, { dtype: 1 }, { digest: new Uint8Array(32) }]) {
      const weights = [{ ...first, ...change }, ...payload.weights.slice(1)]
      const act = (x: Execution): void => applyRegisterProgram(x, OWNER, { ...payload, weights })
      check.equal(world.refusal(act).code, 'weights_mismatch')
    }
    const few = (x: Execution): void => applyRegisterProgram(x, OWNER, { ...payload, weights: [] })
    check.equal(world.refusal(few).code, 'weights_mismatch')
    registerProgram(world)
    const again = (x: Execution): void => applyRegisterProgram(x, OWNER, payload)
    check.equal(world.refusal(again).code, 'program_registered')
    const tight = new World({ max_weights_bytes: 10n })
    check.equal(tight.refusal(again).code, 'weights_too_large')
  })

  it('is retired by its owner only, and not while a job of it is open', () => {
    const world = marketOf()
    const retire = (who: string) => (x: Execution) =>
      applyRetireProgram(x, who, { program: SMALL.digest })
    check.equal(world.refusal(retire(PROVIDER_A)).code, 'program_unknown')
    readyJob(world)
    check.equal(world.refusal(retire(OWNER)).code, 'program_in_use')
    const pending = new World()
    registerProgram(pending)
    check.equal(pending.refusal(retire(OWNER)).code, 'program_not_available')
    const offer = makeOffer(pending)
    const act = (x: Execution): void => applyOffer(x, offerId(offer), offer)
    check.equal(pending.refusal(act).code, 'program_not_available')
  })
})

describe('a provider', () => {
  it('locks collateral for each attempt and can take back only what is free', () => {
    const world = marketOf()
    readyJob(world)
    const record = providerOf(world.state, PROVIDER_A)
    check.equal(record?.locked, 2n * BLOCK)
    check.equal(record === undefined ? 0n : freeBond(record), 998n * BLOCK)
    const unbond = (value: bigint) => (x: Execution) => unbondProvider(x, PROVIDER_A, value)
    check.equal(world.refusal(unbond(999n * BLOCK)).code, 'bond_locked')
    check.equal(world.refusal(unbond(991n * BLOCK)).code, 'bond_too_small')
    world.block(unbond(900n * BLOCK))
    world.block((x) => bondProvider(x, PROVIDER_A, BLOCK))
    check.equal(providerOf(world.state, PROVIDER_A)?.bond, 101n * BLOCK)
    const retire = (x: Execution): void => applyRetireProvider(x, PROVIDER_A)
    check.equal(world.refusal(retire).code, 'provider_busy')
  })

  it('retires with its asks and has its bond back after the unbonding time', () => {
    const world = marketOf()
    const before = world.balance(PROVIDER_A)
    world.block((x) => applyRetireProvider(x, PROVIDER_A))
    check.equal(world.events('ask-cancelled')[0]?.reason, 'provider_retired')
    world.skip(Number(world.params.unbonding_blocks) - 1)
    check.equal(world.balance(PROVIDER_A), before)
    world.block()
    check.equal(world.balance(PROVIDER_A), before + 1_000n * BLOCK)
    registerProvider(world, PROVIDER_A)
    check.equal(providerOf(world.state, PROVIDER_A)?.state, 0)
  })

  it('is refused without bond, twice, or with kernels nobody knows', () => {
    const world = new World()
    const payload = { bond: 10n * BLOCK, fabric: new Uint8Array(0), kernelDigest: KERNELS }
    const register = (change: object) => (x: Execution) =>
      applyRegisterProvider(x, PROVIDER_B, { ...payload, ...change })
    check.equal(world.refusal(register({ bond: 1n })).code, 'bond_too_small')
    const unknown = register({ kernelDigest: new Uint8Array(32) })
    check.equal(world.refusal(unknown).code, 'kernel_digest_unknown')
    world.block(register({}))
    check.equal(world.refusal(register({})).code, 'provider_registered')
    const stranger = (x: Execution): void => bondProvider(x, PROVIDER_A, 1n)
    check.equal(world.refusal(stranger).code, 'provider_unknown')
  })

  it('has a reputation within bounds that makes its asks look dearer', () => {
    check.equal(effectivePrice(3n, 1_000_000), 3n)
    check.equal(effectivePrice(3n, 500_000), 6n)
    check.equal(effectivePrice(1n, 999_999), 2n)
    check.equal(reputationAfter(510_000, 'rejected'), 500_000)
    check.equal(reputationAfter(999_000, 'settled'), 1_000_000)
  })
})

describe('an ask', () => {
  it('is refused with empty terms, past expiry, in another lane, or as one too many', () => {
    const world = marketOf()
    const post =
      (terms: Parameters<typeof askPayload>[0], who = PROVIDER_A) =>
      (x: Execution) =>
        applyPostAsk(x, who, world.serial(), askPayload(terms))
    check.equal(world.refusal(post({ maxUnits: 0n })).code, 'ask_terms_empty')
    check.equal(world.refusal(post({ unitsPerBlock: 0n })).code, 'ask_terms_empty')
    check.equal(world.refusal(post({ maxOpenJobs: 0 })).code, 'ask_terms_empty')
    check.equal(world.refusal(post({ lane: 2 })).code, 'lane_unknown')
    check.equal(world.refusal(post({ expiryHeight: 1n })).code, 'ask_expired')
    check.equal(world.refusal(post({}, PROVIDER_B)).code, 'provider_unknown')
    for (let count = 1; count < 16; count++) world.block(post({}))
    check.equal(world.refusal(post({})).code, 'asks_too_many')
  })

  it('is cancelled by its owner once; jobs it has matched go on', () => {
    const world = new World()
    availableProgram(world)
    registerProvider(world, PROVIDER_A)
    const ask = postAsk(world, PROVIDER_A)
    const job = readyJob(world)
    const cancel = (who: string) => (x: Execution) => applyCancelAsk(x, who, { ask: fromHex(ask) })
    check.equal(world.refusal(cancel(PROVIDER_B)).code, 'ask_unknown')
    world.block(cancel(PROVIDER_A))
    check.equal(world.refusal(cancel(PROVIDER_A)).code, 'ask_closed')
    anchor(world, job)
    check.equal(world.attemptState(job, 1), 'anchored')
    check.equal(askOf(world.state, ask)?.openJobs, 0)
    world.skip(Number(world.params.evidence_age))
    check.equal(askOf(world.state, ask), undefined)
  })
})

describe('an attestation batch', () => {
  const batch = (height: bigint, object: string, statement = 0, validator = ALICE) => ({
    validator: fromHex(validator),
    height,
    items: [{ object: fromHex(object), statement, micros: 0 }],
  })

  it('is one per validator and height, near the present, and not empty', () => {
    const world = new World()
    const program = registerProgram(world)
    const act = (given: ReturnType<typeof batch>) => (x: Execution) =>
      applyAttestationBatch(x, '', given)
    const future = act(batch(world.height + 1n, program))
    check.equal(world.refusal(future).code, 'attestation_height')
    const empty = act({ ...batch(world.height, program), items: [] })
    check.equal(world.refusal(empty).code, 'attestation_empty')
    const early = act(batch(world.height - 1n, program))
    check.equal(world.refusal(early).code, 'attestation_outside_window')
    const good = batch(world.height, program)
    world.block(act(good))
    check.equal(world.refusal(act(good)).code, 'attestation_batch_repeated')
    world.skip(70)
    check.equal(world.refusal(act(good)).code, 'attestation_height')
  })

  it('is refused as a whole for an item that is unknown, foreign, repeated or ill-fitting', () => {
    const world = new World()
    const program = registerProgram(world)
    const refusal = (given: ReturnType<typeof batch>): string =>
      world.refusal((x) => applyAttestationBatch(x, '', given)).code
    check.equal(refusal(batch(world.height, world.serial())), 'attestation_object_closed')
    check.equal(refusal(batch(world.height, program, 1)), 'attestation_statement_wrong')
    check.equal(refusal(batch(world.height, program, 9)), 'attestation_statement_wrong')
    check.equal(refusal(batch(world.height, program, 0, PROVIDER_A)), 'attestation_foreign')
    const { items, ...rest } = batch(world.height, program)
    const slow = items.map((item) => ({ ...item, micros: 5 }))
    check.equal(refusal({ ...rest, items: slow }), 'attestation_micros')
    check.equal(refusal({ ...rest, items: [...items, ...items] }), 'attestation_repeated')
    check.equal(windowOf(world.state, program)?.items.length, 0)
  })

  it('counts up to the last height of the window, and silence is a missed duty', () => {
    const world = new World()
    const program = registerProgram(world)
    const { availability_window_blocks: blocks } = world.params
    const close = world.height + blocks
    world.until(close - 1n)
    world.block((x) => attest(x, program, 'available', VALIDATORS.slice(0, 3)))
    check.equal(programOf(world.state, program)?.state, 'available')
    check.deepEqual(
      world.events('duty-missed').map(({ actor }) => actor),
      VALIDATORS.slice(3),
    )
    const act = (x: Execution): void => attest(x, program, 'available', VALIDATORS.slice(3))
    check.equal(world.refusal(act).code, 'attestation_object_closed')
  })

  it('is still taken about an attempt that has been decided meanwhile', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    world.block((x) => attest(x, receiptId, 'valid', VALIDATORS.slice(0, 3)))
    check.equal(world.attemptState(job, 1), 'verified')
    world.block((x) => attest(x, receiptId, 'valid', VALIDATORS.slice(3)))
    world.skip(20)
    const paid = world.events('fee-paid').filter(({ reason }) => reason === 'verification')
    check.equal(paid.length, 4)
  })
})

describe('duties', () => {
  it('are owed until they are in the chain, to each validator by itself', () => {
    const world = new World()
    const program = registerProgram(world)
    check.equal(windowsOpen(world.state, world.height), true)
    const [duty] = pendingAvailability(world.state, world.height, ALICE)
    check.equal(duty?.object, program)
    check.equal(duty?.kind, 'program')
    check.equal(duty?.blobs.length, SMALL.program.weights.length)
    world.block((x) => attest(x, program, 'available', [ALICE]))
    check.deepEqual(pendingAvailability(world.state, world.height, ALICE), [])
    check.equal(pendingAvailability(world.state, world.height, VALIDATORS[1] as string).length, 1)
    check.deepEqual(pendingAvailability(world.state, world.height, PROVIDER_A), [])
  })

  it('name what a provider must run and what a validator must judge', () => {
    const world = marketOf()
    const job = readyJob(world)
    const [mine] = matchedAttempts(world.state, PROVIDER_A)
    check.equal(mine?.job, job)
    check.equal(mine?.attempt, 1)
    check.deepEqual(matchedAttempts(world.state, PROVIDER_B), [])
    const claim = claimOf(world, job)
    check.equal(mine?.units, claim.receipt.units)
    check.equal(mine?.payment, claim.receipt.payment)
    world.block((x) => applyReceipt(x, claim.receiptId, claim.receipt))
    check.deepEqual(matchedAttempts(world.state, PROVIDER_A), [])
    const [verdict] = pendingVerdicts(world.state, world.height, ALICE)
    check.equal(verdict?.receiptId, claim.receiptId)
    check.equal(verdict?.verification, 'fold')
    check.equal(verdict?.program.id, toHex(SMALL.digest))
    check.equal(verdict?.inputs.length, 1)
    world.block((x) => attest(x, claim.receiptId, 'valid'))
    check.deepEqual(pendingVerdicts(world.state, world.height, ALICE), [])
    check.equal(windowsOpen(world.state, world.height), true)
    world.skip(20)
    check.equal(windowsOpen(world.state, world.height), false)
  })

  it('end with the job: nobody holds inputs of what was cancelled or has expired', () => {
    const world = marketOf()
    offerJob(world, { ttl: 3n })
    check.equal(pendingAvailability(world.state, world.height, ALICE).length, 1)
    world.skip(4)
    check.deepEqual(pendingAvailability(world.state, world.height, ALICE), [])
    check.equal(windowsOpen(world.state, world.height), false)
  })
})

describe('an explanation', () => {
  it('tells of every kind of object, and nothing of an unknown one', () => {
    const world = marketOf()
    const job = readyJob(world)
    const claim = anchor(world, job)
    world.block((x) => attest(x, claim.receiptId, 'valid'))
    world.skip(20)
    const told = explain(world.state, job)
    check.equal(told?.state, 'settled')
    check.equal(told?.reason, 'completed')
    check.deepEqual(
      told?.history.map(({ what }) => what),
      [
        'offered',
        'attempt 1 matched',
        'attempt 1 anchored',
        'attempt 1 verified',
        'attempt 1 settled',
        'settled',
      ],
    )
    check.equal(explain(world.state, claim.receiptId)?.kind, 'receipt')
    check.equal(explain(world.state, claim.receiptId)?.facts['validPower'], 40n)
    check.equal(explain(world.state, toHex(SMALL.digest))?.kind, 'program')
    check.equal(explain(world.state, PROVIDER_A)?.kind, 'provider')
    check.equal(explain(world.state, ALICE)?.kind, 'validator')
    const ask = world.events('ask-posted')[0]?.subject ?? ''
    check.equal(explain(world.state, ask)?.kind, 'ask')
    check.equal(explain(world.state, world.serial()), undefined)
  })
})

describe('a proof announcement', () => {
  it('is for succinct receipts only', () => {
    const world = marketOf()
    const job = readyJob(world)
    const announce = (receipt: string) => (x: Execution) =>
      applyProofAnnounce(x, '', {
        receipt: fromHex(receipt),
        provider: fromHex(PROVIDER_A),
        proofDigest: KERNELS,
        bytes: 1n,
      })
    check.equal(world.refusal(announce(world.serial())).code, 'receipt_unknown')
    const { receiptId } = anchor(world, job)
    check.equal(world.refusal(announce(receiptId)).code, 'proof_unexpected')
  })
})
