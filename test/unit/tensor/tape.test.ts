/** The tape: what adds up, what is kept, what is given up, and what is refused. */

import { strict as check } from 'node:assert'

import { RefusalError } from '../../../src/base/refusal.ts'
import { adam, adamStep, sgd, sgdStep } from '../../../src/tensor/optimiser.ts'
import { noGrad, scope } from '../../../src/tensor/scope.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { ramp } from './devices.ts'

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof RefusalError && error.refusal.code === code
}

function leafOf(values: readonly number[]): Tensor {
  const tensor = Tensor.from(values)
  tensor.requiresGrad = true
  return tensor
}

const gradOf = (tensor: Tensor): number[] => [...(tensor.grad?.toArray() ?? [])]

describe('backward', () => {
  it('adds to the gradients that are there, until they are forgotten', () => {
    const w = leafOf([1, 2])
    w.mul(3).sum().backward()
    w.mul(4).sum().backward()
    check.deepEqual(gradOf(w), [7, 7])
    w.zeroGrad()
    check.equal(w.grad, undefined)
    w.sum().backward()
    check.deepEqual(gradOf(w), [1, 1])
  })

  it('adds what comes by several ways', () => {
    const w = leafOf([2, 3])
    const twice = w.mul(2)
    twice.mul(twice).add(w).sum().backward()
    check.deepEqual(gradOf(w), [17, 25])
  })

  it('begins with one element, or with the gradient it is given', () => {
    const w = leafOf([1, 2])
    check.throws(() => w.mul(2).backward(), refusedWith('tensor_gradient_seed'))
    check.throws(() => w.mul(2).backward(Tensor.ones([3])), refusedWith('tensor_gradient_seed'))
    check.throws(
      () => w.mul(2).backward(Tensor.from([1, 1], [2], { dtype: 's32' })),
      refusedWith('tensor_gradient_seed'),
    )
    check.equal(w.grad, undefined, 'what was refused left nothing')
    w.mul(2).backward(Tensor.from([1, 10]))
    check.deepEqual(gradOf(w), [2, 20])
  })

  it('gives no memory away: gradients, seeds and values are apart', () => {
    const [a, b] = [leafOf([1]), leafOf([2])]
    const seed = Tensor.ones([1])
    a.add(b).backward(seed)
    a.grad?.fill_(9)
    check.deepEqual([gradOf(a), gradOf(b), [...seed.toArray()]], [[9], [1], [1]])
  })

  it('gives the record up, or keeps it when asked', () => {
    const w = leafOf([3])
    const y = w.mul(w)
    y.backward(undefined, 'graph')
    y.backward()
    check.deepEqual(gradOf(w), [12])
    check.throws(() => y.backward(), refusedWith('tensor_gradient_released'))
    check.throws(() => y.mul(2).backward(), refusedWith('tensor_gradient_released'))
  })

  it('keeps the gradient of a computed tensor when asked', () => {
    const w = leafOf([3])
    const y = w.mul(2).retainGrad()
    const z = y.mul(5)
    z.backward()
    check.deepEqual([gradOf(y), gradOf(w), z.grad], [[5], [10], undefined])
    check.throws(() => Tensor.ones([1]).retainGrad(), refusedWith('tensor_gradient_untracked'))
  })

  it('is refused where nothing was recorded', () => {
    check.throws(() => Tensor.ones([1]).backward(), refusedWith('tensor_gradient_untracked'))
    const w = leafOf([1])
    check.throws(() => noGrad(() => w.mul(2)).backward(), refusedWith('tensor_gradient_untracked'))
    check.throws(() => w.detach().backward(), refusedWith('tensor_gradient_untracked'))
    const s8 = Tensor.from([1], [1], { dtype: 's8' })
    check.throws(() => {
      s8.requiresGrad = true
    }, refusedWith('tensor_gradient_dtype'))
    check.throws(() => {
      w.mul(2).requiresGrad = false
    }, refusedWith('tensor_gradient_derived'))
  })

  it('passes nothing through integers and steps', () => {
    const w = leafOf([1.5, -2])
    check.equal(w.cast('s32').requiresGrad, false)
    w.greater(0).mul(w).sum().backward()
    check.deepEqual(gradOf(w), [1, 0])
  })

  it('resumes recording after an error in noGrad', () => {
    const w = leafOf([1])
    check.throws(() => noGrad(() => w.matmul(w)))
    check.ok(w.mul(2).requiresGrad)
  })
})

