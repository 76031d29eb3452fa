/**
 * A whole world in one thread: virtual time, a seeded generator, a network that loses, delays,
 * repeats and parts, and disks that forget what was not yet durable.
 *
 * The same seed gives the same run, event for event; `audit()` is a digest over all of them, so
 * two runs are compared in one string.
 *
 *   World --- schedule ---> heap of tasks by (time, order)
 *     |                        |
 *     |-- ports(name) ----> clock, store, journals, network: completions are tasks
 *     |-- crash(name) ----> tasks of that life are skipped, what was not durable is gone
 *     '-- part / heal ----> links that carry nothing
 */

import { assert } from '../base/assert.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import { byText } from '../base/ordered.ts'
import { type DurationMs, timeMs } from '../base/time.ts'
import { Heap } from './heap.ts'
import type {
  Answer,
  Clock,
  GossipMessage,
  Journal,
  Network,
  PeerId,
  Protocol,
  Rng,
  Store,
  StoreEntry,
  Topic,
  Verdict,
} from './ports.ts'
import { SeededRng } from './seeded-rng.ts'

/** How unkind the world is. Ratios are out of 100; spans are virtual milliseconds. */
export interface Faults {
  readonly dropPercent: number
  readonly repeatPercent: number
  readonly delayMsMax: number
  readonly syncMsMax: number
}

/** What the world gives one life of one node. */
export interface WorldPorts {
  readonly clock: Clock
  readonly rng: Rng
  readonly store: Store
  readonly network: Network
  readonly journal: (name: string) => Journal
  /** Lets anything else that is slow complete in virtual time: `done` runs after `delay`. */
  readonly later: (label: string, delay: number, done: () => void) => void
}

interface Task {
  readonly at: number
  readonly order: number
  readonly label: string
  readonly life: Life | undefined
  readonly run: () => void
}

/** One run of a node between its start and its crash. */
interface Life {
  readonly name: PeerId
  alive: boolean
}

/** Writes to one store or journal complete in the order they were asked for. */
interface Disk {
  readonly values: Map<string, Uint8Array>
  readonly journals: Map<string, Uint8Array[]>
  /** When the last write under way to each file completes, virtual milliseconds. */
  readonly busyUntilMs: Map<string, number>
}

type GossipListener = Parameters<Network['onGossip']>[0]
type Server = Parameters<Network['onRequest']>[1]

interface Seat {
  life: Life
  gossip: GossipListener | undefined
  peers: ((peers: readonly PeerId[]) => void) | undefined
  readonly servers: Map<Protocol, Server>
  /** Ids of gossip already relayed or delivered; a mesh passes a message on once. */
  readonly seen: Set<string>
}

/** Virtual wall time at the start of every world. */
const EPOCH_MS = 1_700_000_000_000
const SEEN_MAX = 65_536

export class World {
  readonly #rng: SeededRng
  #faults: Faults
  readonly #tasks = new Heap<Task>()
  readonly #seats = new Map<PeerId, Seat>()
  readonly #disks = new Map<PeerId, Disk>()
  readonly #parted = new Set<string>()
  #nowMs = 0
  #order = 0
  #digest: Uint8Array = new Uint8Array(32)

  constructor(seed: number, faults: Faults) {
    this.#rng = new SeededRng(seed)
    this.#faults = faults
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** A stream for who drives the world: when to crash whom, what to submit. */
  rng(label: string): Rng {
    return this.#rng.fork(label)
  }

  setFaults(faults: Faults): void {
    this.#faults = faults
  }

  /** Starts a life of `self`. Its disk outlives it: asking again for the same name is a restart. */
  ports(self: PeerId): WorldPorts {
    const disk = this.#disks.get(self) ?? {
      values: new Map(),
      journals: new Map(),
      busyUntilMs: new Map(),
    }
    this.#disks.set(self, disk)
    const life: Life = { name: self, alive: true }
    const seat: Seat = {
      life,
      gossip: undefined,
      peers: undefined,
      servers: new Map(),
      seen: new Set(),
    }
    this.#seats.set(self, seat)
    this.#announcePeers()
    return {
      clock: this.#clock(life),
      rng: this.#rng.fork(`${self}/${this.#order}`),
      store: this.#store(life, disk),
      network: this.#network(seat),
      journal: (name) => this.#journal(life, disk, name),
      later: (label, delay, done) => this.#schedule(`${self} ${label}`, delay, life, done),
    }
  }

