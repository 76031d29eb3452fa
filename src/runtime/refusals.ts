/** Refusal codes of the runtime's adapters: files of keys, the native addon. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  profile_log_oversized: {
    meaning: 'The file of the tensor profile is longer than any that a node writes.',
    remedy: 'Move it aside, or remove it with `tb-cli profile clear`.',
  },
  key_file_exists: {
    meaning: 'A key file is already there, and keys are never overwritten.',
    remedy: 'Choose another name, or move the old file away once you are sure nothing uses it.',
  },
  key_file_missing: {
    meaning: 'There is no key file at this path.',
    remedy: 'Make one with `tb-cli keys new`, or restore it from its back-up.',
  },
  key_file_open_to_others: {
    meaning: 'Other users of this machine can read the key file.',
    remedy: 'Run `chmod 600` on it, and replace the key if somebody may have read it.',
  },
  key_file_malformed: {
    meaning: 'The file does not hold an Ed25519 key pair that fits together.',
    remedy: 'Restore it from its back-up; a key file is not meant to be edited.',
  },
  native_addon_missing: {
    meaning: 'The native addon has not been built.',
    remedy: 'Run `npm run setup`; it needs g++ or clang++, make and cmake.',
  },
  journal_damaged: {
    meaning: 'A record in the middle of a journal is not what was written.',
    remedy:
      'Do not sign with this journal: restore the disk, or start the validator with a new key.',
  },
  journal_oversized: {
    meaning: 'The file is longer than any journal grows.',
    remedy: 'Check that the path names a journal of this node.',
  },
}
