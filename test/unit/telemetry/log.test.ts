/** The log: a JSON object a line, events by name, no secrets. */

import { strict as check } from 'node:assert'

import { createLogger, type LogLevel } from '../../../src/telemetry/io/log.ts'

function written(level: LogLevel, write: (log: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = []
  const stream = { write: (text: string) => lines.push(text) }
  write(createLogger({ level, stream, always: { node: 'validator-0' } }))
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('log', () => {
  it('writes level, event, facts and the facts of every line', () => {
    const [line] = written('info', (log) => log.info('block_committed', { height: 7n, ok: true }))
    check.equal(line?.['level'], 'info')
    check.equal(line?.['event'], 'block_committed')
    check.equal(line?.['height'], '7')
    check.equal(line?.['ok'], true)
    check.equal(line?.['node'], 'validator-0')
    check.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT/)
  })

  it('leaves out what is below its level', () => {
    const lines = written('warn', (log) => {
      log.debug('a')
      log.info('b')
      log.warn('c')
      log.error('d')
    })
    check.deepEqual(
      lines.map(({ event }) => event),
      ['c', 'd'],
    )
    check.deepEqual(
      written('silent', (log) => log.error('d')),
      [],
    )
  })

  it('never writes a fact whose name speaks of a secret', () => {
    const facts = { secretKey: 'k', vrfSeed: 'k', password: 'k', invite: 'k', privateKey: 'k' }
    const [line] = written('debug', (log) => log.error('keys_read', facts))
    for (const name of Object.keys(facts)) check.equal(line?.[name], '[hidden]', name)
  })

  it('cuts texts, so that a peer cannot fill the disk with one line', () => {
    const [line] = written('info', (log) => log.info('x', { text: 'y'.repeat(100_000) }))
    check.equal(String(line?.['text']).length, 1_024)
  })
})
