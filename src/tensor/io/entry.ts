/**
 * The door of the package: `import { Tensor } from 'blocktorch'`.
 *
 * Loading it opens no device; the first tensor does.
 * Source: docs/reference/tensor.md.
 */

import { installDevices } from '../device.ts'
import { installProfile } from '../profile.ts'
import { openDevice } from './open-device.ts'
import { profileSetting } from './profile-file.ts'

export { type Fact, type Refusal, RefusalError } from '../../base/refusal.ts'
export type { NamedProgram } from '../../program/builder.ts'
export { setDefaultDevice } from '../device.ts'
export type { DtypeName, Elements } from '../dtype.ts'
export {
  type GradientGroup,
  type ParameterGroups,
  parseGradients,
  serialiseGradients,
} from '../gradient-bytes.ts'
export type { DataOptions, Dims, TensorOptions } from '../making.ts'
export {
  type AdamOptions,
  adam,
  adamStep,
  type Moments,
  type Optimiser,
  sgd,
  sgdStep,
} from '../optimiser.ts'
export {
  type LiveTensor,
  tensorLive,
  tensorProfileClearLog,
  tensorProfileLog,
  tensorProfileReset,
} from '../profile.ts'
export { noGrad, scope } from '../scope.ts'
export { type Operand, Tensor } from '../tensor.ts'
export { type TensorSpec, type Traced, trace } from '../trace.ts'
export { tensorProfileWrite } from './profile-file.ts'

installDevices(openDevice)
installProfile(profileSetting)