  /** Ends the life of `name` between two tasks; what was not durable is lost. */
  crash(name: PeerId): void {
    const seat = this.#seats.get(name)
    assert(seat !== undefined, 'only a living node crashes')
    seat.life.alive = false
    this.#disks.get(name)?.busyUntilMs.clear()
    this.#seats.delete(name)
    this.#announcePeers()
  }

  /** Cuts every link between the two groups, both ways, until `heal`. */
  part(left: readonly PeerId[], right: readonly PeerId[]): void {
    for (const a of left) for (const b of right) this.#parted.add(link(a, b))
  }

  heal(): void {
    this.#parted.clear()
  }

  /** Schedules something of the world itself. */
  at(label: string, delayMs: number, run: () => void): void {
    this.#schedule(label, delayMs, undefined, run)
  }

  /** Runs tasks until `until` says stop, nothing is left, or `tasksMax`. @returns tasks run. */
  run(tasksMax: number, until: () => boolean = () => false): number {
    for (let count = 0; count < tasksMax; count++) {
      if (until()) return count
      const task = this.#tasks.pop()
      if (task === undefined) return count
      assert(task.at >= this.#nowMs, 'time does not run backwards')
      this.#nowMs = task.at
      if (task.life !== undefined && !task.life.alive) continue
      this.#record(task)
      task.run()
    }
    return tasksMax
  }

  /** What a journal of `name` holds, durable and whole; for who judges a run. */
  journalOf(name: PeerId, journal: string): readonly Uint8Array[] {
    return this.#disks.get(name)?.journals.get(journal) ?? []
  }

  /** Hex digest over the label and time of every task so far. */
  audit(): string {
    return toHex(this.#digest)
  }

  #schedule(label: string, delay: number, life: Life | undefined, run: () => void): void {
    this.#tasks.push({ at: this.#nowMs + delay, order: this.#order++, label, life, run })
  }

  #record(task: Task): void {
    this.#digest = sha256(this.#digest, utf8(`${task.at} ${task.label}`))
  }

