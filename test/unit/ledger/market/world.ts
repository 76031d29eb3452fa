/**
 * A ledger without a chain: blocks of market objects run on real accounts, validators and
 * parameters, and after each of them the books are audited from the records.
 */

import { strict as check } from 'node:assert'

import { fromHex, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { encode } from '../../../../src/base/codec.ts'
import { blake3, sha256 } from '../../../../src/base/hash.ts'
import { attempt as attempting, type Refusal } from '../../../../src/base/refusal.ts'
import { defaultParams, type Params, withParams } from '../../../../src/governance/params.ts'
import { account, balanceOf, endow, pot } from '../../../../src/ledger/accounts.ts'
import { applyPostAsk } from '../../../../src/ledger/asks.ts'
import { applyAttestationBatch } from '../../../../src/ledger/attestations.ts'
import { expireAtEnd } from '../../../../src/ledger/deadlines.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { applyOffer, jobState } from '../../../../src/ledger/jobs.ts'
import {
  ATTEMPT,
  attemptOf,
  JOBS,
  jobOf,
  OPEN_ATTEMPTS,
  OPEN_JOBS,
  PROVIDERS,
  reasonText,
  registerKernelDigest,
  requireAttempt,
  requireJob,
  stateName,
  totalsOf,
  WINDOWS,
} from '../../../../src/ledger/market-records.ts'
import { matchAtEnd } from '../../../../src/ledger/matcher.ts'
import { enactParams } from '../../../../src/ledger/parameters.ts'
import { applyRegisterProgram } from '../../../../src/ledger/programs.ts'
import { applyRegisterProvider } from '../../../../src/ledger/providers.ts'
import { applyReceipt } from '../../../../src/ledger/receipts.ts'
import { settleAtEnd } from '../../../../src/ledger/settlement.ts'
import { State, View } from '../../../../src/ledger/state.ts'
import { audit, installSupply } from '../../../../src/ledger/supply.ts'
import { STATEMENTS, type Statement } from '../../../../src/ledger/types/attestation.ts'
import type { EventKind, LedgerEvent } from '../../../../src/ledger/types/event.ts'
import { receiptDigest } from '../../../../src/ledger/types/evidence-payload.ts'
import {
  JobDescriptorCodec,
  type Offer,
  OfferCodec,
  type Receipt,
  VERIFICATIONS,
  type Verification,
} from '../../../../src/ledger/types/market.ts'
import type { ActionPayload } from '../../../../src/ledger/types/transaction.ts'
import {
  installValidators,
  newValidatorRecord,
  releaseBonds,
} from '../../../../src/ledger/validators.ts'
import type { NamedProgram } from '../../../../src/program/builder.ts'
import type { TraceData } from '../../../../src/program/fraud.ts'
import { tensorBytes } from '../../../../src/program/shape.ts'
import { honestRun, int8Sample, publish, type Run } from '../../program/samples.ts'

export const BLOCK = 1_000_000_000n
export const GENESIS_HASH: Uint8Array = sha256(utf8('market tests'))
export const KERNELS: Uint8Array = sha256(utf8('kernels'))

/** Windows short enough to walk through. */
export const SHORT: Partial<Params> = {
  max_offer_ttl: 60n,
  starvation_blocks: 6n,
  match_per_block: 8n,
  verdict_window_blocks: 12n,
  challenge_blocks: 16n,
  proof_window_blocks: 8n,
  availability_window_blocks: 10n,
  evidence_age: 80n,
  unbonding_blocks: 80n,
  suspension_blocks: 20n,
  provider_min_bond: 10n * BLOCK,
  evidence_bond: BLOCK,
  downtime_window: 600n,
}

/** A hex account id that a reader recognises: `id('aa', 1)`. */
export function id(prefix: string, number: number): string {
  return prefix + number.toString(16).padStart(62, '0')
}

export const VALIDATORS: readonly string[] = [1, 2, 3, 4].map((number) => id('ff', number))
export const BUYER: string = id('bb', 1)
export const OWNER: string = id('cc', 1)
export const PROVIDER_A: string = id('aa', 1)
export const PROVIDER_B: string = id('aa', 2)
export const PROVIDER_C: string = id('aa', 3)
export const REPORTER: string = id('dd', 1)

/** One small integer network for all tests. */
export const SMALL: NamedProgram = int8Sample(2, [8, 5, 3])
export const SMALL_RUN: Run = honestRun(SMALL, 7)

export interface OfferTerms {
  readonly ceiling?: bigint
  readonly verification?: Verification
  readonly deadlineBlocks?: number
  readonly ttl?: bigint
  readonly capabilities?: readonly string[]
  readonly lane?: number
  readonly buyer?: string
}

export type AskTerms = Partial<ActionPayload<'post-ask'>>

export class World {
  readonly state = new State()
  height = 0n
  /** Sees the state as the matcher finds it. */
  beforeMatch: (execution: Execution) => void = () => undefined
  /** Events of all blocks. */
  readonly story: LedgerEvent[] = []
  /** In force in the next block. */
  params: Params
  #serial = 0

  constructor(changes: Partial<Params> = {}, powers: readonly bigint[] = [10n, 10n, 10n, 10n]) {
    this.params = withParams(defaultParams(), { ...SHORT, ...changes })
    const view = new View(this.state)
    enactParams(view, this.params, 0n)
    let total = 0n
    const give = (holder: string, value: bigint): void => {
      endow(view, account(holder), value)
      total += value
    }
    for (const holder of [BUYER, OWNER, PROVIDER_A, PROVIDER_B, PROVIDER_C, REPORTER]) {
      give(holder, 100_000n * BLOCK)
    }
    for (let number = 2; number < 9; number++) give(id('bb', number), 1_000n * BLOCK)
    for (let number = 4; number < 12; number++) give(id('aa', number), 1_000n * BLOCK)
    const validators = powers.map((power, index) => {
      const bond = power * BLOCK
      endow(view, pot('bonds'), bond)
      total += bond
      const validator = VALIDATORS[index] as string
      const key = fromHex(id('ee', index + 1))
      return { id: validator, record: newValidatorRecord(key, key, bond) }
    })
    installValidators(view, validators)
    registerKernelDigest(view, KERNELS, 0n)
    installSupply(view, total)
    view.fold()
  }

  serial(): string {
    this.#serial += 1
    return toHex(sha256(utf8(`object ${this.#serial}`)))
  }

  /** Runs one block; a refusal throws it away whole. @returns its events. */
  block(act: (execution: Execution) => void = () => undefined): LedgerEvent[] {
    const view = new View(this.state)
    const execution: Execution = {
      view,
      events: [],
      block: {
        genesisHash: GENESIS_HASH,
        height: this.height + 1n,
        timeMs: 0n,
        proposer: VALIDATORS[0] as string,
        beacon: sha256(utf8(`beacon ${this.height + 1n}`)),
        params: this.params,
        checked: () => true,
      },
    }
    act(execution)
    expireAtEnd(execution)
    settleAtEnd(execution)
    this.beforeMatch(execution)
    matchAtEnd(execution)
    releaseBonds(execution)
    view.changes()
    view.fold()
    this.height += 1n
    this.story.push(...execution.events)
    this.#audit()
    return execution.events
  }

  /** The refusal with which a block of this one act is thrown away. */
  refusal(act: (execution: Execution) => void): Refusal {
    const outcome = attempting(() => this.block(act))
    check.ok('refused' in outcome, 'the act is refused')
    return outcome.refused
  }

  until(height: bigint): void {
    while (this.height < height) this.block()
  }

  skip(blocks: number): void {
    for (let left = blocks; left > 0; left--) this.block()
  }

  balance(holder: string): bigint {
    return balanceOf(this.state, holder)
  }

  events(kind: EventKind): LedgerEvent[] {
    return this.story.filter((event) => event.kind === kind)
  }

  sum(kind: EventKind): bigint {
    return this.events(kind).reduce((total, { value }) => total + value, 0n)
  }

  jobStateOf(job: string): string {
    return jobState(requireJob(this.state, job))
  }

  jobReason(job: string): string {
    return reasonText(requireJob(this.state, job).reason)
  }

  attemptState(job: string, attempt: number): string {
    return stateName(ATTEMPT, requireAttempt(this.state, job, attempt).state)
  }

  attemptReason(job: string, attempt: number): string {
    return reasonText(requireAttempt(this.state, job, attempt).reason)
  }

  /** What must hold after every block, whatever happened in it. */
  #audit(): void {
    const books = audit(this.state)
    check.ok(books.conserved, `the books balance at height ${this.height}`)
    const open = this.state.entries(JOBS).filter(([, job]) => job.state <= 1)
    const totals = totalsOf(this.state)
    check.equal(totals.openJobs, open.length)
    const windows = this.state
      .entries(WINDOWS)
      .filter(([, window]) => window.kind !== 2 && !window.decided)
    check.equal(totals.pendingWindows, windows.length)
    const working = open.filter(([job, record]) => {
      const current = attemptOf(this.state, job, record.attempt)
      return record.state === 1 && current !== undefined && current.state <= ATTEMPT.anchored
    })
    const units = working.reduce((sum, [, job]) => sum + job.verifyUnits, 0n)
    check.equal(totals.verifyUnits, units)
    const queued = open.filter(([, job]) => job.state === 0 && job.inputsReady)
    check.equal(this.state.entries(OPEN_JOBS).length, queued.length)
    this.#auditCollateral()
  }

  #auditCollateral(): void {
    const locked = new Map<string, bigint>()
    for (const [key, { attempt }] of this.state.entries(OPEN_ATTEMPTS)) {
      const [provider, job] = key.split('/') as [string, string]
      const { collateral } = requireAttempt(this.state, job, attempt)
      locked.set(provider, (locked.get(provider) ?? 0n) + collateral)
    }
    for (const [provider, record] of this.state.entries(PROVIDERS)) {
      check.equal(record.locked, locked.get(provider) ?? 0n)
    }
  }
}

