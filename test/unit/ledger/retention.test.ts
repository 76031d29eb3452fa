/** Validator sets outlive a shortening of the windows for as long as something is judged by them. */

import { strict as check } from 'node:assert'

import { withParams } from '../../../src/governance/params.ts'
import type { Execution } from '../../../src/ledger/execution.ts'
import { WINDOWS } from '../../../src/ledger/market-records.ts'
import { oldestJudgedHeight } from '../../../src/ledger/retention.ts'
import { View } from '../../../src/ledger/state.ts'
import {
  keptValidatorsAt,
  slashValidator,
  tombstone,
  updateValidators,
} from '../../../src/ledger/validators.ts'
import { ALICE, VALIDATORS, World } from '../governance/world.ts'

const NONE = new Uint8Array(32)

/** Blocks in which only validators move; `short` are the windows of a chain that shortened them. */
function run(world: World, act: (execution: Execution) => void = () => undefined): void {
  const view = new View(world.state)
  const params = withParams(world.params, {
    evidence_age: 16n,
    verdict_window_blocks: 8n,
    challenge_blocks: 8n,
    proof_window_blocks: 8n,
    availability_window_blocks: 8n,
    validator_min_bond: 1_000_000_000n,
  })
  const height = world.height + 1n
  const execution: Execution = {
    view,
    events: [],
    block: {
      genesisHash: NONE,
      height,
      timeMs: 0n,
      proposer: ALICE,
      beacon: NONE,
      params,
      checked: () => true,
    },
  }
  act(execution)
  updateValidators(execution)
  view.fold()
  world.height = height
}

/** A set for the first heights, another from a few heights on. */
function withTwoSets(): World {
  const world = new World({}, [4n, 4n, 4n, 1n])
  run(world)
  run(world, (execution) => {
    slashValidator(execution, VALIDATORS[3] as string, 1_000_000n, 'duplicate_vote')
    tombstone(execution, VALIDATORS[3] as string)
  })
  return world
}

function openWindow(world: World, openHeight: bigint): void {
  const view = new View(world.state)
  view.put(WINDOWS, VALIDATORS[0] as string, {
    kind: 2,
    job: NONE,
    attempt: 1,
    openHeight,
    closeHeight: 200n,
    total: 13n,
    decided: false,
    items: [],
  })
  view.fold()
}

describe('validator sets', () => {
  it('are dropped once they are older than every window', () => {
    const world = withTwoSets()
    for (let block = 0; block < 30; block++) run(world)
    check.equal(keptValidatorsAt(world.state, 2n), undefined)
    check.equal(keptValidatorsAt(world.state, world.height)?.length, 3)
  })

  it('are kept for a window that opened before the windows were shortened', () => {
    const world = withTwoSets()
    openWindow(world, 2n)
    check.equal(oldestJudgedHeight(world.state, world.height), 2n)
    for (let block = 0; block < 30; block++) run(world)
    check.equal(keptValidatorsAt(world.state, 2n)?.length, 4)
    const view = new View(world.state)
    view.remove(WINDOWS, VALIDATORS[0] as string)
    view.fold()
    run(world)
    check.equal(keptValidatorsAt(world.state, 2n), undefined)
  })
})