  #clock(life: Life): Clock {
    const live = new Map<string, number>()
    return {
      wallMs: () => timeMs(EPOCH_MS + this.#nowMs),
      monotonicMs: () => this.#nowMs,
      setTimer: (id, delay, done) => {
        const mine = this.#order
        live.set(id, mine)
        this.#schedule(`${life.name} timer ${id}`, delay, life, () => {
          if (live.get(id) !== mine) return
          live.delete(id)
          done()
        })
      },
      clearTimer: (id) => void live.delete(id),
    }
  }

  #syncDelay(disk: Disk, file: string): number {
    const free = Math.max(this.#nowMs, disk.busyUntilMs.get(file) ?? 0)
    const done = free + this.#rng.below(this.#faults.syncMsMax + 1)
    disk.busyUntilMs.set(file, done)
    return done - this.#nowMs
  }

  #store(life: Life, disk: Disk): Store {
    const self = life.name
    return {
      write: (batch, done) => {
        this.#schedule(
          `${self} write ${batch.length}`,
          this.#syncDelay(disk, 'store'),
          life,
          () => {
            for (const op of batch) {
              if (op.op === 'put') disk.values.set(op.key, op.value)
              else disk.values.delete(op.key)
            }
            done()
          },
        )
      },
      get: (key, done) =>
        this.#schedule(`${self} get ${key}`, 0, life, () => done(disk.values.get(key))),
      range: (from, to, countMax, done) =>
        this.#schedule(`${self} range ${from}`, 0, life, () => {
          const entries: StoreEntry[] = [...disk.values.entries()]
            .filter(([key]) => key >= from && key < to)
            .sort(([left], [right]) => byText(left, right))
          done(entries.slice(0, countMax))
        }),
    }
  }

  #journal(life: Life, disk: Disk, name: string): Journal {
    const records = (): Uint8Array[] => {
      const known = disk.journals.get(name) ?? []
      disk.journals.set(name, known)
      return known
    }
    return {
      append: (record, durable) =>
        this.#schedule(`${life.name} append ${name}`, this.#syncDelay(disk, name), life, () => {
          records().push(record)
          durable()
        }),
      readAll: (done) =>
        this.#schedule(`${life.name} read ${name}`, 0, life, () => done([...records()])),
      replace: (fresh, durable) =>
        this.#schedule(`${life.name} replace ${name}`, this.#syncDelay(disk, name), life, () => {
          disk.journals.set(name, [...fresh])
          durable()
        }),
    }
  }

  #network(seat: Seat): Network {
    const self = seat.life.name
    return {
      self,
      publish: (topic, bytes) => {
        this.#remember(seat, topic, bytes)
        this.#flood(self, topic, bytes, self)
      },
      onGossip: (listen) => {
        seat.gossip = listen
      },
      request: (peer, protocol, bytes, deadline, done) =>
        this.#request(seat, peer, protocol, bytes, deadline, done),
      onRequest: (protocol, serve) => void seat.servers.set(protocol, serve),
      onPeers: (listen) => {
        seat.peers = listen
        this.#announcePeers()
      },
      report: () => {},
    }
  }

  #remember(seat: Seat, topic: Topic, bytes: Uint8Array): boolean {
    const id = toHex(sha256(utf8(topic), bytes))
    if (seat.seen.has(id)) return false
    if (seat.seen.size >= SEEN_MAX) seat.seen.clear()
    seat.seen.add(id)
    return true
  }

  #flood(at: PeerId, topic: Topic, bytes: Uint8Array, except: PeerId): void {
    for (const peer of this.#seats.keys()) {
      if (peer !== at && peer !== except) this.#send(at, peer, { topic, bytes, from: at })
    }
  }

  #carries(from: PeerId, to: PeerId): boolean {
    return !this.#parted.has(link(from, to)) && !this.#rng.chance(this.#faults.dropPercent, 100)
  }

  #delay(): number {
    return 1 + this.#rng.below(this.#faults.delayMsMax)
  }

  #send(from: PeerId, to: PeerId, message: GossipMessage): void {
    if (!this.#carries(from, to)) return
    const copies = this.#rng.chance(this.#faults.repeatPercent, 100) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.#schedule(`${from} to ${to} ${message.topic}`, this.#delay(), undefined, () =>
        this.#deliver(to, message),
      )
    }
  }

  #deliver(to: PeerId, message: GossipMessage): void {
    const seat = this.#seats.get(to)
    if (seat?.gossip === undefined || !this.#remember(seat, message.topic, message.bytes)) return
    seat.gossip(message, (verdict: Verdict) => {
      if (verdict === 'accept') this.#flood(to, message.topic, message.bytes, message.from)
    })
  }

  #request(
    seat: Seat,
    peer: PeerId,
    protocol: Protocol,
    bytes: Uint8Array,
    deadline: DurationMs,
    done: (answer: Answer) => void,
  ): void {
    const self = seat.life.name
    let open = true
    const finish = (answer: Answer): void => {
      if (!open) return
      open = false
      done(answer)
    }
    this.#schedule(`${self} gives up on ${peer} ${protocol}`, deadline, seat.life, () =>
      finish({ kind: 'silence', reason: 'deadline' }),
    )
    if (!this.#carries(self, peer)) return
    this.#schedule(`${self} asks ${peer} ${protocol}`, this.#delay(), undefined, () => {
      const server = this.#seats.get(peer)?.servers.get(protocol)
      server?.(self, bytes, (reply) => {
        if (!this.#carries(peer, self)) return
        this.#schedule(`${peer} answers ${self} ${protocol}`, this.#delay(), seat.life, () =>
          finish('chunks' in reply ? { kind: 'answer', ...reply } : { kind: 'refused', ...reply }),
        )
      })
    })
  }

  #announcePeers(): void {
    for (const seat of this.#seats.values()) {
      const { life, peers } = seat
      if (peers === undefined) continue
      const others = [...this.#seats.keys()].filter((name) => name !== life.name).sort(byText)
      this.#schedule(`${life.name} peers ${others.length}`, 0, life, () => peers(others))
    }
  }
}

function link(a: PeerId, b: PeerId): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`
}
