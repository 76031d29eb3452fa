/** The devices by name: the CPU, the reference, the fabrics that were built, and plugins by path. */

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { refuse } from '../../base/refusal.ts'
import { NATIVE_DIR } from '../../runtime/io/native-addon.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import type { Device } from '../device.ts'
import { referenceDevice } from '../reference-device.ts'
import { cpuDevice } from './cpu-device.ts'
import { fabricDevice } from './fabric-device.ts'
import { HostMemory } from './host-memory.ts'
import { loadTensors } from './native-tensors.ts'

const BUILT: readonly string[] = ['opencl', 'cuda', 'metal']

/**
 * @param name cpu, reference, opencl, cuda, metal, or the path of a shared object with a fabric,
 *   which is then loaded into this process
 * @throws RefusalError tensor_device_unknown | tensor_device_unavailable | native_addon_missing
 */
export function openDevice(name: string): Device {
  const native = loadTensors()
  installNativeHash()
  if (name === 'cpu') return cpuDevice(native, new HostMemory(native))
  if (name === 'reference') {
    const memory = new HostMemory(native)
    return referenceDevice((length) => memory.zeros(length))
  }
  const isBuiltIn = BUILT.includes(name)
  if (!isBuiltIn && !/[\\/]/.test(name)) refuse('tensor_device_unknown', { device: name })
  const path = isBuiltIn ? join(NATIVE_DIR, `libblocktorch_${name}.so`) : resolve(name)
  if (!existsSync(path)) {
    refuse('tensor_device_unavailable', { device: name, reason: 'there is no such file' })
  }
  return fabricDevice(native, name, path)
}
