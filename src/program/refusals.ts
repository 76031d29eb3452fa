/** The codes with which the program floor answers programs and shapes it cannot take. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  program_oversized: {
    meaning: 'The encoding of the program is longer than 64 KiB.',
    remedy: 'Split the program, or move constants into weights.',
  },
  program_version_unknown: {
    meaning: 'The program names a version of the intermediate representation that is not known.',
    remedy: 'Encode the program with version 1.',
  },
  program_bytes_exceeded: {
    meaning: 'All tensors of the program together are larger than the program limit.',
    remedy: 'Use a smaller batch or split the program.',
  },
  program_entries_exceeded: {
    meaning: 'The program has more inputs, weights, ops or outputs than a program may have.',
    remedy: 'Split the program; the limits stand in docs/reference/program.md.',
  },
  program_work_exceeded: {
    meaning: 'The ops of the program together take more steps than any program may take.',
    remedy: 'Use smaller operands or kernels, or split the program; the facts name the op.',
  },
  outputs_missing: {
    meaning: 'The program names no output or computes nothing.',
    remedy: 'Name at least one op output as program output.',
  },
  output_repeated: {
    meaning: 'The same value is named twice as output.',
    remedy: 'Name each output once.',
  },
  output_not_computed: {
    meaning: 'An output is not the output of an op: it is an input, a weight or does not exist.',
    remedy: 'Name op outputs only; the buyer has inputs and weights already.',
  },
  op_unknown: {
    meaning: 'No op has this number.',
    remedy: 'Use the ops of docs/reference/numerics.md.',
  },
  op_version_unknown: {
    meaning: 'The op exists, but not in this version of its semantics.',
    remedy: 'Use a version listed in docs/reference/numerics.md.',
  },
  op_arity: {
    meaning: 'The op has another number of operands.',
    remedy: 'Give the operands that docs/reference/numerics.md lists for the op.',
  },
  op_attributes: {
    meaning: 'The op has another number of attributes.',
    remedy: 'Give the attributes that docs/reference/numerics.md lists for the op.',
  },
  attribute_out_of_range: {
    meaning:
      'An attribute is outside the range of the op, or does not fit the rank of its operand.',
    remedy: "See the range in docs/reference/numerics.md; integers are two's complement u64.",
  },
  dtype_unknown: {
    meaning: 'No element type has this number.',
    remedy: 'Use 1 (f32), 2 (s8) or 3 (s32).',
  },
  dtype_mismatch: {
    meaning: 'An operand has another element type than the op takes.',
    remedy: 'Convert with quantise, dequantise or requantise first.',
  },
  shape_rank: {
    meaning: 'A tensor has no dimension, too many, or not the number the op takes.',
    remedy: 'Use 1 to 8 dimensions; docs/reference/numerics.md has the ranks that each op takes.',
  },
  shape_empty: {
    meaning: 'A dimension is zero.',
    remedy: 'Give every dimension at least 1; empty tensors do not exist.',
  },
  shape_overflow: {
    meaning: 'A tensor has more elements than any tensor may have.',
    remedy: 'Keep each tensor within 2^31 elements.',
  },
  shape_mismatch: {
    meaning: 'The shapes of the operands do not fit each other.',
    remedy: 'See the rule in the facts and docs/reference/numerics.md.',
  },
  matmul_depth_exceeded: {
    meaning: 'The inner dimension of an integer product could overflow 32 bits.',
    remedy: 'Split the product along K into parts of at most 65,536 and add them.',
  },
  forward_reference: {
    meaning: 'An op takes a value that is not computed before it; a cycle always has such an op.',
    remedy: 'Order the ops so that each comes after its operands.',
  },
  value_unused: {
    meaning: 'An input, weight or op output leads to nothing.',
    remedy: 'Remove it or name it as output.',
  },
  opening_too_large: {
    meaning: 'One output element of an op needs more opened bytes than a fraud proof may hold.',
    remedy: 'Shorten the rows that the op reads, or transpose and sum the last axis.',
  },
  verification_unavailable: {
    meaning: 'This kind of verification is not offered yet.',
    remedy: 'Use fold for integer programs and replay for f32 programs.',
  },
  differentiation_unsupported: {
    meaning: 'A gradient was asked for through an op or a broadcast that has no gradient rule.',
    remedy: 'Use ops with a rule in src/program/autograd.ts, or write the gradient by hand.',
  },
  tensor_length: {
    meaning: "The bytes do not have the length of the tensor's type.",
    remedy: 'Give elements x element size bytes, row-major and little-endian.',
  },
}
