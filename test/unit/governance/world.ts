/** A ledger on which only governance moves: accounts, validators, proposals, one block at a time. */

import { strict as check } from 'node:assert'

import { fromHex, toHex, utf8 } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/base/hash.ts'
import { attempt, type Refusal } from '../../../src/base/refusal.ts'
import {
  checkBounds,
  checkInvariants,
  defaultParams,
  type Params,
  withParams,
} from '../../../src/governance/params.ts'
import { account, endow, pot } from '../../../src/ledger/accounts.ts'
import type { Execution } from '../../../src/ledger/execution.ts'
import { activeParams, enactParams } from '../../../src/ledger/parameters.ts'
import {
  type applyDeposit,
  applyPropose,
  applyVote,
  governAtEnd,
} from '../../../src/ledger/proposals.ts'
import { OPEN_PROPOSALS_MAX, openProposals } from '../../../src/ledger/proposals-records.ts'
import { State, View } from '../../../src/ledger/state.ts'
import { audit, installSupply } from '../../../src/ledger/supply.ts'
import type { LedgerEvent } from '../../../src/ledger/types/event.ts'
import { installValidators, newValidatorRecord } from '../../../src/ledger/validators.ts'

export const BLOCK = 1_000_000_000n
export const DEPOSIT: bigint = 10n * BLOCK

export const SHORT: Partial<Params> = {
  verdict_window_blocks: 20n,
  challenge_blocks: 20n,
  proof_window_blocks: 20n,
  availability_window_blocks: 20n,
  evidence_age: 60n,
  unbonding_blocks: 60n,
  gov_deposit: DEPOSIT,
  gov_deposit_blocks: 6n,
  gov_voting_blocks: 8n,
  gov_timelock_blocks: 2n,
  gov_shadow_blocks: 3n,
  gov_watch_blocks: 4n,
  epoch_blocks: 10n,
}

export function id(prefix: string, number: number): string {
  return prefix + number.toString(16).padStart(62, '0')
}

export const ALICE: string = id('aa', 1)
export const BOB: string = id('aa', 2)
export const VALIDATORS: readonly string[] = [1, 2, 3, 4].map((number) => id('ff', number))
const NONE = new Uint8Array(32)

export type Items = Readonly<Record<string, bigint>>

export class World {
  readonly state = new State()
  readonly story: LedgerEvent[] = []
  height = 0n
  #serial = 0

  constructor(changes: Partial<Params> = {}, powers: readonly bigint[] = [1n, 1n, 1n, 1n]) {
    const view = new View(this.state)
    enactParams(view, withParams(defaultParams(), { ...SHORT, ...changes }), 0n)
    const holders = [ALICE, BOB, ...VALIDATORS]
    for (const holder of holders) endow(view, account(holder), 10_000n * BLOCK)
    const validators = powers.map((power, index) => {
      endow(view, pot('bonds'), power * BLOCK)
      const key = fromHex(id('ee', index + 1))
      return {
        id: VALIDATORS[index] as string,
        record: newValidatorRecord(key, key, power * BLOCK),
      }
    })
    installValidators(view, validators)
    const bonded = powers.reduce((sum, power) => sum + power * BLOCK, 0n)
    installSupply(view, BigInt(holders.length) * 10_000n * BLOCK + bonded)
    view.fold()
  }

  get params(): Params {
    return activeParams(this.state).params
  }

  /** Runs one block and audits what stands after it; a refusal throws it away whole. */
  block(act: (execution: Execution) => void = () => undefined): LedgerEvent[] {
    const view = new View(this.state)
    const height = this.height + 1n
    const execution: Execution = {
      view,
      events: [],
      block: {
        genesisHash: NONE,
        height,
        timeMs: 0n,
        proposer: ALICE,
        beacon: NONE,
        params: this.params,
        checked: () => true,
      },
    }
    act(execution)
    governAtEnd(execution)
    view.changes()
    view.fold()
    this.height = height
    this.story.push(...execution.events)
    check.ok(audit(this.state).conserved, `the books balance at height ${height}`)
    check.equal(checkBounds(this.params), undefined)
    check.equal(checkInvariants(this.params, VALIDATORS.length), undefined)
    check.ok(openProposals(this.state).length <= OPEN_PROPOSALS_MAX)
    return execution.events
  }

  refusal(act: (execution: Execution) => void): Refusal {
    const outcome = attempt(() => this.block(act))
    check.ok('refused' in outcome, 'the act is refused')
    return outcome.refused
  }

  skip(blocks: number): void {
    for (let left = blocks; left > 0; left--) this.block()
  }

  nextId(): string {
    this.#serial += 1
    return toHex(sha256(utf8(`proposal ${this.#serial}`)))
  }

  /** Proposes in a block of its own. @returns the proposal's id. */
  propose(items: Items, deposit: bigint = DEPOSIT, sender: string = ALICE): string {
    const proposal = this.nextId()
    this.block((execution) => applyPropose(execution, sender, proposal, change(items, deposit)))
    return proposal
  }

  rollback(target: string): string {
    const proposal = this.nextId()
    this.block((execution) => applyPropose(execution, ALICE, proposal, undo(target)))
    return proposal
  }

  vote(proposal: string, option: number, voters: readonly string[] = VALIDATORS): void {
    this.block((execution) => {
      for (const voter of voters) applyVote(execution, voter, '', ballot(proposal, option))
    })
  }

  /** Proposes, lets everyone vote yes, and waits until it is applied. */
  pass(items: Items): string {
    const proposal = this.propose(items)
    this.vote(proposal, YES)
    this.skip(5)
    return proposal
  }
}

export const YES = 1
export const NO = 2
export const ABSTAIN = 3
export const VETO = 4

export function change(items: Items, deposit: bigint): Parameters<typeof applyPropose>[3] {
  const listed = Object.entries(items).map(([key, value]) => ({ key: utf8(key), value }))
  return { kind: 1, rollback: NONE, title: utf8('a change'), deposit, items: listed }
}

export function undo(target: string): Parameters<typeof applyPropose>[3] {
  const title = utf8('undo')
  return { kind: 2, rollback: fromHex(target), title, deposit: DEPOSIT, items: [] }
}

export function ballot(proposal: string, option: number): Parameters<typeof applyVote>[3] {
  return { proposal: fromHex(proposal), option }
}

export function more(proposal: string, value: bigint): Parameters<typeof applyDeposit>[3] {
  return { proposal: fromHex(proposal), value }
}
