/**
 * The transition: one block's sections in their order, then what falls due at its end.
 *
 *   signatures counted -> evidence -> attestations -> receipts -> transactions -> offers
 *   -> deadlines -> settlement -> governance -> matcher -> bonds, validators -> conservation
 *
 * Anything refused makes the block invalid as a whole; there are no failed transactions.
 *
 * Source: protocol.md §2 (Order of execution).
 */

import { unreachable } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import type { Params } from '../governance/params.ts'
import { account, move, pot, useNonce } from './accounts.ts'
import { applyCancelAsk, applyPostAsk } from './asks.ts'
import { applyAttestationBatch } from './attestations.ts'
import { expireAtEnd } from './deadlines.ts'
import { applyEvidence } from './evidence.ts'
import { type Execution, emit } from './execution.ts'
import { applyCancelOffer, applyOffer } from './jobs.ts'
import { matchAtEnd } from './matcher.ts'
import type { Opened } from './objects.ts'
import { applyRegisterProgram, applyRetireProgram } from './programs.ts'
import { applyDeposit, applyPropose, applyVote, governAtEnd } from './proposals.ts'
import {
  applyRegisterProvider,
  applyRetireProvider,
  bondProvider,
  unbondProvider,
} from './providers.ts'
import { applyProofAnnounce, applyReceipt } from './receipts.ts'
import { settleAtEnd } from './settlement.ts'
import { type Action, ROLE_PROVIDER, ROLE_VALIDATOR } from './types/transaction.ts'
import {
  bondValidator,
  releaseBonds,
  rotateKey,
  unbondValidator,
  unjail,
  updateValidators,
} from './validators.ts'

/** One object of a section. @throws RefusalError whenever a rule does not hold. */
export function applyObject(execution: Execution, opened: Opened): void {
  if (!execution.block.checked(opened.id)) refuse('object_unchecked', { id: opened.id })
  switch (opened.kind) {
    case 'evidence':
      applyEvidence(execution, opened.id, opened.body)
      return
    case 'attestation-batch':
      applyAttestationBatch(execution, opened.id, opened.body)
      return
    case 'receipt':
      applyReceipt(execution, opened.id, opened.body)
      return
    case 'proof-announce':
      applyProofAnnounce(execution, opened.id, opened.body)
      return
    case 'transaction':
      applyTransaction(execution, opened)
      return
    case 'offer':
      chargeFee(execution, feeOf(execution, opened))
      applyOffer(execution, opened.id, opened.body)
      return
    case 'cancel-offer':
      chargeFee(execution, feeOf(execution, opened))
      applyCancelOffer(execution, opened.id, opened.body)
      return
    default:
      unreachable(opened)
  }
}

/** What falls due once every section is done. */
export function finishBlock(execution: Execution): void {
  expireAtEnd(execution)
  settleAtEnd(execution)
  governAtEnd(execution)
  matchAtEnd(execution)
  releaseBonds(execution)
  updateValidators(execution)
}

export interface Fee {
  readonly payer: string
  readonly burned: bigint
  readonly tip: bigint
  /** The class whose base fee it pays, and for how many bytes. */
  readonly section: 'transaction' | 'offer'
  readonly bytes: bigint
}

type Paying = Extract<Opened, { kind: 'transaction' | 'offer' | 'cancel-offer' }>

/** Burned for its bytes, and the tip for the proposer. */
export function feeOf(
  { block }: { readonly block: { readonly params: Params } },
  opened: Paying,
): Fee {
  const { base_fee_transaction: ofTransaction, base_fee_offer: ofOffer } = block.params
  const section = opened.kind === 'transaction' ? 'transaction' : 'offer'
  const perByte = section === 'transaction' ? ofTransaction : ofOffer
  const bytes = BigInt(opened.bytes)
  return {
    payer: payerOf(opened),
    burned: perByte * bytes,
    tip: opened.body.tip,
    section,
    bytes,
  }
}

function payerOf(opened: Paying): string {
  const key = opened.kind === 'transaction' ? opened.body.sender : opened.body.buyer
  return toHex(key)
}

function chargeFee(execution: Execution, { payer, burned, tip, section, bytes }: Fee): void {
  move(execution, account(payer), pot('burned'), burned)
  move(execution, account(payer), account(execution.block.proposer), tip)
  emit(execution, {
    kind: 'fee-burned',
    actor: payer,
    value: burned,
    count: bytes,
    reason: section,
  })
  if (tip > 0n) {
    emit(execution, {
      kind: 'tip-paid',
      actor: payer,
      subject: execution.block.proposer,
      value: tip,
    })
  }
}

function applyTransaction(
  execution: Execution,
  opened: Extract<Opened, { kind: 'transaction' }>,
): void {
  const fee = feeOf(execution, opened)
  useNonce(execution.view, fee.payer, opened.body.nonce)
  chargeFee(execution, fee)
  applyAction(execution, fee.payer, opened.id, opened.action)
}

function applyAction(execution: Execution, sender: string, id: string, action: Action): void {
  switch (action.name) {
    case 'transfer': {
      const to = toHex(action.payload.to)
      move(execution, account(sender), account(to), action.payload.value)
      emit(execution, {
        kind: 'transferred',
        subject: to,
        actor: sender,
        value: action.payload.value,
      })
      return
    }
    case 'bond':
      if (action.payload.role === ROLE_VALIDATOR) bondValidator(execution, sender, action.payload)
      else if (action.payload.role === ROLE_PROVIDER) {
        bondProvider(execution, sender, action.payload.value)
      } else refuse('role_unknown', { role: action.payload.role })
      return
    case 'unbond':
      if (action.payload.role === ROLE_VALIDATOR) {
        unbondValidator(execution, sender, action.payload.value)
      } else if (action.payload.role === ROLE_PROVIDER) {
        unbondProvider(execution, sender, action.payload.value)
      } else refuse('role_unknown', { role: action.payload.role })
      return
    case 'unjail':
      unjail(execution, sender)
      return
    case 'rotate-key':
      rotateKey(execution, sender, action.payload)
      return
    case 'propose':
      applyPropose(execution, sender, id, action.payload)
      return
    case 'deposit':
      applyDeposit(execution, sender, id, action.payload)
      return
    case 'vote':
      applyVote(execution, sender, id, action.payload)
      return
    case 'register-provider':
    case 'retire-provider':
    case 'register-program':
    case 'retire-program':
    case 'post-ask':
    case 'cancel-ask':
      applyMarketAction(execution, sender, id, action)
      return
    default:
      unreachable(action)
  }
}

function applyMarketAction(
  execution: Execution,
  sender: string,
  id: string,
  action: Extract<
    Action,
    {
      name:
        | 'register-provider'
        | 'retire-provider'
        | 'register-program'
        | 'retire-program'
        | 'post-ask'
        | 'cancel-ask'
    }
  >,
): void {
  switch (action.name) {
    case 'register-provider':
      applyRegisterProvider(execution, sender, action.payload)
      return
    case 'retire-provider':
      applyRetireProvider(execution, sender)
      return
    case 'register-program':
      applyRegisterProgram(execution, sender, action.payload)
      return
    case 'retire-program':
      applyRetireProgram(execution, sender, action.payload)
      return
    case 'post-ask':
      applyPostAsk(execution, sender, id, action.payload)
      return
    case 'cancel-ask':
      applyCancelAsk(execution, sender, action.payload)
      return
    default:
      unreachable(action)
  }
}
