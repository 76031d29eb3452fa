/** The jobs of the devnet are programs that the chain takes, and they do what they say. */

import { strict as check } from 'node:assert'
import { readStoredDigits, slice } from '../../../devnet/mnist-data.ts'
import {
  accuracyOf,
  classifyJob,
  type DevnetJob,
  floatJob,
  initialParameters,
  likeliest,
  lossOf,
  trainingJob,
} from '../../../devnet/programs.ts'
import { loaderOf } from '../../../scripts/mnist/cpu.ts'
import { equalBytes } from '../../../src/base/bytes.ts'
import { admits } from '../../../src/program/cost.ts'
import { decodeProgram } from '../../../src/program/ir.ts'
import { givenBytes } from '../../../src/program/op-table.ts'
import { addon } from '../compute/native.ts'

const load = loaderOf(addon())

function outputsOf(job: DevnetJob): Promise<readonly Uint8Array[]> {
  return load(job.program).outputs(job.inputs)
}

describe('devnet jobs', () => {
  it('decode, are admitted, and have inputs and weights of the declared lengths', () => {
    for (const job of [classifyJob(), floatJob(), trainingJob()]) {
      const program = decodeProgram(job.program.bytes)
      check.deepEqual(program, job.program.program, job.name)
      check.equal(admits(program, job.verification), null, job.name)
      const lengths = [...job.inputs, ...job.program.weights].map(({ length }) => length)
      check.deepEqual(lengths, givenBytes(program), job.name)
    }
  })

  it('are the same programs and inputs every time', () => {
    for (const make of [() => classifyJob(), () => floatJob(), () => trainingJob()]) {
      const [first, again] = [make(), make()]
      check.ok(equalBytes(first.program.digest, again.program.digest))
      check.ok(first.inputs.every((bytes, at) => equalBytes(bytes, again.inputs[at] as Uint8Array)))
    }
  })

  it('classify the 512 digits by the int8 network, at least 95 of 100 right', async () => {
    const job = classifyJob()
    const outputs = await outputsOf(job)
    check.equal(outputs.length, 1)
    check.ok(accuracyOf(outputs[0] as Uint8Array) >= 0.95)
    check.match(job.describe(outputs), /^\d+ of 512 digits right, accuracy 0\.9\d+$/)
  })

  it('give probabilities by the f32 network whose likeliest class is mostly right', async () => {
    const job = floatJob()
    const outputs = await outputsOf(job)
    check.ok(accuracyOf(likeliest(outputs[0] as Uint8Array)) >= 0.95)
    check.match(job.describe(outputs), /^6\d of 64 digits right/)
  })

  it('lower the loss with every training step, by one program', async () => {
    const digits = slice(readStoredDigits(), 0, 64)
    const first = trainingJob()
    const outputs = await outputsOf(first)
    const second = trainingJob(outputs.slice(0, 4))
    check.ok(equalBytes(second.program.digest, first.program.digest))
    const next = await outputsOf(second)
    const losses = [initialParameters(), outputs.slice(0, 4), next.slice(0, 4)].map((parameters) =>
      lossOf(parameters, digits),
    ) as [number, number, number]
    check.ok(losses[0] > losses[1] && losses[1] > losses[2], losses.join(' '))
    check.match(first.describe(outputs), /^loss \d\.\d{4} -> \d\.\d{4}$/)
  })
})