export function registerProgram(world: World, named: NamedProgram = SMALL): string {
  world.block((execution) => applyRegisterProgram(execution, OWNER, programPayload(named)))
  return toHex(named.digest)
}

export function programPayload(named: NamedProgram): ActionPayload<'register-program'> {
  return {
    ir: named.bytes,
    name: utf8('small'),
    weights: named.program.weights.map(({ type, digest }) => ({
      digest,
      length: BigInt(tensorBytes(type)),
      dtype: type.dtype,
    })),
  }
}

/** Each named validator says the same of one object or several, in one block. */
export function attest(
  execution: Execution,
  objects: string | readonly string[],
  statement: Statement,
  who: readonly string[] = VALIDATORS,
  micros = statement === 'valid' || statement === 'invalid' ? 40_000 : 0,
): void {
  for (const validator of who) {
    applyAttestationBatch(execution, '', {
      validator: fromHex(validator),
      height: execution.block.height - 1n,
      items: [objects].flat().map((object) => ({
        object: fromHex(object),
        statement: STATEMENTS.indexOf(statement),
        micros,
      })),
    })
  }
}

export function availableProgram(world: World, named: NamedProgram = SMALL): string {
  const program = registerProgram(world, named)
  world.block((execution) => attest(execution, program, 'available'))
  return program
}

