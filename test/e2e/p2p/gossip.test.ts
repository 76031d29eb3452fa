/** Gossip between real nodes: the mesh forms, verdicts rule, sizes hold. */

import { strict as check } from 'node:assert'

import { utf8 } from '../../../src/base/bytes.ts'
import { address, closeAll, meshed, openNode, type TestNode, until } from './net.ts'

async function line(count: number): Promise<readonly TestNode[]> {
  const nodes: TestNode[] = []
  for (let index = 0; index < count; index++) {
    // Nobody looks for more peers than the one before it, so that the line stays a line.
    const node = await openNode({ profile: { peersTarget: 0 } })
    const before = nodes.at(-1)
    if (before !== undefined) await node.net.dial(address(before))
    nodes.push(node)
  }
  return nodes
}

describe('gossip between real nodes', () => {
  afterEach(closeAll)

  it('forms a mesh and delivers a message between two nodes', async () => {
    const [left, right] = await line(2)
    check.ok(left && right)
    await meshed([left, right], 'receipts')
    left.net.publish('receipts', utf8('a receipt'), 'mesh')
    await until('the message arrives', () => right.heard.length === 1)
    check.deepEqual(right.heard[0]?.bytes, utf8('a receipt'))
    check.equal(right.heard[0]?.from, left.net.self)
  })

  it('relays what was accepted and nothing that was ignored or rejected', async () => {
    const [first, middle, last] = await line(3)
    check.ok(first && middle && last)
    await meshed([first, middle, last], 'transactions')
    middle.verdict = ({ bytes }) =>
      bytes[0] === 1 ? 'accept' : bytes[0] === 2 ? 'ignore' : bytes[0] === 3 ? 'reject' : undefined
    for (const kind of [2, 3, 4, 1]) {
      first.net.publish('transactions', Uint8Array.of(kind, 7), 'mesh')
    }
    await until('the accepted one arrives', () => last.heard.length > 0)
    await until('all reach the middle', () => middle.heard.length === 4)
    await new Promise((wake) => setTimeout(wake, 300))
    check.deepEqual(
      last.heard.map(({ bytes }) => bytes[0]),
      [1],
    )
    await until('a rejected message costs its sender', () => {
      const sender = middle.net.peers().find(({ id }) => id === first.net.self)
      return (sender?.gossipScore ?? 0) <= -90
    })
  })

  it('delivers a message of the largest size and refuses a longer one before it is judged', async () => {
    const [left, right] = await line(2)
    check.ok(left && right)
    await meshed([left, right], 'consensus-proposals')
    const whole = new Uint8Array(65 * 1024).fill(5)
    left.net.publish('consensus-proposals', whole, 'flood')
    await until('the whole part arrives', () => right.heard.length === 1)
    check.throws(() => left.net.publish('job-offers', new Uint8Array(8 * 1024 + 1), 'mesh'))
  })

  it('delivers to all of five nodes that know one', async () => {
    const hub = await openNode()
    const others = await Promise.all(
      [1, 2, 3, 4].map(() => openNode({ bootstrap: [address(hub)] })),
    )
    const nodes = [hub, ...others]
    await until('all find all', () =>
      nodes.every(({ net }) => net.peers().filter(({ ready }) => ready).length === 4),
    )
    await meshed(nodes, 'consensus-votes', 4)
    nodes.forEach(({ net }, index) => {
      net.publish('consensus-votes', Uint8Array.of(index), 'mesh')
    })
    await until('each hears the other four', () => nodes.every(({ heard }) => heard.length === 4))
  })
})
