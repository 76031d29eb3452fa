/** Every test of the runtime that the seed plan describes has its place here, or says why not. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { REPOSITORY_ROOT } from '../../../src/runtime/io/native-addon.ts'
import { SCENARIOS } from './scenarios.ts'

/** Those of which no program can be made: file and title of the test that stands for them. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, title: string]>> = {
  ToCpuZeroCopy: ['memory', 'to its own device nothing moves'],
  ViewInvalidShape: ['refusals', 'a view of other size'],
  FromDataZeroCopyAndDeleter: ['memory', 'is that of the array it was made over'],
  DataPtrAlignment: ['memory', 'begins at a multiple of 64 bytes when it is our own'],
  DivByZeroThrows: ['refusals', 'a divisor with a zero'],
  CpuMetalRoundtrip: ['memory', 'stays on its device and goes round'],
  CpuMetalCpuTwoTensors: ['memory', 'goes between devices in the middle of a computation'],
  MixedCpuMetalSequence: ['memory', 'goes between devices in the middle of a computation'],
  MetalToMetalCopy: ['memory', 'stays on its device and goes round'],
  MultiThreadedLargeTransfers: [
    'memory',
    'of large tensors goes to devices from several threads of JavaScript',
  ],
  CpuContextAdd: ['views', 'compute as their copies do, whatever their layout'],
  // Queues belong to fabrics; of a device, what tensors see is that runs follow one another.
  MetalContextQueuePooling: [
    'memory',
    'of a device is given back by the scope, and its numbers are not used twice',
  ],
  ArenaStress: ['memory', 'is taken and given back a hundred thousand times'],
  AllocationAndQueuePooling: [
    'profile',
    'balances for every label, however tensors and their views come and go',
  ],
  NoLoggingWhenUnset: ['profile', 'notes nothing and writes nothing while it is off'],
  ProfilingLogCreation: ['profile', 'reads its setting at a reset, under either name'],
  ProfilingLogEntries: ['profile', 'writes a log that its reader takes, whole and balanced'],
  AccumulateFallsBackToCpu: [
    'tape',
    'adds to the gradients that are there, until they are forgotten',
  ],
  // There is no silent fallback: what a device cannot do is refused.
  CopyBuffersThrowsWithoutDevice: ['refusals', 'a plugin that is absent'],
  AddFallsBackWhenKernelMissing: ['refusals', 'a concatenation of s32'],
}

/** By name and, where the same name stands for several, their number. */
const ORIGINAL: readonly string[] = [
  ...'ToCpuZeroCopy ViewSliceMutation ViewInvalidShape SliceOffsetStart CloneDistinctStorage'.split(
    ' ',
  ),
  ...'DetachSharesStorage DetachSharesStorageMps DetachSharesStorageMetal'.split(' '),
  ...'CloneBeforeDetachIndepStorage CloneBeforeDetachIndepStorageMps'.split(' '),
  ...'CloneBeforeDetachIndepStorageMetal FromDataZeroCopyAndDeleter DataPtrAlignment'.split(' '),
  ...'ContiguousPreservesData AddBackward MulBackward DivBackward DivBackwardSafeCpu'.split(' '),
  ...'AddBackwardCpu MulBackwardCpu TransposeBackwardCpu TransposeBackwardDoubleCpu'.split(' '),
  ...'MatmulBackwardCpu MeanBackwardCpu SumBackwardCpu DivScalarBackward'.split(' '),
  ...'DivScalarInplaceBackward DivScalarInplaceChainBackward'.split(' '),
  ...'DivScalarDoubleInplaceBackward DivScalarChainDoubleInplaceBackward'.split(' '),
  ...'DivScalarTripleInplaceBackward DivScalarChainTripleInplaceBackward DetachNoGrad'.split(' '),
  ...'TransposeBackward MatmulBackward SumMeanBackward SumMeanAxisBackward ViewBackward'.split(' '),
  ...'CpuOnly.TransposeBackward CpuOnly.MatmulBackward CpuOnly.MeanBackward'.split(' '),
  ...'CpuOnly.SumBackward AddMetalMatchesCpu MulMetalMatchesCpu DivMetalMatchesCpu'.split(' '),
  ...'DivScalarMetalMatchesCpu MatmulMetalMatchesCpu TransposeMetalMatchesCpu'.split(' '),
  ...'SumMetalMatchesCpu MeanMetalMatchesCpu FillMetalMatchesCpu AutogradAddMetal'.split(' '),
  ...'AutogradMulMetal AutogradDivMetal AutogradDivScalarMetal AutogradDetachMetal'.split(' '),
  ...'AutogradMatmulMetal AutogradSumMetal AutogradMeanMetal AutogradViewMetal'.split(' '),
  ...'AutogradTransposeMetal DivByZeroThrows DivSafeMasksZero'.split(' '),
  ...'DivSafeMasksZeroTruncatedShape DivSafeResetsOffsets DivSafeVectorSample'.split(' '),
  ...'DivScalarSafeMasksZero DivScalarInplace SumAxisDim1 MeanAxisDim1 SumMeanAxisDim1'.split(' '),
  ...'SumMeanAxisCpuMetal SumMeanAxisBareShape FillCpu Broadcast.ScalarTensor'.split(' '),
  ...'Broadcast.VectorMatrix Broadcast.HigherRank CpuMetalRoundtrip'.split(' '),
  ...'CpuMetalRoundtripNonContiguousLarge CpuMetalCpuTwoTensors MixedCpuMetalSequence'.split(' '),
  ...'NonContiguousZeroCopyAndAlignment MetalToMetalCopy MultiThreadedLargeTransfers'.split(' '),
  ...'CpuContextAdd MetalContextQueuePooling ArenaStress AllocationAndQueuePooling'.split(' '),
  ...'NoLoggingWhenUnset ProfilingLogCreation ProfilingLogEntries'.split(' '),
  ...'AccumulateFallsBackToCpu CopyBuffersThrowsWithoutDevice'.split(' '),
  ...'AddFallsBackWhenKernelMissing AddSupportsRankNine'.split(' '),
]

describe('the tests of the runtime that the seed plan describes', () => {
  const covered = new Set(SCENARIOS.flatMap(({ covers }) => covers))

  it('all have a scenario, or a test elsewhere', () => {
    const missing = ORIGINAL.filter((name) => !covered.has(name) && ELSEWHERE[name] === undefined)
    check.deepEqual(missing, [])
    check.equal(new Set(ORIGINAL).size, ORIGINAL.length)
  })

  it('are named only where they exist', () => {
    const known = new Set(ORIGINAL)
    const stray = [...covered, ...Object.keys(ELSEWHERE)].filter((name) => !known.has(name))
    check.deepEqual(stray, [])
  })

  it('stand elsewhere under the titles given', () => {
    for (const [name, [file, title]] of Object.entries(ELSEWHERE)) {
      const path = join(REPOSITORY_ROOT, `test/unit/tensor/${file}.test.ts`)
      check.ok(readFileSync(path, 'utf8').includes(title), `${name}: ${title}`)
    }
  })
})
