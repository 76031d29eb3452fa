/**
 * What tensors compute on: the port of every device, and the table of those that are open.
 *
 * A device holds storages as blocks, which only it looks into, and runs one op of the program floor
 * at a time. All devices give the same bits. A device of kind
 *   host    computes in memory of this process: a block is its bytes, and a part of it may be given;
 *   remote  has memory of its own: blocks are given whole and read by copying;
 *   trace   has no values at all: it writes down which ops would run.
 */

import { refuse } from '../base/refusal.ts'
import type { TensorType } from '../program/types.ts'
import type { Signature } from './signature.ts'

export type Block = object

/** An operand: elements side by side in a block, from `offset` on. Offset 0 but on hosts. */
export interface Operand {
  readonly type: TensorType
  readonly block: Block
  readonly offset: number
}

export interface OpCall {
  /** Checked; the types of the operands are its inputs. */
  readonly signature: Signature
  readonly args: readonly Operand[]
}

export interface Device {
  readonly name: string
  readonly kind: 'host' | 'remote' | 'trace'
  /** Zeros, in memory of the device's own. @throws RefusalError tensor_device_full */
  zeros(type: TensorType, label: string): Block
  /** A block with these bytes: the bytes themselves on hosts, a copy elsewhere. */
  adopt(type: TensorType, bytes: Uint8Array, label: string): Block
  /** A new block with the output. @throws RefusalError tensor_device_failed | tensor_device_full */
  run(call: OpCall): Block
  /** The bytes: the block itself on hosts, a copy on remotes. @throws RefusalError trace_value_unknown */
  bytesOf(type: TensorType, block: Block): Uint8Array
  /** The block is not used any more, and nobody else has its bytes. */
  release(block: Block): void
}

/** @throws RefusalError tensor_device_unknown | tensor_device_unavailable */
export type DeviceOpener = (name: string) => Device

const open = new Map<string, Device>()
let opener: DeviceOpener = (name) => refuse('tensor_device_unknown', { device: name })
let defaultName = 'cpu'

/** Says how devices are opened; called once, by the entry of the package. */
export function installDevices(opens: DeviceOpener): void {
  opener = opens
}

/** The device of that name, opened at its first use and kept. */
export function deviceNamed(name: string): Device {
  const known = open.get(name)
  if (known !== undefined) return known
  const device = opener(name)
  open.set(name, device)
  return device
}

export function defaultDevice(): Device {
  return deviceNamed(defaultName)
}

/** Where tensors are made from now on, unless they say otherwise. */
export function setDefaultDevice(name: string): void {
  deviceNamed(name)
  defaultName = name
}
