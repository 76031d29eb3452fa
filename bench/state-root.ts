/** How long the state root takes after a block that wrote 1,000 and 10,000 values. */

import { u32Bytes } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/hash.ts'
import type { Change } from '../src/ledger/state.ts'
import { StateTree } from '../src/ledger/state-tree.ts'
import { type BenchLine, median, timesMs } from './line.ts'

const KEYS = 100_000
const VALUE_BYTES = 64
const RUNS = 9

export function run(): Promise<BenchLine[]> {
  const tree = new StateTree()
  const keys = Array.from({ length: KEYS }, (_, index) =>
    Buffer.from(sha256(u32Bytes(index))).toString('hex'),
  )
  tree.update(keys.map((key) => changeOf(key, 0)))
  const lines = [1_000, 10_000].map((dirty) => {
    const times = timesMs(RUNS, (round) => {
      const from = (round * 7_919) % (KEYS - dirty)
      tree.update(keys.slice(from, from + dirty).map((key) => changeOf(key, round + 1)))
    })
    return {
      name: `state_root_${dirty}_dirty`,
      unit: 'ms',
      value: median(times),
      facts: { keys: KEYS, dirty, valueBytes: VALUE_BYTES, runs: RUNS },
    }
  })
  return Promise.resolve(lines)
}

function changeOf(key: string, round: number): Change {
  return { table: 'bench', key, value: new Uint8Array(VALUE_BYTES).fill(round) }
}
