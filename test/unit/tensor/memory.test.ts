/** Memory: shared with JavaScript, aligned, given back once, and moved between devices. */

import { strict as check } from 'node:assert'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { RefusalError } from '../../../src/base/refusal.ts'
import { bytesOver } from '../../../src/tensor/dtype.ts'
import { loadTensors } from '../../../src/tensor/io/native-tensors.ts'
import { scope } from '../../../src/tensor/scope.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { DEVICES, REMOTE, ramp, titleOf } from './devices.ts'

const native = loadTensors()

function placeOf(tensor: Tensor): number {
  return native.memoryPlace(bytesOver(tensor.data()))
}

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof RefusalError && error.refusal.code === code
}

describe('the memory of a tensor', () => {
  it('is that of the array it was made over', () => {
    const array = Float32Array.of(1, 2)
    const tensor = Tensor.fromData(array)
    array[0] = 3
    check.equal(tensor.data()[0], 3)
    check.equal(tensor.data().buffer, array.buffer)
    tensor.fill_(7)
    check.deepEqual([...array], [7, 7])
    const part = Tensor.fromData(new Float32Array(array.buffer, 4, 1))
    part.fill_(5)
    check.deepEqual([...array], [7, 5])
  })

  it('is read by kernels where it lies, at any element', () => {
    const array = new Int32Array(12)
    const odd = new Int8Array(array.buffer, 3, 8)
    odd.set([1, 2, 3, 4, 5, 6, 7, 8])
    const a = Tensor.fromData(odd, [2, 4])
    check.deepEqual([...a.matmul(a.transpose()).toArray()], [30, 70, 70, 174])
  })

  it('begins at a multiple of 64 bytes when it is our own', () => {
    for (const tensor of [
      Tensor.empty([1]),
      Tensor.ones([3]),
      Tensor.empty([1]).add(1),
      Tensor.ones([5, 7]).transpose().contiguous(),
    ]) {
      check.equal(placeOf(tensor), 0)
    }
  })

  it('is given to the deleter once, when it is disposed of', () => {
    let deleted = 0
    const tensor = Tensor.fromData(Float32Array.of(1), [1], { deleter: () => deleted++ })
    const view = tensor.view([1, 1])
    view.dispose()
    tensor.dispose()
    check.equal(deleted, 1)
    for (const use of [() => tensor.data(), () => view.add(1), () => tensor.toArray()]) {
      check.throws(use, refusedWith('tensor_disposed'))
    }
  })

  it('is given to the deleter when nobody can reach it any more', async function () {
    this.timeout(20_000)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    let deleted = 0
    const make = (): void => {
      const tensor = Tensor.fromData(Float32Array.of(1), [1], { deleter: () => deleted++ })
      tensor.view([1, 1]).add(1)
    }
    make()
    for (let turn = 0; turn < 100 && deleted === 0; turn++) {
      await new Promise((done) => setTimeout(done, 5))
      collect()
    }
    check.equal(deleted, 1)
  })

  it('ends with the scope it was taken in, but for what is returned and its gradient needs', () => {
    const inner: Tensor[] = []
    const weight = Tensor.ones([2])
    weight.requiresGrad = true
    const kept = scope(() => {
      const between = weight.mul(2)
      inner.push(between, Tensor.ones([2]))
      return between.mul(between).sum()
    })
    check.deepEqual(
      inner.map(({ isDisposed }) => isDisposed),
      [false, true],
    )
    scope(() => kept.backward())
    check.deepEqual([...(weight.grad?.toArray() ?? [])], [8, 8])
  })

  it('is used again only when nobody has an array over it, and then as fresh', () => {
    const length = 1 << 14
    const shown = Tensor.ones([length])
    const array = shown.data()
    shown.dispose()
    const hidden = Tensor.full([length], 5)
    hidden.dispose()
    for (const next of [Tensor.zeros([length]), Tensor.zeros([length])]) {
      check.equal(next.sum().item(), 0)
      check.equal(placeOf(next), 0)
      next.fill_(7)
    }
    check.ok(array.every((value) => value === 1))
  })

  it('that is lent is never used for another tensor', () => {
    const array = new Float32Array(1 << 14).fill(3)
    Tensor.fromData(array).dispose()
    Tensor.full([1 << 14], 8)
    Tensor.ones([1 << 14]).mul(2)
    check.ok(array.every((value) => value === 3))
  })

  for (const device of DEVICES) {
    it(`stays on its device and goes round: ${titleOf(device)}`, () => {
      const host = Tensor.from(ramp(4, 1), [4])
      check.ok(host.to('cpu').isAliasOf(host), 'to its own device nothing moves')
      const there = host.to(device)
      check.equal(there.device, device)
      check.ok(there.to(device).isAliasOf(there))
      const again = there.mul(2).to('cpu')
      check.deepEqual([...again.data()], [2, 4, 6, 8])
      if (device !== 'cpu') {
        check.ok(!again.isAliasOf(host))
        check.throws(() => host.add(there), refusedWith('tensor_device_mismatch'))
      }
    })

    it(`is moved in order, whatever the layout: ${titleOf(device)}`, () => {
      const every = Tensor.from(ramp(1000), [1000]).slice(0, 0, 1000, 2)
      check.ok(!every.isContiguous)
      const back = every.to(device).contiguous().to('cpu')
      check.deepEqual(
        [...back.data()],
        ramp(500).map((at) => 2 * at),
      )
      check.equal(placeOf(back), 0)
    })
  }

  it('of a device that keeps its own is read by copying only', () => {
    const there = Tensor.ones([2], { device: REMOTE })
    check.throws(() => there.data(), refusedWith('tensor_memory_remote'))
    check.deepEqual([...there.toArray()], [1, 1])
  })

  it('of a device is given back by the scope, and its numbers are not used twice', () => {
    const opened = native.deviceOpen(REMOTE, '{}')
    check.ok('device' in opened)
    const [first, second] = [1, 2].map(() => native.deviceTake(opened.device, 64, 'probe'))
    check.ok(first !== undefined && second !== undefined && second > first)
    native.deviceGive(opened.device, first)
    check.throws(() => native.deviceGive(opened.device, first), TypeError)
    check.throws(() => native.deviceGive(opened.device, second + 1), TypeError)
    native.deviceGive(opened.device, second)
    const made: Tensor[] = []
    for (let turn = 0; turn < 50; turn++) {
      scope(() => {
        const t = Tensor.ones([64], { device: REMOTE })
        made.push(t, t.slice(0, 0, 64, 2).mul(2))
      })
    }
    check.ok(made.every(({ isDisposed }) => isDisposed))
  })

  it('goes between devices in the middle of a computation', () => {
    const [a, b] = [Tensor.from(ramp(4)), Tensor.from(ramp(4), [4], { device: REMOTE })]
    const mixed = a.to(REMOTE).add(b).to('reference').mul(2).to(REMOTE).sub(b).to('cpu')
    check.deepEqual([...mixed.toArray()], [0, 3, 6, 9])
    check.deepEqual([...a.toArray(), ...b.toArray()], [...ramp(4), ...ramp(4)])
  })

  it('carries the gradient over the border', () => {
    const host = Tensor.from(ramp(3), [3])
    host.requiresGrad = true
    host.to(REMOTE).mul(3).to('cpu').sum().backward()
    check.deepEqual([...(host.grad?.toArray() ?? [])], [3, 3, 3])
    check.equal(host.grad?.device, 'cpu')
  })

  it('is taken and given back a hundred thousand times', function () {
    this.timeout(20_000)
    let deleted = 0
    const array = new Float32Array(16)
    for (let turn = 0; turn < 100_000; turn++) {
      Tensor.fromData(array, [16], { deleter: () => deleted++ }).dispose()
    }
    check.equal(deleted, 100_000)
  })

  it('of large tensors goes to devices from several threads of JavaScript', async function () {
    this.timeout(20_000)
    const { Worker } = await import('node:worker_threads')
    const entry = new URL('../../../src/tensor/io/entry.js', import.meta.url).href
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.entry).then(({ Tensor }) => {
        const host = Tensor.full([256, 1024], workerData.value)
        const sum = host.to(workerData.device).add(1).to('cpu').sum()
        parentPort.postMessage(sum.item())
      })`
    const sums = await Promise.all(
      [1, 2, 3, 4].map(
        (value) =>
          new Promise<number>((resolve, reject) => {
            const device = value % 2 === 0 ? REMOTE : 'cpu'
            const worker = new Worker(source, { eval: true, workerData: { entry, value, device } })
            worker.once('message', resolve)
            worker.once('error', reject)
          }),
      ),
    )
    check.deepEqual(
      sums,
      [2, 3, 4, 5].map((each) => each * 256 * 1024),
    )
  })
})
