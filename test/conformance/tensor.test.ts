/** The tensor scenarios as programs in the fabric process that runs jobs: the digests of eager runs. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { fabricEntry, isBuilt } from '../../src/compute/io/fabric-catalogue.ts'
import { type FabricDevice, openFabricDevice } from '../../src/compute/io/fabric-device.ts'
import { outputOps } from '../../src/program/op-table.ts'
import { bytesOver } from '../../src/tensor/dtype.ts'
import { trace } from '../../src/tensor/trace.ts'
import { eagerDigests } from '../unit/tensor/devices.ts'
import { SCENARIOS } from '../unit/tensor/scenarios.ts'

for (const name of ['cpu', 'opencl']) {
  const entry = fabricEntry(name)
  if (entry === undefined || !isBuilt(entry)) continue
  describe(`the tensor scenarios as jobs of the ${name} fabric`, () => {
    let device: FabricDevice

    before(async function () {
      this.timeout(60_000)
      device = await openFabricDevice({ entry, threads: 2 })
    })

    after(() => device.close())

    it('give the digests that they give at once', async function () {
      this.timeout(60_000)
      for (const scenario of SCENARIOS) {
        const { inputs, run } = scenario
        const specs = inputs.map(({ dims }) => ({ dims }))
        const { program, weights, outputNames } = trace(run, specs)
        const given = inputs.map(({ values }) => bytesOver(Float32Array.from(values)))
        const { opDigests } = await device.run(program, [...given, ...weights])
        const found = outputOps(program).map((op, at) => [
          outputNames[at],
          toHex(opDigests[op] as Uint8Array),
        ])
        check.deepEqual(Object.fromEntries(found), eagerDigests(scenario), scenario.name)
      }
    })
  })
}
