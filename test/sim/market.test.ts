/** The loop in a calm world: offered, matched, run, verified, settled; and a cheat slashed. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { jobOf, JOB } from '../../src/ledger/market-records.ts'
import { audit } from '../../src/ledger/supply.ts'
import type { LedgerEvent } from '../../src/ledger/types/event.ts'
import type { Cluster } from '../../src/sim/cluster.ts'
import { CALM, cluster, idOf, Market, validators } from './support.ts'

function events(chain: Cluster, node: string): LedgerEvent[] {
  return chain.facts.flatMap(({ node: who, fact }) =>
    who === node && fact.kind === 'block-committed' ? fact.events : [],
  )
}

function story(chain: Cluster): string {
  return events(chain, 'v0')
    .filter(({ kind }) => kind !== 'fee-burned')
    .map((event) => `${event.kind} ${event.subject.slice(0, 8)} ${event.actor.slice(0, 8)} ${event.value} ${event.count} ${event.reason}`)
    .join('\n')
}

describe('the market in a calm world', () => {
  it('settles an honest job and slashes a falsified one', () => {
    const chain = cluster(
      11,
      CALM,
      [
        ...validators(4),
        { name: 'honest', role: 'provider' },
        {
          name: 'cheat',
          role: 'provider',
          tamper: (_program, outputs) => {
            const bytes = outputs[1]
            if (bytes !== undefined) bytes[0] = (bytes[0] ?? 0) ^ 1
          },
        },
      ],
      ['alice'],
    )
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 6, 100_000)
    const market = new Market(chain)
    market.registerProgram('alice')
    market.registerProvider('honest', 20_000n)
    market.registerProvider('cheat', 10_000n)
    const state = () => chain.node('v0').ledger.state
    const ready = chain.runUntil(
      () => events(chain, 'v0').some(({ kind }) => kind === 'program-available'),
      400_000,
    )
    if (!ready) console.log(story(chain))
    check.ok(ready, 'the program becomes available')
    const job = market.offer('alice', 0)
    const settled = chain.runUntil(() => jobOf(state(), job)?.state === JOB.settled, 2_000_000)
    if (!settled || process.env['STORY']) console.log(story(chain), chain.world.nowMs, chain.node('v0').ledger.head.height, chain.facts.filter(({fact}) => ['alarm','object-dropped','verdict-given','job-run','block-refused'].includes(fact.kind)).slice(-20).map(x => JSON.stringify(x, (_, v) => typeof v === 'bigint' ? String(v) : v)).join('\n'))
    check.ok(settled, 'the job settles')
    const slash = events(chain, 'v0').filter(({ kind }) => kind === 'provider-slashed')
    check.deepEqual(slash.map(({ actor }) => actor), [idOf('cheat')])
    chain.runUntil(() => new Set(chain.nodes.map(({ ledger }) => ledger.head.height)).size === 1, 100_000)
    check.equal(new Set(chain.nodes.map(({ ledger }) => toHex(ledger.head.stateRoot))).size, 1)
    for (const { ledger } of chain.nodes) check.ok(audit(ledger.state).conserved)
  })
})
