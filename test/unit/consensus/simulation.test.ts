/** Consensus machines over a bad network, with crashes, observers and twins, seed by seed. */

import { strict as check } from 'node:assert'

import { toHex } from '../../../src/base/bytes.ts'
import { offenders } from '../../../src/consensus/misbehavior.ts'
import { random, World } from './world.ts'

const SEEDS = Number(process.env['TB_TEST_SEEDS'] ?? 40)

function agree(world: World, honest: readonly number[], seed: number): void {
  for (let at = 0; ; at++) {
    const values = new Set(
      honest.map((id) => world.nodes[id]?.chain[at]?.value).filter((value) => value !== undefined),
    )
    if (values.size === 0) return
    check.equal(values.size, 1, `seed ${seed}: two blocks at height ${at + 1}`)
  }
}

function honestWorld(seed: number): World {
  const draw = random(seed ^ 0x5eed)
  const count = 4 + (seed % 4)
  const powers = Array.from({ length: count }, () =>
    seed % 3 === 0 ? 1 : 1 + Math.floor(draw() * 3),
  )
  return new World({
    seed,
    powers,
    nodes: [...powers.keys(), undefined],
    calmAtMs: 8_000,
    lossPercent: 5 + Math.floor(draw() * 35),
    crashes: true,
    targetHeight: 12n,
    endAtMs: 90_000,
  })
}

describe('Consensus machines in a bad world', function () {
  this.timeout(120_000)

  it('agree, never sign twice, accuse nobody and finish once the network is good', () => {
    let crashes = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = honestWorld(seed)
      const finished = world.run()
      agree(world, [...world.nodes.keys()], seed)
      for (const [position, digests] of world.published) {
        check.equal(digests.size, 1, `seed ${seed}: ${position} was signed twice`)
      }
      check.deepEqual(world.evidence, [], `seed ${seed}: an honest validator is accused`)
      check.ok(
        finished,
        `seed ${seed}: heights ${world.nodes.map((n) => n.chain.length).join(' ')}`,
      )
      crashes += world.crashCount
    }
    check.ok(crashes > SEEDS, 'the world did crash nodes')
  })

  it('do the same twice from the same seed', () => {
    for (const seed of [3, 4, 5, 6]) {
      const [one, other] = [honestWorld(seed), honestWorld(seed)]
      one.run()
      other.run()
      check.equal(toHex(one.traceHash), toHex(other.traceHash), `seed ${seed}`)
    }
  })

  it('agree though one of four runs twice with one key, and accuse nobody else', () => {
    let caught = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World({
        seed,
        powers: [1, 1, 1, 1],
        nodes: [0, 1, 2, 3, 3],
        calmAtMs: 6_000,
        lossPercent: 20,
        crashes: false,
        targetHeight: 8n,
        endAtMs: 90_000,
      })
      const finished = world.run()
      agree(world, [0, 1, 2], seed)
      for (const evidence of world.evidence) {
        check.deepEqual(offenders(evidence), [3], `seed ${seed}`)
      }
      if (world.evidence.length > 0) caught += 1
      check.ok(
        finished,
        `seed ${seed}: heights ${world.nodes.map((n) => n.chain.length).join(' ')}`,
      )
    }
    check.ok(caught > 0, 'some run of twins is caught')
  })
})
