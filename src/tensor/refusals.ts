/** The codes with which the tensor room answers shapes, memory and gradients it cannot take. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  tensor_dtype_unsupported: {
    meaning: 'No tensor has elements of this kind.',
    remedy: 'Use f32, s8 or s32; of typed arrays Float32Array, Int8Array or Int32Array.',
  },
  tensor_dtype_mismatch: {
    meaning: 'The operation does not take elements of this kind, or the operands differ in kind.',
    remedy: 'Convert with cast, quantise or dequantise first.',
  },
  tensor_dims_malformed: {
    meaning: 'A dimension is not a whole number of at least 1.',
    remedy: 'Give the sizes of 1 to 8 axes, each at least 1.',
  },
  tensor_axis_unknown: {
    meaning: 'The tensor has no such axis, or an axis is named twice.',
    remedy: 'Count axes from 0, or from -1 backwards.',
  },
  tensor_length_mismatch: {
    meaning: 'The number of elements is not that of the dimensions.',
    remedy: 'Give as many elements as the product of the dimensions.',
  },
  tensor_view_impossible: {
    meaning: 'The elements do not lie so that other dimensions could describe them.',
    remedy: 'Use reshape(), which copies where it must, or contiguous().view().',
  },
  tensor_slice_out_of_range: {
    meaning: 'A slice is empty, leaves its axis, or steps backwards.',
    remedy: 'Take start < end within the axis and a step of at least 1.',
  },
  tensor_stride_negative: {
    meaning: 'A stride is negative or not a whole number.',
    remedy: 'Give strides of at least 0; flip reverses an axis.',
  },
  tensor_stride_out_of_range: {
    meaning: 'Dimensions and strides lead past the end of the memory.',
    remedy: 'Keep offset + sum of (dimension - 1) x stride below the number of elements.',
  },
  tensor_layout_unsupported: {
    meaning:
      'Dimensions and strides describe windows that overlap, which no op can bring in order.',
    remedy: 'Give strides of which each covers the whole axis below it, or copy by hand.',
  },
  tensor_broadcast_mismatch: {
    meaning: 'Two shapes cannot be broadcast: an axis differs and is 1 in neither.',
    remedy: 'Align the shapes at their last axes; each pair must be equal or have a 1.',
  },
  tensor_alias_overlap: {
    meaning: 'A tensor would be written in place in which several elements are one.',
    remedy: 'Write to a clone, or to the tensor that was expanded.',
  },
  tensor_disposed: {
    meaning: 'The memory of the tensor has been given back.',
    remedy: 'Dispose of a tensor after its last use; views share the memory.',
  },
  tensor_device_unknown: {
    meaning: 'There is no device of this name.',
    remedy: 'Use cpu, reference, opencl, cuda, metal, or the path of a fabric.',
  },
  tensor_device_unavailable: {
    meaning: 'The device cannot be opened on this machine.',
    remedy: 'See the reason; tb-cli fabric list shows what there is.',
  },
  tensor_device_mismatch: {
    meaning: 'The operands are on different devices, or belong to different traces.',
    remedy: 'Bring them to one device with to().',
  },
  tensor_device_failed: {
    meaning: 'The device could not do an op.',
    remedy: 'See the reason; the operands are as they were.',
  },
  tensor_device_full: {
    meaning: 'The device has no memory left.',
    remedy: 'Dispose of tensors, or compute within scope().',
  },
  tensor_not_contiguous: {
    meaning: 'The elements do not lie side by side, so there is no array of them without a copy.',
    remedy: 'Use toArray(), or contiguous().data().',
  },
  tensor_memory_remote: {
    meaning: 'The memory of the device is not memory of this process.',
    remedy: "Use toArray(), or to('cpu').data().",
  },
  tensor_not_scalar: {
    meaning: 'The tensor has more than one element.',
    remedy: 'Reduce it first, or use toArray().',
  },
  tensor_division_by_zero: {
    meaning: 'A divisor is zero.',
    remedy: "Divide 'safe' to get zero there, or 'ieee' to get an infinity.",
  },
  tensor_gradient_dtype: {
    meaning: 'A gradient was asked for of a tensor of integers.',
    remedy: 'Only f32 tensors have gradients.',
  },
  tensor_gradient_derived: {
    meaning: 'A tensor that was computed from others cannot be made a leaf, or none any more.',
    remedy: 'Detach it first.',
  },
  tensor_gradient_untracked: {
    meaning: 'Nothing that requires a gradient leads to this tensor.',
    remedy: 'Set requiresGrad on a leaf before computing, outside of noGrad.',
  },
  tensor_gradient_seed: {
    meaning:
      'Backward began at several elements without a gradient for them, or with another shape.',
    remedy: 'Reduce to one element, or give backward a tensor of the same shape.',
  },
  tensor_gradient_released: {
    meaning: 'The record of this computation was given up by an earlier backward.',
    remedy: "Call the earlier backward with retain: 'graph'.",
  },
  tensor_gradient_overwritten: {
    meaning: 'A value that the gradient needs was written over since it was computed.',
    remedy: 'Write in place after backward, or to a clone.',
  },
  tensor_gradient_alias: {
    meaning:
      'A view was used whose memory another view has written since, so its origin is unknown.',
    remedy: 'Take the view anew after writing in place.',
  },
  trace_value_unknown: {
    meaning: 'The value of a tensor was asked for while a program was being traced.',
    remedy: 'Compute with ops alone; a program cannot branch on what it computes.',
  },
  trace_ended: {
    meaning: 'A tensor of a trace was used after the trace had ended.',
    remedy: 'Return from the traced function what the program is to give out.',
  },
  trace_input_unused: {
    meaning: 'An input of the traced function leads to no output.',
    remedy: 'Leave it out of the inputs.',
  },
  trace_output_foreign: {
    meaning: 'The traced function returned something that is not made from its inputs.',
    remedy: 'Return tensors, at most 16 and at least one, each computed from an input.',
  },
  gradients_malformed: {
    meaning: 'The bytes are not a serialisation of gradients.',
    remedy: 'See the format in docs/reference/tensor.md.',
  },
  gradients_digest_mismatch: {
    meaning: 'The gradients of a group do not have the digest that stands before them.',
    remedy: 'The bytes were damaged on the way; fetch them again.',
  },
}
