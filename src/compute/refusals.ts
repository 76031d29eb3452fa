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
  fabric_not_loadable: {
    meaning: 'The file is no shared object that this machine can load.',
    remedy: 'Read the reason; build the fabric for this machine, with all that it links to.',
  },
  fabric_entry_missing: {
    meaning: 'The shared object does not export the function by which a fabric is asked for.',
    remedy: 'Export `fabric_query`, as native/plugin/fabric.h says.',
  },
  fabric_version_foreign: {
    meaning: 'The fabric speaks another major version of the interface.',
    remedy: 'Build the fabric against the fabric.h of this node.',
  },
  fabric_struct_size: {
    meaning: 'The table of functions says that it is smaller than version 1.0 of it.',
    remedy: 'Set struct_size to the size of the struct that the fabric was built with.',
  },
  fabric_function_missing: {
    meaning: 'A function of version 1.0 of the interface is null.',
    remedy: 'Implement the function that the reason names; it may refuse, but must be there.',
  },
  fabric_init_failed: {
    meaning: 'The fabric refused to start.',
    remedy: 'Read the reason, which is in the words of the fabric.',
  },
  fabric_crashed: {
    meaning: 'The process of the fabric died; a job fails when it did so twice.',
    remedy: 'Look at the signal and at what it was doing; run tb-cli fabric conformance.',
  },
  fabric_exited: {
    meaning: 'The fabric ended its process, which is not its own to end.',
    remedy: 'Answer with a code in place of exit or abort; run tb-cli fabric conformance.',
  },
  fabric_hung: {
    meaning: 'A call into the fabric did not return in time; its process was ended.',
    remedy: 'Look at what it was doing; honour run_cancel and the timeout of run_wait.',
  },
  fabric_bits_wrong: {
    meaning: 'A run whose result is known gave another one: the device does not compute BT-Num.',
    remedy: 'Run tb-cli fabric conformance; look at contraction, flushing, and the driver.',
  },
  fabric_receipt_wrong: {
    meaning: 'The receipt of a run states digests or times that are not those of what was made.',
    remedy: 'Hash the bytes of each output as the interface says, after the last write to them.',
  },
  fabric_answer_wrong: {
    meaning: 'The fabric, or its process, answered with something that no answer can be.',
    remedy: 'Read the reason; run tb-cli fabric conformance.',
  },
  fabric_leaked: {
    meaning: 'Memory allocated for this job was not freed when the job was over.',
    remedy: 'Read label and bytes; every allocation event is followed by that of its release.',
  },
  fabric_overran: {
    meaning: 'The fabric wrote outside a buffer: a guard beside host memory is broken.',
    remedy: 'Look for writes past the end of an output or of a range that is read.',
  },
  fabric_memory_exceeded: {
    meaning: 'The process of the fabric took more memory than it may.',
    remedy: 'Look for what grows; the limit is TB_BLOCKTORCH_PLUGIN_MEMORY_MIB.',
  },
  fabric_threads_exceeded: {
    meaning: 'The process of the fabric has more threads than it may.',
    remedy: 'Make a pool once, in init, with as many threads as the options say.',
  },
  fabric_descriptors_exceeded: {
    meaning: 'The process of the fabric keeps more files or sockets open than it may.',
    remedy: 'Close what is opened, or open it once.',
  },
  fabric_forked: {
    meaning: 'The fabric tried to start a process, which it may not; the system ended it.',
    remedy: 'Compute in threads of the process that carries the fabric.',
  },
  fabric_busy: {
    meaning: 'The fabric went on computing when it had nothing to compute.',
    remedy: 'Threads wait while there is no run, and end in cleanup.',
  },
  fabric_flooded: {
    meaning: 'The fabric printed more than it may.',
    remedy: "Log by the callback of the host; standard output and error are not the fabric's.",
  },
  fabric_signals_changed: {
    meaning: 'The fabric changed how the process answers a signal.',
    remedy: 'Leave signals alone; the number is in the reason.',
  },
  fabric_refused: {
    meaning: 'The fabric refused to run the op table: out of memory, or an op it does not have.',
    remedy: 'Read the reason; choose a fabric that supports every op of the program.',
  },
  fabric_unusable: {
    meaning: 'The fabric has no device that computes BT-Num, or its self-test failed.',
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
