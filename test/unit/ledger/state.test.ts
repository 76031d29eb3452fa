/** State and views: a view reads as the state would after its changes, and changes nothing itself. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { container, u64 } from '../../../src/base/codec.ts'
import { byText } from '../../../src/base/ordered.ts'
import { numberKey, State, table, View } from '../../../src/ledger/state.ts'

const NUMBERS = table('test-numbers', container({ value: u64 }))

const key = fc.constantFrom('a', 'ab', 'abc', 'b', 'b/1', 'b/2', 'c')
const write = fc.record({
  key,
  value: fc.option(fc.bigInt({ min: 0n, max: 9n }), { nil: undefined }),
})
const writes = fc.array(write, { maxLength: 10 })

type Model = Map<string, bigint>

function perform(
  view: View,
  model: Model,
  list: readonly { key: string; value?: bigint | undefined }[],
) {
  for (const each of list) {
    if (each.value === undefined) {
      view.remove(NUMBERS, each.key)
      model.delete(each.key)
    } else {
      view.put(NUMBERS, each.key, { value: each.value })
      model.set(each.key, each.value)
    }
  }
}

function read(from: State | View, prefix: string): [string, bigint][] {
  return from.entries(NUMBERS, prefix).map(([each, { value }]) => [each, value])
}

function expected(model: Model, prefix: string): [string, bigint][] {
  return [...model].filter(([each]) => each.startsWith(prefix)).sort(([a], [b]) => byText(a, b))
}

describe('state and views', () => {
  it('read alike, in key order, at any depth of views', () => {
    fc.assert(
      fc.property(writes, writes, writes, fc.constantFrom('', 'a', 'b', 'b/', 'z'), (...given) => {
        const [first, second, third, prefix] = given
        const state = new State()
        const model: Model = new Map()
        const base = new View(state)
        perform(base, model, first)
        base.fold()
        const settled = expected(model, '')
        const outer = new View(state)
        perform(outer, model, second)
        const inner = new View(outer)
        perform(inner, model, third)
        check.deepEqual(read(inner, prefix), expected(model, prefix))
        for (const [each, value] of model) check.equal(inner.get(NUMBERS, each)?.value, value)
        for (const bound of ['', 'a', 'aa', 'abc', 'b/', 'b/1x', 'z']) {
          const below = expected(model, '').filter(([each]) => each <= bound)
          const found = inner.floor(NUMBERS, bound)
          check.deepEqual(found && [found[0], found[1].value], below[below.length - 1])
        }
        check.deepEqual(read(state, ''), settled)
        inner.fold()
        check.deepEqual(read(outer, prefix), expected(model, prefix))
        check.deepEqual(read(state, ''), settled)
        outer.fold()
        check.deepEqual(read(state, prefix), expected(model, prefix))
        const last = expected(model, '').filter(([each]) => each <= 'b')
        check.deepEqual(state.floor(NUMBERS, 'b')?.[0], last[last.length - 1]?.[0])
      }),
    )
  })

  it('lists changes in key order, removals included', () => {
    const view = new View(new State())
    view.put(NUMBERS, 'b', { value: 1n })
    view.remove(NUMBERS, 'a')
    check.deepEqual(
      view.changes().map(({ key: each, value }) => [each, value === undefined]),
      [
        ['a', true],
        ['b', false],
      ],
    )
  })

  it('orders numbers as keys', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (a, b) => {
          check.equal(Math.sign(byText(numberKey(a), numberKey(b))), a < b ? -1 : a > b ? 1 : 0)
        },
      ),
    )
  })
})
