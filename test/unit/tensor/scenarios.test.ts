/** Every scenario gives what it should, eagerly on every device and as a program, bit for bit. */

import { strict as check } from 'node:assert'

import { toHex } from '../../../src/base/bytes.ts'
import type { NamedProgram } from '../../../src/program/builder.ts'
import { tensorDigest } from '../../../src/program/digest.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import { producerOf } from '../../../src/program/ir.ts'
import { bytesOver } from '../../../src/tensor/dtype.ts'
import { trace } from '../../../src/tensor/trace.ts'
import { DEVICES, digestsOf, eager, eagerDigests, titleOf } from './devices.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

type Digests = Readonly<Record<string, string>>

function programOf({ run, inputs }: Scenario): NamedProgram {
  return trace(
    run,
    inputs.map(({ dims }) => ({ dims })),
  )
}

function evaluated({ inputs }: Scenario, named: NamedProgram): Digests {
  const given = inputs.map(({ values }) => bytesOver(Float32Array.from(values)))
  const made = evaluate(named.program, given, named.weights)
  return Object.fromEntries(
    named.program.outputs.map((value, at) => {
      const bytes = made[producerOf(named.program, value)] as Uint8Array
      return [named.outputNames[at] as string, toHex(tensorDigest(bytes))]
    }),
  )
}

describe('the tensor scenarios', () => {
  for (const scenario of SCENARIOS) {
    for (const device of DEVICES) {
      it(`${scenario.name}: on ${titleOf(device)}`, () => {
        const outputs = eager(scenario, device)
        const found = Object.entries(outputs).map(([name, out]) => [name, [...out.toArray()]])
        check.deepEqual(Object.fromEntries(found), scenario.expected)
        check.deepEqual(digestsOf(outputs), eagerDigests(scenario))
      })
    }

    it(`${scenario.name}: as a program`, () => {
      const named = programOf(scenario)
      check.deepEqual(evaluated(scenario, named), eagerDigests(scenario))
      check.deepEqual(programOf(scenario).digest, named.digest, 'a function has one program')
    })
  }
})
