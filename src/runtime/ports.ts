/**
 * The ports: everything a node needs from the world, and nothing it decides itself.
 *
 *   real world (io/)          deterministic world (deterministic.ts)
 *        \                         /
 *         `-----  Ports  ---------'      <- this file
 *                   |
 *                driver                  <- node/driver.ts, the only caller
 *                   |
 *          pure step functions           <- never see a port
 *
 * Slow ports take a completion instead of returning a promise, so that the same driver runs on the
 * event loop and in the simulator, and a crash may fall between any two lines. A completion is
 * called exactly once, never before the call that took it has returned.
 */

import type { Refusal } from '../base/refusal.ts'
import type { DurationMs, TimeMs } from '../base/time.ts'

export interface Clock {
  /** Wall time; may jump. Only for stamps that others will read. */
  wallMs(): TimeMs
  /** Milliseconds since some fixed instant, never backwards; fractions allowed. For latencies. */
  monotonicMs(): number
  /** Calls `done` once, no sooner than `delay` from now. Setting `id` again replaces it. */
  setTimer(id: string, delay: DurationMs, done: () => void): void
  clearTimer(id: string): void
}

/** A stream of numbers: seeded in the world, cryptographic in production. */
export interface Rng {
  /** Uniform in [0, 2^32). */
  u32(): number
  /** Uniform in [0, bound). */
  below(bound: number): number
  /** True with probability `numerator / denominator`. */
  chance(numerator: number, denominator: number): boolean
  bytes(count: number): Uint8Array
  /** An independent stream, named, so that a new drawer does not disturb the old ones. */
  fork(label: string): Rng
}

export type StoreOp =
  | { readonly op: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly op: 'del'; readonly key: string }

export type StoreEntry = readonly [key: string, value: Uint8Array]

/** An ordered key-value store. A batch lands whole or not at all; a failure ends the process. */
export interface Store {
  /** Reports the batch durable. A batch that is not yet reported may be lost in a crash. */
  write(batch: readonly StoreOp[], done: () => void): void
  get(key: string, done: (value: Uint8Array | undefined) => void): void
  /** Entries with `from <= key < to` in key order, at most `countMax`. */
  range(
    from: string,
    to: string,
    countMax: number,
    done: (entries: readonly StoreEntry[]) => void,
  ): void
}

/** An append-only file of checksummed records. A torn last record is cut off when it is opened. */
export interface Journal {
  /** Reports the record, and all before it, durable (fdatasync). */
  append(record: Uint8Array, durable: () => void): void
  /** Records in order of appending, as they were when the journal was opened or last replaced. */
  readAll(done: (records: readonly Uint8Array[]) => void): void
  /** Replaces the whole content atomically and durably. */
  replace(records: readonly Uint8Array[], durable: () => void): void
}

export type PeerId = string
/** What gossip should do with a message: pass it on, drop it, or drop it and blame the sender. */
export type Verdict = 'accept' | 'ignore' | 'reject'
/** Logical topic names; the adapter adds the chain and the version (protocol.md §2). */
export type Topic =
  | 'transactions'
  | 'job-offers'
  | 'receipts'
  | 'attestations'
  | 'slashing-evidence'
  | 'consensus-proposals'
  | 'consensus-votes'

export interface GossipMessage {
  readonly topic: Topic
  readonly bytes: Uint8Array
  readonly from: PeerId
}

export type Answer =
  | { readonly kind: 'answer'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'silence'; readonly reason: string }

/** Logical names of the request/response protocols (p2p.md, Protocols). */
export type Protocol =
  | 'status'
  | 'blocks-by-range'
  | 'blocks-by-root'
  | 'certificate'
  | 'votes'
  | 'push'
  | 'receipts-by-job'
  | 'evidence'

/** Why a peer loses score: `low` is bad luck repeated, `fatal` is a lie. */
export type Blame = 'low' | 'mid' | 'fatal'

export interface Network {
  readonly self: PeerId
  /** Publishes to the mesh; `flood` sends to every known peer (own proposals and evidence only). */
  publish(topic: Topic, bytes: Uint8Array, manner: 'mesh' | 'flood'): void
  /** Registers the one listener for gossip. It owes each message exactly one verdict. */
  onGossip(listen: (message: GossipMessage, give: (verdict: Verdict) => void) => void): void
  /** `done` is called exactly once: an answer, a refusal by the peer, or silence. */
  request(
    peer: PeerId,
    protocol: Protocol,
    bytes: Uint8Array,
    deadline: DurationMs,
    done: (answer: Answer) => void,
  ): void
  /** Registers the one server of a protocol. It owes each request exactly one `answer` call. */
  onRequest(
    protocol: Protocol,
    serve: (
      from: PeerId,
      bytes: Uint8Array,
      answer: (
        reply: { readonly chunks: readonly Uint8Array[] } | { readonly refusal: Refusal },
      ) => void,
    ) => void,
  ): void
  /** Called with the connected peers whenever they change. */
  onPeers(listen: (peers: readonly PeerId[]) => void): void
  report(peer: PeerId, blame: Blame, code: string): void
}

/** One Ed25519 signature to check over a 32-byte digest. */
export interface SignatureCheck {
  readonly publicKey: Uint8Array
  readonly digest: Uint8Array
  readonly signature: Uint8Array
}

/**
 * `gossip` is OpenSSL's accept; `block` is ZIP-215; `proposal` is ZIP-215 for a fresh proposal, in
 * which OpenSSL may refuse at most 8 (protocol.md §1, Signatures).
 */
export type SignatureRule = 'gossip' | 'proposal' | 'block'

export interface Verifier {
  /** One verdict for each check, in order. */
  check(
    batch: readonly SignatureCheck[],
    rule: SignatureRule,
    done: (valid: readonly boolean[]) => void,
  ): void
}

/** Holds one key. The sign guard alone calls the validator's. */
export interface Signer {
  readonly publicKey: Uint8Array
  /** Ed25519 over a 32-byte digest; 64 bytes. */
  sign(digest: Uint8Array): Uint8Array
}

/** Files named by their BLAKE3 digest, bounded in each and in all. */
export interface Blobs {
  has(digest: Uint8Array): boolean
  /** Stores bytes we made ourselves. */
  put(bytes: Uint8Array, done: (digest: Uint8Array) => void): void
  get(digest: Uint8Array, done: (bytes: Uint8Array | undefined) => void): void
  /** Fetches from peers, resumed and checked; `done(undefined)` means here now. */
  fetch(
    digest: Uint8Array,
    lengthBytes: number,
    peers: readonly PeerId[],
    deadline: DurationMs,
    done: (refusal: Refusal | undefined) => void,
  ): void
  /** Forgets a blob nobody needs any more. */
  drop(digest: Uint8Array): void
}

export type LogFacts = Readonly<Record<string, string | number | bigint | boolean>>

export interface Logger {
  debug(event: string, facts?: LogFacts): void
  info(event: string, facts?: LogFacts): void
  warn(event: string, facts?: LogFacts): void
  error(event: string, facts?: LogFacts): void
}

export type Labels = Readonly<Record<string, string>>

export interface Meter {
  /** Money is counted as bigint, exactly. */
  add(counter: string, amount: number | bigint, labels?: Labels): void
  set(gauge: string, value: number, labels?: Labels): void
  observe(histogram: string, value: number, labels?: Labels): void
}
