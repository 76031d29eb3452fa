/** The CPU kernels in this process, on memory of this process: nothing is copied, a call blocks. */

import { refuse } from '../../base/refusal.ts'
import { encodeOpTable } from '../../program/op-table.ts'
import { tensorBytes } from '../../program/shape.ts'
import type { Device, OpCall } from '../device.ts'
import { tensorOf } from '../reference-device.ts'
import type { Signature } from '../signature.ts'
import type { HostMemory } from './host-memory.ts'
import type { NativeTensors } from './native-tensors.ts'

export function cpuDevice(native: NativeTensors, memory: HostMemory): Device {
  const tables = new WeakMap<Signature, Uint8Array>()
  return {
    name: 'cpu',
    kind: 'host',
    zeros: (type) => memory.zeros(tensorBytes(type)),
    adopt: (_type, bytes) => bytes,
    run: ({ signature, args }: OpCall) => {
      const out = memory.take(tensorBytes(signature.out))
      const values = [...args.map((arg) => tensorOf(arg).bytes), out]
      const reason = native.tensorRun(tableOf(tables, signature), values)
      if (reason === undefined) return out
      memory.give(out)
      return refuse('tensor_device_failed', {
        device: 'cpu',
        op: signature.definition.name,
        reason,
      })
    },
    bytesOf: (_type, block) => block as Uint8Array,
    release: (block) => memory.give(block as Uint8Array),
  }
}

/** A table is written once for each signature. */
export function tableOf(tables: WeakMap<Signature, Uint8Array>, signature: Signature): Uint8Array {
  const known = tables.get(signature)
  if (known !== undefined) return known
  const table = encodeOpTable(signature.program)
  tables.set(signature, table)
  return table
}
