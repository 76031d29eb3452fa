/** The codes with which the compute room answers jobs, fabrics and blobs it cannot take. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  lab_log_oversized: {
    meaning: 'The lab log is longer than any that may be read.',
    remedy: 'Begin another one with --log.',
  },
  lab_line_malformed: {
    meaning: 'A line of the lab log is none of its lines, or not in the one spelling it has.',
    remedy: 'Take the log from where it was made; it is never edited by hand.',
  },
  lab_chain_broken: {
    meaning: 'An entry does not continue the chain: it, or one before it, is not what it was.',
    remedy: 'Take the log from where it was made, and ask whoever sent this one.',
  },
  lab_output_wrong: {
    meaning: 'The output digest of an entry does not follow from the digests of its ops.',
    remedy: 'Do not believe the log; make the entry again with `tb-cli lab log`.',
  },
  lab_log_unsealed: {
    meaning: 'The lab log does not end with a seal: it was cut.',
    remedy: 'Take the whole file.',
  },
  lab_seal_wrong: {
    meaning: 'The seal of the lab log names other entries, or its signature is wrong.',
    remedy: 'Take the log from where it was made, and ask whoever sent this one.',
  },
  courier_full: {
    meaning: 'As many jobs wait for this fabric as are allowed to.',
    remedy: 'Lower maxOpenJobs in the ask, or wait for running jobs to end.',
  },
  run_deadline_passed: {
    meaning: 'The job did not end within its deadline; the run was cancelled.',
    remedy: 'Offer a longer deadline, or match a faster provider.',
  },
  fabric_crashed: {
    meaning: 'The process of the fabric died while it ran the job, twice for a job that fails.',
    remedy: 'Look at the exit reason; test the fabric with npm run test:native.',
  },
  fabric_refused: {
    meaning: 'The fabric refused to run the op table: out of memory, or an op it does not have.',
    remedy: 'Read the reason; choose a fabric that supports every op of the program.',
  },
  fabric_unusable: {
    meaning: 'The fabric could not be opened, or its device failed the self-test.',
    remedy: 'Read the reason; run npm run setup, and update the driver of the device.',
  },
  vectors_damaged: {
    meaning: 'A file of golden vectors is not the one that was recorded.',
    remedy: 'Take test/vectors/program from the repository again.',
  },
  fabric_not_built: {
    meaning: 'The shared object of the fabric is not there.',
    remedy: 'Run the command that the facts name; a plugin is named by its path.',
  },
  isa_unavailable: {
    meaning: 'The fabric cannot compute with this instruction set on this processor.',
    remedy: 'Leave --isa out, or name one that `tb-cli fabric probe` shows as available.',
  },
  fabric_kernels_foreign: {
    meaning: 'The fabric was built from other kernels than this node.',
    remedy: 'Run npm run setup to build it again.',
  },
  input_missing: {
    meaning: 'A blob that the job reads is not in the blob store, or has another length.',
    remedy: 'Fetch the input from a validator and run the job again.',
  },
  input_corrupt: {
    meaning: 'The bytes of a stored blob do not hash to its name; the file is damaged.',
    remedy: 'Check the disk; the blob is dropped and fetched again.',
  },
  verifier_full: {
    meaning: 'As many verifications wait as are allowed to.',
    remedy: 'Lower verify_units_in_flight, or give the verifier more workers.',
  },
  verifier_crashed: {
    meaning: 'The verifier process died twice on one receipt; nothing is attested.',
    remedy: 'Report the receipt id with the exit reason.',
  },
  verifier_late: {
    meaning: 'A verification did not end within its own limit and was stopped.',
    remedy: 'Give the verifier more workers; the program may cost more than its units say.',
  },
  blob_too_large: {
    meaning: 'The blob is larger than a single blob may be here.',
    remedy: 'Split the tensor, or raise the limit of the blob store.',
  },
  blob_store_full: {
    meaning: 'The blob store holds as many bytes or files as it may.',
    remedy: 'Wait until closed jobs are dropped, or raise the limit of the blob store.',
  },
  blob_disk_full: {
    meaning: 'The disk has no room left; the unfinished file was removed.',
    remedy: 'Make room on the disk of the data folder.',
  },
  blob_io_failed: {
    meaning: 'A file of the blob store could not be read or written.',
    remedy: 'Check permissions and health of the disk of the data folder.',
  },
}