describe('writing in place', () => {
  it('is refused where a gradient still needs what was there', () => {
    const w = leafOf([2])
    const y = w.mul(3)
    const z = y.mul(y)
    y.fill_(1)
    check.throws(() => z.backward(), refusedWith('tensor_gradient_overwritten'))
    check.equal(w.grad, undefined)
  })

  it('is not refused where it does not', () => {
    const w = leafOf([2])
    const y = w.mul(3)
    const z = y.add(1)
    y.fill_(1)
    z.backward()
    check.deepEqual(gradOf(w), [3])
  })

  it('makes other views of the memory unusable for gradients', () => {
    const w = leafOf([1, 2])
    const y = w.mul(2)
    const view = y.view([2, 1])
    y.mul_(2)
    check.throws(() => view.sum(), refusedWith('tensor_gradient_alias'))
    y.view([2, 1]).sum().backward()
    check.deepEqual(gradOf(w), [4, 4])
  })

  it('keeps a leaf a leaf when it is not recorded', () => {
    const w = leafOf([1, 2])
    noGrad(() => w.sub_(1).detach().mul_(5))
    check.deepEqual([...w.toArray()], [0, 5])
    w.mul(2).sum().backward()
    check.deepEqual(gradOf(w), [2, 2])
  })

  it('is refused where several elements are one', () => {
    const row = Tensor.ones([1, 3]).expand([2, 3])
    check.throws(() => row.add_(1), refusedWith('tensor_alias_overlap'))
    check.throws(() => row.fill_(1), refusedWith('tensor_alias_overlap'))
  })

  it('copies before it writes when source and target share memory', () => {
    const t = Tensor.from(ramp(6))
    t.slice(0, 1, 6).copy_(t.slice(0, 0, 5))
    check.deepEqual([...t.toArray()], [0, 0, 1, 2, 3, 4])
    const square = Tensor.from(ramp(4), [2, 2])
    square.copy_(square.transpose())
    check.deepEqual([...square.toArray()], [0, 2, 1, 3])
  })
})

describe('a step of training', () => {
  it('is fma(-rate, gradient, parameter)', () => {
    const w = leafOf([1, 2])
    const untouched = leafOf([5])
    w.mul(3).sum().backward()
    sgd([w, untouched], { rate: 0.5 }).step()
    check.deepEqual([...w.toArray()], [-0.5, 0.5])
    check.deepEqual([...untouched.toArray()], [5])
    const fresh = sgdStep(Tensor.from([1, 2]), Tensor.from([3, 3]), 0.5)
    check.equal(fresh.digest(), w.digest())
  })

  it('of Adam moves by the rate at first, whatever the size of the gradient', () => {
    const [w, g] = [Tensor.from([1, 1, 1]), Tensor.from([1000, 0.25, -4])]
    const moments = { mean: w.zerosLike(), square: w.zerosLike() }
    const { parameter } = adamStep(w, g, moments, 1, { rate: 0.125 })
    const moved = [...parameter.toArray()].map((value) => Math.round(value * 1e4) / 1e4)
    check.deepEqual(moved, [0.875, 0.875, 1.125])
  })

  it('of Adam agrees with double precision over twenty steps', () => {
    const w = leafOf([0.5, -1])
    const optimiser = adam([w], { rate: 0.1 })
    const model = [0.5, -1].map((value) => ({ value, m: 0, v: 0 }))
    for (let at = 1; at <= 20; at++) {
      scope(() => {
        optimiser.zeroGrad()
        w.mul(w).sum().backward()
        optimiser.step()
      })
      for (const each of model) {
        const g = 2 * each.value
        each.m = 0.9 * each.m + 0.1 * g
        each.v = 0.999 * each.v + 0.001 * g * g
        const size = Math.sqrt(each.v / (1 - 0.999 ** at)) + 1e-8
        each.value -= (0.1 * (each.m / (1 - 0.9 ** at))) / size
      }
    }
    w.toArray().forEach((value, at) => {
      check.ok(Math.abs(value - (model[at]?.value ?? 0)) < 1e-4)
    })
  })
})
