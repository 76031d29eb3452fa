/** Joining: from an invite to a vote or an ask, and everything that must stop it in time. */

import { strict as check } from 'node:assert'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { toHex } from '../../../src/base/bytes.ts'
import { joinWith } from '../../../src/cli/commands/join.ts'
import { priceHint, provideWith } from '../../../src/cli/commands/provider-start.ts'
import type { Context, Input } from '../../../src/cli/context.ts'
import { CliFailure, EXIT, fail } from '../../../src/cli/failure.ts'
import { parseInvite } from '../../../src/cli/invite.ts'
import type { NodeFlags, StartNode } from '../../../src/cli/own-node.ts'
import { writeGenesisFile } from '../../../src/ledger/io/genesis-file.ts'
import { readKeyFile } from '../../../src/runtime/io/key-file.ts'
import { type FakeNode, GENESIS, startFakeNode } from './fake-node.ts'

const BLOCK = 1_000_000_000n

describe('an invite', () => {
  it('is a URL, with the genesis hash it insists on', () => {
    const hash = 'ab'.repeat(32)
    check.deepEqual(parseInvite(`http://127.0.0.1:1/#${hash}`), {
      url: 'http://127.0.0.1:1',
      genesisHash: hash,
    })
    check.equal(parseInvite('https://example.org').genesisHash, undefined)
    for (const bad of ['', 'ftp://x', 'http://', 'http://x#12']) {
      check.throws(() => parseInvite(bad), CliFailure, bad)
    }
  })
})

describe('joining', () => {
  let node: FakeNode
  let dataDir = ''
  let stdout = ''
  let stderr = ''
  let started: NodeFlags[] = []
  let stopped = 0
  beforeEach(async () => {
    node = await startFakeNode()
    dataDir = join(mkdtempSync(join(tmpdir(), 'blocktorch-join-')), 'data')
    stdout = ''
    stderr = ''
    started = []
    stopped = 0
  })
  afterEach(async () => {
    await node.close()
    rmSync(join(dataDir, '..'), { recursive: true, force: true })
  })

  const startNode: StartNode = async (_, flags) => {
    started.push(flags)
    const stop = async (): Promise<void> => {
      stopped++
    }
    return { http: node.url, p2p: [], account: null, stop }
  }
  const context = (): Context => ({
    cwd: '/',
    env: {},
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
    terminal: false,
    signal: new AbortController().signal,
    format: 'json',
    client: () => fail(EXIT.noNode, 'no_node'),
  })
  const input = (more: Input['options'] = {}, hash = ''): Input => ({
    args: [`${node.url}${hash}`],
    options: { data: dataDir, exitAfterVote: true, exitAfterAsk: true, ...more },
  })
  const outcome = async (work: Promise<void>): Promise<string> => {
    try {
      await work
      return 'done'
    } catch (error) {
      if (error instanceof CliFailure) return error.refusal.code
      throw error
    }
  }

  it('leads a validator from nothing to its first vote', async () => {
    node.state.balance = 0n
    node.state.vrfFrom = 60
    check.equal(await outcome(joinWith(startNode, context(), input())), 'done')
    const [flags] = started
    check.equal(flags?.dataDir, dataDir)
    check.equal(flags?.bootstrap, '/ip4/127.0.0.1/tcp/1')
    const answer = JSON.parse(stdout) as Record<string, unknown>
    check.equal(answer['votesFrom'], 60)
    check.equal(Number(answer['votedAt']) >= 60, true)
    for (const name of ['account', 'consensus', 'vrf', 'coins']) {
      check.equal(statSync(join(dataDir, 'keys', `${name}.json`)).mode & 0o777, 0o600)
    }
    const [bond] = node.sent
    if (bond?.kind !== 'transaction' || bond.action.name !== 'bond') return check.fail()
    check.equal(bond.action.payload.value, 1_000n * BLOCK)
    const { publicKey } = readKeyFile(join(dataDir, 'keys', 'consensus.json'))
    check.equal(toHex(bond.action.payload.consensusKey), toHex(publicKey))
    for (const words of ['genesis hash checked', 'Back up', 'funded', 'you vote from block 60']) {
      check.equal(stderr.includes(words), true, words)
    }
    check.equal(stopped, 1)
  })

  it('goes on where it was: keys, genesis and bond are used again', async () => {
    await joinWith(startNode, context(), input())
    const { publicKey } = readKeyFile(join(dataDir, 'keys', 'account.json'))
    writeFileSync(join(dataDir, 'guard.journal'), 'something was signed here')
    stdout = ''
    check.equal(await outcome(joinWith(startNode, context(), input())), 'done')
    check.equal(node.sent.length, 1)
    check.equal((JSON.parse(stdout) as Record<string, unknown>)['account'], toHex(publicKey))
    check.equal(stderr.includes('found and reused'), true)
  })

  it('refuses keys that sign elsewhere, before a node starts', async () => {
    await joinWith(startNode, context(), input())
    check.equal(await outcome(joinWith(startNode, context(), input())), 'key_active_elsewhere')
    check.equal(started.length, 1)
  })

  it('refuses another genesis than the invite names or the node claims', async () => {
    const hash = `#${'0'.repeat(64)}`
    check.equal(await outcome(joinWith(startNode, context(), input({}, hash))), 'genesis_mismatch')
    node.state.genesisHash = '0'.repeat(64)
    check.equal(await outcome(joinWith(startNode, context(), input())), 'genesis_mismatch')
    check.equal(existsSync(dataDir), false)
  })

  it('refuses a clock that is wrong, either way', async () => {
    for (const offset of [-60_000, 60_000]) {
      node.state.clockOffsetMs = offset
      check.equal(await outcome(joinWith(startNode, context(), input())), 'clock_skewed')
    }
    check.equal(started.length, 0)
  })

  it('says how much is missing when nobody funds the account, and stops the node', async () => {
    node.state.balance = 0n
    node.state.faucet = undefined
    check.equal(await outcome(joinWith(startNode, context(), input())), 'funds_missing')
    check.deepEqual([started.length, stopped, node.sent.length], [1, 1, 0])
  })

  it('refuses less than the least bond', async () => {
    check.equal(
      await outcome(joinWith(startNode, context(), input({ bond: '1' }))),
      'bond_too_small',
    )
  })

  it('leads a provider from nothing to an ask on the book', async () => {
    check.equal(await outcome(provideWith(startNode, context(), input())), 'done')
    check.equal(started[0]?.fabrics, 'auto')
    const names = node.sent.map((sent) => (sent.kind === 'transaction' ? sent.action.name : ''))
    check.deepEqual(names, ['register-provider', 'post-ask'])
    const ask = node.sent[1]
    if (ask?.kind !== 'transaction' || ask.action.name !== 'post-ask') return check.fail()
    check.equal(ask.action.payload.unitPrice, 20_000n)
    const answer = JSON.parse(stdout) as Record<string, unknown>
    check.equal(answer['ask'], ask.id)
    check.equal(existsSync(join(dataDir, 'keys', 'consensus.json')), false)
  })

  it('hints at the middle of what others ask in the lane', () => {
    const asks = ['5', '900', '7'].map((unitPrice) => ({ lane: 'consumer' as const, unitPrice }))
    check.equal(priceHint(asks, 'consumer'), 7n)
    check.equal(priceHint(asks, 'industrial'), 20_000n)
  })

  it('refuses a folder of another chain', async () => {
    await joinWith(startNode, context(), input())
    await writeGenesisFile(join(dataDir, 'genesis.json'), { ...GENESIS, time: 1n })
    check.equal(await outcome(joinWith(startNode, context(), input())), 'genesis_other')
  })
})
