/** The meter writes what the catalogue names, money to the last digit, and never without bound. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { CATALOGUE, SERIES_MAX } from '../../../src/telemetry/catalogue.ts'
import { ProcessLevels } from '../../../src/telemetry/io/process-levels.ts'
import { PrometheusMeter } from '../../../src/telemetry/io/prometheus.ts'

const PAID = 'settlement_paid_nblock_total'

function sampleOf(text: string, series: string): string | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line?.slice(series.length + 1)
}

describe('prometheus meter', () => {
  it('writes sums of money exactly, far above 2^53', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.bigInt({ min: 0n, max: 1n << 100n }), { minLength: 1, maxLength: 20 }),
        async (amounts) => {
          const meter = new PrometheusMeter()
          for (const amount of amounts) meter.add(PAID, amount, { lane: 'consumer' })
          const sum = amounts.reduce((all, each) => all + each, 0n)
          check.equal(sampleOf(await meter.text(), `${PAID}{lane="consumer"}`), String(sum))
        },
      ),
      { numRuns: 30 },
    )
  })

  it('announces every metric of the catalogue with its type', async () => {
    const text = await new PrometheusMeter().text()
    for (const { name, type, help } of CATALOGUE) {
      check.ok(text.includes(`# TYPE ${name} ${type}\n`), name)
      check.ok(text.includes(`# HELP ${name} ${help}\n`), name)
    }
  })

  it('refuses metrics, types and labels that are not in the catalogue', () => {
    const meter = new PrometheusMeter()
    check.throws(() => meter.add('made_up_total', 1), /stands in the catalogue/)
    check.throws(() => meter.set('blocks_total', 1), /is a counter/)
    check.throws(() => meter.add(PAID, 1n), /has the labels lane/)
    check.throws(() => meter.add(PAID, 1n, { lane: 'consumer', job: 'a' }), /has the labels lane/)
    check.throws(() => meter.add(PAID, 0.5, { lane: 'consumer' }), /whole nBLOCK/)
    check.throws(() => meter.add('blocks_total', -1), /only goes up/)
  })

  it('counts label values past the bound as other, so that peers cannot grow it', async () => {
    const meter = new PrometheusMeter()
    for (let at = 0; at < SERIES_MAX + 5; at++) {
      meter.add('slashing_burn_nblock_total', 2n, { reason: `reason_${at}` })
      meter.add('alarms_total', 1, { code: `code_${at}` })
    }
    const text = await meter.text()
    check.equal(sampleOf(text, 'slashing_burn_nblock_total{reason="other"}'), '10')
    check.equal(sampleOf(text, 'alarms_total{code="other"}'), '5')
  })

  it('escapes what labels may hold', async () => {
    const meter = new PrometheusMeter()
    meter.add('slashing_burn_nblock_total', 1n, { reason: 'a"b\\c\nd' })
    check.ok((await meter.text()).includes('{reason="a\\"b\\\\c\\nd"} 1'))
  })

  it('reads memory and the delay of the event loop', async () => {
    const meter = new PrometheusMeter()
    const levels = new ProcessLevels()
    levels.read(meter)
    levels.stop()
    const rss = sampleOf(await meter.text(), 'process_resident_memory_bytes')
    check.ok(Number(rss) > 1_000_000)
  })
})
