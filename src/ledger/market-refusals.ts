/** The codes with which the market half of the ledger answers what it cannot take. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  ask_closed: {
    meaning: 'The ask has been cancelled or has expired.',
    remedy: 'Post a new ask.',
  },
  ask_expired: {
    meaning: 'The ask expires before it is included.',
    remedy: 'Post the ask with a later expiry height.',
  },
  ask_terms_empty: {
    meaning: 'A rate or limit of the ask is zero, so that it could never run a job.',
    remedy: 'Give unitsPerBlock, maxUnits and maxOpenJobs at least 1.',
  },
  ask_unknown: {
    meaning: 'No ask of this id belongs to the sender.',
    remedy: 'Look the id up with `tb-cli explain`; an ask is named by its transaction.',
  },
  asks_too_many: {
    meaning: 'The provider has as many standing asks as one provider may have.',
    remedy: 'Cancel an ask, or wait until one expires.',
  },
  attestation_batch_repeated: {
    meaning: 'A batch of this validator for this height is already in the chain.',
    remedy: 'Sign the items that are still owed in a batch of a later height.',
  },
  attestation_empty: {
    meaning: 'The batch has no item.',
    remedy: 'Send batches only when there is something to attest.',
  },
  attestation_foreign: {
    meaning: "The validator was not in the set of the object's opening height.",
    remedy: 'Attest only what the duties of this validator name.',
  },
  attestation_height: {
    meaning: 'The batch names a height that is not reached, or one too long past.',
    remedy: 'Sign a new batch at the present height.',
  },
  attestation_micros: {
    meaning: 'An item that measures nothing names a duration.',
    remedy: 'Give micros with `valid` and `invalid` only.',
  },
  attestation_object_closed: {
    meaning: 'Nothing of this id is being attested: unknown, or its window has closed.',
    remedy: 'Ask the duties again; the item is no longer owed.',
  },
  attestation_outside_window: {
    meaning: 'The item was signed before the window opened, or is included after it closed.',
    remedy: 'Attest within the window that the duties name.',
  },
  attestation_repeated: {
    meaning: 'An item of this validator about this object is already in the chain.',
    remedy: 'Ask the duties again; the first item counts.',
  },
  attestation_statement_wrong: {
    meaning: 'The statement does not fit the kind of object, or is none.',
    remedy: 'Say `available` of programs and offers, a verdict of receipts.',
  },
  attestation_unavailable_early: {
    meaning: '`unavailable` may be signed only in the last quarter of the window.',
    remedy: 'Go on fetching until then.',
  },
  bond_locked: {
    meaning: 'Less of the bond is free than is asked for; the rest secures open attempts.',
    remedy: 'Wait until the attempts are final, or ask for less.',
  },
  descriptor_mismatch: {
    meaning: "The descriptor digest is not that of the offer's job descriptor.",
    remedy: 'Hash the SSZ encoding of program, inputs, lane and verification with SHA-256.',
  },
  evidence_innocent: {
    meaning: 'The fraud proof convicts nobody; the reason says why.',
    remedy: 'Build the proof from the data the receipt commits to.',
  },
  evidence_known: {
    meaning: 'This offence of this offender about this subject has been punished.',
    remedy: 'Nothing to do.',
  },
  evidence_no_conflict: {
    meaning: 'The two statements do not contradict each other.',
    remedy: 'Report only what breaks a rule of docs/reference/market.md or of consensus.',
  },
  evidence_no_quorum: {
    meaning: 'A certificate in the evidence does not hold two thirds of the power.',
    remedy: 'Give both certificates whole.',
  },
  evidence_not_refuted: {
    meaning: 'No accepted fraud proof refutes this verdict, or its receipt is not under fold.',
    remedy: 'Report the fraud proof first.',
  },
  evidence_offender_gone: {
    meaning: 'The offender is no validator, or has been removed for good already.',
    remedy: 'Nothing to do.',
  },
  evidence_offender_wrong: {
    meaning: 'The evidence proves something about another account.',
    remedy: 'Name the account that signed.',
  },
  evidence_payload_unexpected: {
    meaning: 'This type of evidence carries no payload.',
    remedy: 'Leave the payload empty.',
  },
  evidence_subject_unknown: {
    meaning: 'The receipt, program or attempt the evidence is about is not in state.',
    remedy: 'Wait until the receipt is anchored; old receipts are forgotten.',
  },
  evidence_subject_wrong: {
    meaning: 'The subject is not the one that follows from the payload.',
    remedy: 'Derive the subject as docs/reference/market.md says.',
  },
  evidence_too_old: {
    meaning: 'The offence lies in the future, or too far back to be punished.',
    remedy: 'Report within evidence_age blocks.',
  },
  evidence_type_unsupported: {
    meaning: 'This type of evidence is not taken by this version.',
    remedy: 'See the types in docs/reference/market.md.',
  },
  evidence_unchecked: {
    meaning: 'The signatures of the evidence have not been checked.',
    remedy: 'A fault of this node: report it.',
  },
  inputs_mismatch: {
    meaning: "Number or lengths of the inputs are not those of the program's inputs.",
    remedy: 'Give each input the bytes of its type, in order.',
  },
  inputs_too_large: {
    meaning: 'All inputs together are larger than max_input_bytes.',
    remedy: 'Use a smaller batch.',
  },
  kernel_digest_disabled: {
    meaning: 'The kernel digest is switched off by the parameter kernels_disabled.',
    remedy: 'Register with other kernels, or propose to clear its bit.',
  },
  kernel_digest_unknown: {
    meaning: 'The kernel digest is not one of those the chain admits.',
    remedy: 'Run the kernels of this release, or propose their digest.',
  },
  lane_unknown: {
    meaning: 'The lane is neither consumer nor industrial.',
    remedy: 'Use 0 for consumer, 1 for industrial.',
  },
  market_full: {
    meaning: 'As many jobs are open as the market holds.',
    remedy: 'Try again when jobs have been settled.',
  },
  offer_deadline_empty: {
    meaning: 'The offer gives the provider no block to run in.',
    remedy: 'Give a deadline of at least one block.',
  },
  offer_not_open: {
    meaning: 'Only an offer that waits for a match can be cancelled.',
    remedy: 'Wait for the outcome of the attempt under way.',
  },
  offer_ttl_exceeded: {
    meaning: 'The offer would wait longer than max_offer_ttl.',
    remedy: 'Choose an earlier expiry height.',
  },
  offer_unknown: {
    meaning: 'No offer of this id belongs to the sender.',
    remedy: 'Look the id up with `tb-cli job show`.',
  },
  program_in_use: {
    meaning: 'Jobs of this program are open.',
    remedy: 'Retire the program when they have ended.',
  },
  program_not_available: {
    meaning: 'The program is pending, expired or retired.',
    remedy: 'Wait until two thirds of the power hold its weights, or register it again.',
  },
  program_registered: {
    meaning: 'A program with this representation is already registered.',
    remedy: 'Use the program under its id.',
  },
  program_unknown: {
    meaning: 'No program of this id is in state, or it belongs to another account.',
    remedy: 'Register the program first.',
  },
  proof_announced: {
    meaning: 'The proof of this receipt has been announced.',
    remedy: 'Nothing to do.',
  },
  proof_late: {
    meaning: 'The proof window of the receipt has closed, or its attempt has ended.',
    remedy: 'Announce a proof within proof_window_blocks.',
  },
  proof_not_announced: {
    meaning: 'Verdicts on a succinct receipt count only once its proof is announced.',
    remedy: 'Wait for the announcement.',
  },
  proof_unexpected: {
    meaning: 'The receipt is not under succinct verification.',
    remedy: 'Announce proofs of succinct receipts only.',
  },
  provider_busy: {
    meaning: 'Attempts of this provider are not final.',
    remedy: 'Retire when they are.',
  },
  provider_registered: {
    meaning: 'The account is a provider already.',
    remedy: 'Add to the bond with `bond`.',
  },
  provider_unknown: {
    meaning: 'The account is not a provider, or has retired.',
    remedy: 'Register it first.',
  },
  receipt_attempt_closed: {
    meaning: 'The attempt has its receipt, or has ended.',
    remedy: 'Nothing to do; resend only the stored receipt.',
  },
  receipt_attempt_wrong: {
    meaning: 'The receipt names an attempt that is not the current one.',
    remedy: 'Sign receipts for the attempt the duties name.',
  },
  receipt_field_wrong: {
    meaning: 'A field of the receipt is not what the ledger knows; the facts name it.',
    remedy: 'Take the field from the matched attempt.',
  },
  receipt_job_unknown: {
    meaning: 'The receipt is about no job in state.',
    remedy: 'Wait until the offer is in the chain.',
  },
  receipt_late: {
    meaning: 'The deadline of the attempt has passed.',
    remedy: 'Deliver earlier; ask for more blocks in the ask.',
  },
  receipt_unknown: {
    meaning: 'No receipt of this id is anchored.',
    remedy: 'Wait until the receipt is in the chain.',
  },
  verification_data_exceeded: {
    meaning: 'A validator would read more than proof_data_budget_bytes for one receipt.',
    remedy: 'Use a smaller batch or a program with smaller intermediate tensors.',
  },
  verification_units_exceeded: {
    meaning: 'Checking one receipt would cost more than proof_verification_budget_units.',
    remedy: 'Use a smaller batch, or split the program.',
  },
  verification_unknown: {
    meaning: 'The verification is neither fold, succinct nor replay.',
    remedy: 'Use 0, 1 or 2.',
  },
  weights_mismatch: {
    meaning: 'The weights listed are not those the program names.',
    remedy: 'List digest, length and type of each weight in the order of the program.',
  },
  weights_too_large: {
    meaning: 'All weights together are larger than max_weights_bytes.',
    remedy: 'Use a smaller model.',
  },
}
