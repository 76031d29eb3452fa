/** A fabric in this process, with memory of its own: tensors stay there until they are read. */

import { refuse } from '../../base/refusal.ts'
import { tensorBytes } from '../../program/shape.ts'
import type { Block, Device, OpCall } from '../device.ts'
import type { Signature } from '../signature.ts'
import { tableOf } from './cpu-device.ts'
import type { NativeTensors } from './native-tensors.ts'

/** Memory there, by number. */
interface Remote {
  readonly buffer: number
}

/** @throws RefusalError tensor_device_unavailable */
export function fabricDevice(native: NativeTensors, name: string, path: string): Device {
  const opened = native.deviceOpen(path, '{}')
  if ('refused' in opened) {
    refuse('tensor_device_unavailable', { device: name, reason: opened.refused })
  }
  const { device } = opened
  const tables = new WeakMap<Signature, Uint8Array>()
  const failed = (op: string, reason: string): never =>
    refuse('tensor_device_failed', { device: name, op, reason })

  const take = (lengthBytes: number, label: string): Remote => {
    const buffer = native.deviceTake(device, lengthBytes, label)
    return buffer === undefined
      ? refuse('tensor_device_full', { device: name, bytes: lengthBytes })
      : { buffer }
  }
  const give = (block: Block): void => native.deviceGive(device, (block as Remote).buffer)
  const adopt: Device['adopt'] = (_type, bytes, label) => {
    const block = take(bytes.byteLength, label)
    const reason = native.deviceWrite(device, block.buffer, bytes)
    if (reason === undefined) return block
    give(block)
    return failed('write', reason)
  }
  return {
    name,
    kind: 'remote',
    zeros: (type, label) => adopt(type, new Uint8Array(tensorBytes(type)), label),
    adopt,
    run: ({ signature, args }: OpCall) => {
      const op = signature.definition.name
      const out = take(tensorBytes(signature.out), op)
      const buffers = [...args.map(({ block }) => (block as Remote).buffer), out.buffer]
      const reason = native.deviceRun(device, tableOf(tables, signature), buffers)
      if (reason === undefined) return out
      give(out)
      return failed(op, reason)
    },
    bytesOf: (type, block) => {
      const bytes = new Uint8Array(tensorBytes(type))
      const reason = native.deviceRead(device, (block as Remote).buffer, bytes)
      return reason === undefined ? bytes : failed('read', reason)
    },
    release: give,
  }
}
