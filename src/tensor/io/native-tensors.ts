/**
 * What the addon offers to tensors.
 *
 * Source: native/binding/tensor.cpp, which checks every argument again.
 */

import { loadAddon } from '../../runtime/io/native-addon.ts'

export interface NativeTensors {
  /** Undefined when done, else the reason why not. Values: inputs, then op outputs, in place. */
  tensorRun(table: Uint8Array, values: readonly Uint8Array[]): string | undefined
  /** The address modulo 64. */
  memoryPlace(bytes: Uint8Array): number
  deviceOpen(path: string, optionsJson: string): NativeDevice | { readonly refused: string }
  /** A number for memory there; undefined when there is none left. */
  deviceTake(device: number, lengthBytes: number, label: string): number | undefined
  deviceGive(device: number, buffer: number): void
  deviceWrite(device: number, buffer: number, bytes: Uint8Array): string | undefined
  deviceRead(device: number, buffer: number, bytes: Uint8Array): string | undefined
  deviceRun(device: number, table: Uint8Array, buffers: readonly number[]): string | undefined
}

export interface NativeDevice {
  readonly device: number
  readonly name: string
  readonly driver: string
  readonly isa: string
}

/** @throws RefusalError native_addon_missing */
export function loadTensors(): NativeTensors {
  return loadAddon() as unknown as NativeTensors
}