export function registerProvider(world: World, provider: string, bond = 1_000n * BLOCK): void {
  world.block((execution) =>
    applyRegisterProvider(execution, provider, {
      bond,
      fabric: utf8('cpu'),
      kernelDigest: KERNELS,
    }),
  )
}

export function askPayload(terms: AskTerms = {}): ActionPayload<'post-ask'> {
  return {
    lane: 0,
    unitPrice: 1_000n,
    blocksBase: 1,
    unitsPerBlock: 1_000_000n,
    maxUnits: 1_000_000_000n,
    maxOpenJobs: 100,
    expiryHeight: 100_000n,
    capabilities: [],
    ...terms,
  }
}

export function postAsk(world: World, provider: string, terms: AskTerms = {}): string {
  const ask = world.serial()
  world.block((execution) => applyPostAsk(execution, provider, ask, askPayload(terms)))
  return ask
}

export function provide(world: World, provider: string, terms: AskTerms = {}): string {
  registerProvider(world, provider)
  return postAsk(world, provider, terms)
}

export function makeOffer(world: World, terms: OfferTerms = {}, run: Run = SMALL_RUN): Offer {
  const work = {
    program: run.named.digest,
    inputs: run.inputs.map((bytes) => ({ digest: blake3(bytes), length: BigInt(bytes.length) })),
    lane: terms.lane ?? 0,
    verification: VERIFICATIONS.indexOf(terms.verification ?? 'fold'),
  }
  return {
    ...work,
    buyer: fromHex(terms.buyer ?? BUYER),
    salt: BigInt(`0x${world.serial().slice(0, 15)}`),
    tip: 0n,
    priceCeiling: terms.ceiling ?? BLOCK,
    deadlineBlocks: terms.deadlineBlocks ?? 8,
    capabilities: (terms.capabilities ?? []).map(utf8),
    expiryHeight: world.height + 1n + (terms.ttl ?? 40n),
    descriptorDigest: sha256(encode(JobDescriptorCodec, work)),
  }
}

