/**
 * What the devnet shows: programs registered, jobs bought in two lanes, a cheat caught, a parameter
 * changed by vote. Everything is signed here and handed in over HTTP, as a client would.
 *
 *   industrial lane   classify, forward           to provider-1
 *   consumer lane     classify -> cheat, slashed -> provider-0; then forward, training step
 *   proposal          lower proof budget: vote, timelock, shadow, applied; then one more job
 */

import { fromHex, toHex, utf8 } from '../src/base/bytes.ts'
import { signOffer, signTransaction } from '../src/cli/wallet.ts'
import { ownKernelDigest } from '../src/compute/io/kernel-manifest.ts'
import type { Action } from '../src/ledger/types/transaction.ts'
import type { KeyPair } from '../src/runtime/io/key-file.ts'
import { type NodeClient, until } from './client.ts'
import { DEADLINE_BLOCKS, members, OFFERINGS, pairNamed } from './layout.ts'
import type { DevnetJob } from './programs.ts'
import type { Story } from './story.ts'

const CONSUMER = 0
const INDUSTRIAL = 1
const PROVIDER_BOND = 300_000_000_000_000n
const PRICE_CEILING = 20_000_000_000_000n
const EXPIRY_BLOCKS = 4_000
const WAIT_MS = 240_000
const BUDGET_KEY = 'proof_verification_budget_ms'
/** What the proposal asks for; on a devnet that has it already, one less. */
const BUDGET_MS = 80n

export interface Bought {
  readonly id: string
  readonly job: DevnetJob
  readonly lane: number
}

export class Demo {
  readonly #client: NodeClient
  readonly #story: Story
  readonly #genesisHash: Uint8Array
  readonly #seed: string
  readonly #nonces = new Map<string, bigint>()
  #salt = 0n

  constructor(client: NodeClient, story: Story, genesisHash: Uint8Array, seed: string) {
    this.#client = client
    this.#story = story
    this.#genesisHash = genesisHash
    this.#seed = seed
  }

