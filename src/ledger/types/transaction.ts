/**
 * Transactions: what an account asks of the ledger, in strict nonce order.
 *
 * The body names sender, nonce and tip; the payload is the encoding of the action's own container.
 * An account's id is its Ed25519 public key.
 */

import {
  byteList,
  bytes32,
  bytesOf,
  type Codec,
  container,
  type Decoded,
  decode,
  encode,
  list,
  u8,
  u32,
  u64,
  u128,
} from '../../base/codec.ts'
import { refuse } from '../../base/refusal.ts'

export const ROLE_VALIDATOR = 1
export const ROLE_PROVIDER = 2

/** Most bytes of a registered program's canonical IR. */
export const PROGRAM_BYTES_MAX: number = 64 * 1024
export const PROGRAM_WEIGHTS_MAX = 64
export const PROPOSAL_ITEMS_MAX = 16

const Weight = container({
  digest: bytes32,
  /** Bytes. */
  length: u64,
  /** Element type as in the program floor: 1 f32, 2 s8, 3 s32. */
  dtype: u8,
})

/** The payload of each action. Order and width of fields are the wire format. */
export const ACTIONS = {
  transfer: { byte: 1, codec: container({ to: bytes32, value: u128 }) },
  /** `consensusKey` and `vrfKey` are read when a validator bonds for the first time. */
  bond: {
    byte: 2,
    codec: container({
      role: u8,
      value: u128,
      consensusKey: bytes32,
      vrfKey: bytes32,
      /** Ed25519 by the consensus key over ("bt/possession/1", genesis, account). */
      possession: bytesOf(64),
    }),
  },
  unbond: { byte: 3, codec: container({ role: u8, value: u128 }) },
  unjail: { byte: 4, codec: container({ reserved: u8 }) },
  'rotate-key': {
    byte: 5,
    codec: container({ consensusKey: bytes32, vrfKey: bytes32, possession: bytesOf(64) }),
  },
  'register-provider': {
    byte: 6,
    codec: container({ bond: u128, fabric: byteList(32), kernelDigest: bytes32 }),
  },
  'retire-provider': { byte: 7, codec: container({ reserved: u8 }) },
  'register-program': {
    byte: 8,
    codec: container({
      ir: byteList(PROGRAM_BYTES_MAX),
      name: byteList(64),
      weights: list(Weight, PROGRAM_WEIGHTS_MAX),
    }),
  },
  'retire-program': { byte: 9, codec: container({ program: bytes32 }) },
  'post-ask': {
    byte: 10,
    codec: container({
      lane: u8,
      /** nBLOCK per unit of work. */
      unitPrice: u128,
      blocksBase: u32,
      unitsPerBlock: u64,
      maxUnits: u64,
      maxOpenJobs: u32,
      expiryHeight: u64,
      capabilities: list(byteList(32), 8),
    }),
  },
  'cancel-ask': { byte: 11, codec: container({ ask: bytes32 }) },
  propose: {
    byte: 12,
    codec: container({
      /** 1 change parameters, 2 roll back the change of proposal `rollback`. */
      kind: u8,
      rollback: bytes32,
      title: byteList(128),
      deposit: u128,
      items: list(container({ key: byteList(64), value: u64 }), PROPOSAL_ITEMS_MAX),
    }),
  },
  deposit: { byte: 13, codec: container({ proposal: bytes32, value: u128 }) },
  vote: {
    byte: 14,
    /** 1 yes, 2 no, 3 abstain, 4 veto. */
    codec: container({ proposal: bytes32, option: u8 }),
  },
} as const

export type ActionName = keyof typeof ACTIONS
export type ActionPayload<Name extends ActionName> = Decoded<(typeof ACTIONS)[Name]['codec']>

/** An action by name, with its payload. */
export type Action = {
  readonly [Name in ActionName]: { readonly name: Name; readonly payload: ActionPayload<Name> }
}[ActionName]

export const TransactionCodec = container({
  sender: bytes32,
  nonce: u64,
  tip: u128,
  action: u8,
  payload: byteList(90 * 1024),
})

export type Transaction = Decoded<typeof TransactionCodec>

/** @throws RefusalError action_unknown | codec_*. */
export function decodeAction(transaction: Transaction): Action {
  const entry = Object.entries(ACTIONS).find(([, { byte }]) => byte === transaction.action)
  if (entry === undefined) return refuse('action_unknown', { action: transaction.action })
  const [name, { codec }] = entry
  const payload = decode(codec as Codec<unknown>, transaction.payload)
  return { name, payload } as Action
}

export function encodeAction(action: Action): {
  readonly action: number
  readonly payload: Uint8Array
} {
  const { byte, codec } = ACTIONS[action.name]
  return { action: byte, payload: encode(codec as Codec<unknown>, action.payload) }
}