export function offerId(offer: Offer): string {
  return toHex(sha256(encode(OfferCodec, offer)))
}

/** Offers a job in one block. @returns its id. */
export function offerJob(world: World, terms: OfferTerms = {}, run: Run = SMALL_RUN): string {
  const offer = makeOffer(world, terms, run)
  const job = offerId(offer)
  world.block((execution) => applyOffer(execution, job, offer))
  return job
}

/** Offers a job and has its inputs attested; it is matched at the end of that block if it can be. */
export function readyJob(world: World, terms: OfferTerms = {}, run: Run = SMALL_RUN): string {
  const job = offerJob(world, terms, run)
  world.block((execution) => attest(execution, job, 'available'))
  return job
}

export interface Claim {
  readonly receipt: Receipt
  readonly receiptId: string
  readonly data: TraceData
}

/** The receipt of the current attempt, honest unless other op outputs are given. */
export function claimOf(
  world: World,
  job: string,
  outputs?: readonly Uint8Array[],
  run: Run = SMALL_RUN,
): Claim {
  const record = jobOf(world.state, job)
  check.ok(record !== undefined)
  const attempt = requireAttempt(world.state, job, record.attempt)
  const { offer } = record
  const { statement, data } = publish(run, outputs ?? run.outputs)
  const receipt: Receipt = {
    job: fromHex(job),
    attempt: record.attempt,
    provider: attempt.provider,
    fabric: utf8('cpu'),
    program: offer.program,
    inputs: offer.inputs,
    outputDigest: statement.outputDigest,
    traceRoot: statement.traceRoot,
    proofKind: offer.verification,
    proofDigest: sha256(statement.traceRoot),
    proofBytes: 32n * BigInt(run.named.program.ops.length),
    units: attempt.units,
    payment: attempt.price,
    kernelDigest: KERNELS,
    descriptorDigest: offer.descriptorDigest,
    benchmarkCommit: new Uint8Array(0),
    tensorProfile: null,
    gradientDigests: [],
  }
  return { receipt, receiptId: toHex(receiptDigest(GENESIS_HASH, receipt)), data }
}

/** Anchors the receipt of the current attempt. */
export function anchor(world: World, job: string, outputs?: readonly Uint8Array[]): Claim {
  const claim = claimOf(world, job, outputs)
  world.block((execution) => applyReceipt(execution, claim.receiptId, claim.receipt))
  return claim
}

/** One bit of one element of an op output falsified, and the rest left as it was. */
export function falsified(run: Run = SMALL_RUN, opIndex = 0, byte = 0): Uint8Array[] {
  const outputs = run.outputs.map((bytes) => bytes.slice())
  const bytes = outputs[opIndex] as Uint8Array
  bytes[byte] = (bytes[byte] as number) ^ 1
  return outputs
}

/** A program, one provider with one ask, and nothing else yet. */
export function marketOf(changes: Partial<Params> = {}): World {
  const world = new World(changes)
  availableProgram(world)
  provide(world, PROVIDER_A)
  return world
}