  /** Providers bond and ask; each program goes on the chain with its weights. */
  async prepare(jobs: readonly DevnetJob[]): Promise<void> {
    await Promise.all([...OFFERINGS.map((offering) => this.#ask(offering)), this.#register(jobs)])
  }

  async #ask({ provider, lane, unitPrice }: (typeof OFFERINGS)[number]): Promise<void> {
    const pair = this.#pair(provider)
    const id = toHex(pair.publicKey)
    const { items } = await this.#client.get<{ items: { id: string }[] }>('/blocktorch/providers')
    if (items.some((known) => known.id === id)) return
    const fabric = utf8('cpu')
    await this.#act(pair, {
      name: 'register-provider',
      payload: { bond: PROVIDER_BOND, fabric, kernelDigest: ownKernelDigest() },
    })
    const { height } = await this.#status()
    await this.#act(pair, {
      name: 'post-ask',
      payload: {
        lane,
        unitPrice,
        blocksBase: 4,
        unitsPerBlock: 1_000_000n,
        maxUnits: 100_000_000n,
        maxOpenJobs: 16,
        expiryHeight: BigInt(height) + 1_000_000n,
        capabilities: [],
      },
    })
  }

  async #register(jobs: readonly DevnetJob[]): Promise<void> {
    const { items } = await this.#client.get<{ items: { id: string }[] }>('/blocktorch/programs')
    const known = new Set(items.map(({ id }) => id))
    const buyer = this.#pair('buyer')
    for (const { name, program } of jobs) {
      if (known.has(toHex(program.digest))) continue
      await Promise.all(program.weights.map((weight) => this.#client.upload(weight)))
      const weights = program.weights.map((weight, index) => {
        const declared = program.program.weights[index]
        if (declared === undefined) throw new Error(`${name} names no weight ${index}`)
        const { digest, type } = declared
        return { digest, length: BigInt(weight.length), dtype: type.dtype }
      })
      await this.#act(buyer, {
        name: 'register-program',
        payload: { ir: program.bytes, name: utf8(name), weights },
      })
    }
    await until('the programs to become available', WAIT_MS, async () => {
      const { items: now } = await this.#client.get<{ items: { id: string; state: string }[] }>(
        '/blocktorch/programs',
      )
      const held = new Set(now.filter(({ state }) => state === 'available').map(({ id }) => id))
      return jobs.every(({ program }) => held.has(toHex(program.digest))) ? true : undefined
    })
  }

  /** Buys one run. */
  async buy(job: DevnetJob, lane: number): Promise<Bought> {
    const uploads = await Promise.all(job.inputs.map((bytes) => this.#client.upload(bytes)))
    const inputs = uploads.map(({ digest, bytes }) => ({
      digest: fromHex(digest),
      length: BigInt(bytes),
    }))
    const verification = job.verification === 'fold' ? 0 : 2
    const buyer = this.#pair('buyer')
    const { height } = await this.#status()
    const { id, bytes } = signOffer(this.#genesisHash, buyer, {
      salt: BigInt(height) * 1000n + this.#salt++,
      tip: 0n,
      program: job.program.digest,
      inputs,
      lane,
      verification,
      priceCeiling: PRICE_CEILING,
      deadlineBlocks: DEADLINE_BLOCKS,
      capabilities: [],
      expiryHeight: BigInt(height + EXPIRY_BLOCKS),
    })
    await this.#submit(bytes)
    return { id, job, lane }
  }

  async settled(bought: Bought): Promise<void> {
    await until(`job ${bought.id.slice(0, 8)} to settle`, WAIT_MS, async () => {
      if (this.#story.of('job-expired', bought.id).length > 0) throw new Error('it expired')
      return this.#story.of('job-settled', bought.id).length > 0 ? true : undefined
    })
  }

  /** At once on a devnet that goes on: there the cheat was caught before. */
  async slashed(): Promise<void> {
    const { items } = await this.#client.get<{ items: object[] }>('/blocktorch/slashes')
    if (items.length > 0) return
    await until('the cheat to be slashed', WAIT_MS, async () =>
      this.#story.of('provider-slashed').length > 0 ? true : undefined,
    )
  }

  /** A lower proof budget through every phase. @returns the height from which it is in force. */
  async govern(): Promise<number> {
    const [first, ...rest] = members(this.#seed).filter(({ part }) => part === 'validator')
    if (first === undefined) throw new Error('a devnet has validators')
    const now = await this.#budget()
    const value = now > BUDGET_MS ? BUDGET_MS : now - 1n
    const proposal = await this.#act(first.account, {
      name: 'propose',
      payload: {
        kind: 1,
        rollback: new Uint8Array(32),
        title: utf8(`Verify within ${value} ms`),
        deposit: 10_000_000_000n,
        items: [{ key: utf8(BUDGET_KEY), value }],
      },
    })
    await until('the proposal to open', WAIT_MS, async () =>
      this.#story.of('proposal-opened', proposal).length > 0 ? true : undefined,
    )
    const vote = { proposal: fromHex(proposal), option: 1 }
    for (const { account } of [first, ...rest]) {
      await this.#act(account, { name: 'vote', payload: vote })
    }
    return await until(
      'the proposal to be applied',
      WAIT_MS,
      async () => this.#story.of('parameter-changed', proposal).map(({ count }) => count)[0],
    )
  }

  async #budget(): Promise<bigint> {
    const { items } = await this.#client.get<{ items: { key: string; value: string }[] }>(
      '/blocktorch/gov/params',
    )
    return BigInt(items.find(({ key }) => key === BUDGET_KEY)?.value ?? '0')
  }

  async #status(): Promise<{ readonly height: number }> {
    const { chain } = await this.#client.get<{ chain: { height: number } }>('/blocktorch/status')
    return chain
  }

  /** Signs with the account's next nonce. @returns the transaction's id. */
  async #act(pair: KeyPair, action: Action): Promise<string> {
    const account = toHex(pair.publicKey)
    const known = this.#nonces.get(account)
    const nonce = known ?? BigInt((await this.#account(account)).nonce)
    this.#nonces.set(account, nonce + 1n)
    const { id, bytes } = signTransaction(this.#genesisHash, pair, nonce, 0n, action)
    await this.#submit(bytes)
    return id
  }

  async #account(id: string): Promise<{ readonly nonce: number }> {
    return await this.#client.get(`/blocktorch/accounts/${id}`)
  }

  async #submit(bytes: Uint8Array): Promise<void> {
    await this.#client.post('/blocktorch/submit', { envelope: toHex(bytes) })
  }

  #pair(name: string): KeyPair {
    return pairNamed(this.#seed, name)
  }
}

/** The whole demonstration, in an order that gives every run the same payments. */
export async function demonstrate(
  demo: Demo,
  jobs: { readonly classify: DevnetJob; readonly forward: DevnetJob; readonly train: DevnetJob },
): Promise<{ readonly bought: readonly Bought[]; readonly paramHeight: number }> {
  const { classify, forward, train } = jobs
  await demo.prepare([classify, forward, train])
  const bought: Bought[] = []
  const buy = async (job: DevnetJob, lane: number): Promise<Bought> => {
    const made = await demo.buy(job, lane)
    bought.push(made)
    return made
  }
  const bait = await buy(classify, CONSUMER)
  const first = await buy(classify, INDUSTRIAL)
  const second = await buy(forward, INDUSTRIAL)
  const governing = demo.govern()
  await Promise.all([demo.slashed(), demo.settled(bait)])
  const third = await buy(forward, CONSUMER)
  const fourth = await buy(train, CONSUMER)
  const paramHeight = await governing
  const fifth = await buy(classify, INDUSTRIAL)
  await Promise.all([first, second, third, fourth, fifth].map((each) => demo.settled(each)))
  return { bought, paramHeight }
}
