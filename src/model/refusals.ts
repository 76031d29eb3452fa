/** The codes with which files of models are answered that cannot become programs. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  model_oversized: {
    meaning: 'The model file is larger than 1 GiB.',
    remedy: 'Split the model into several programs.',
  },
  protobuf_malformed: {
    meaning: 'The file is not an encoding of an ONNX model: damaged, cut off, or another format.',
    remedy: 'Fetch the file again and compare its digest.',
  },
  protobuf_text_long: {
    meaning: 'A name in the model is longer than 4,096 bytes.',
    remedy: 'Export the model with shorter names.',
  },
  protobuf_field_repeated: {
    meaning: 'A field of the model stands more often than any model needs.',
    remedy: 'Export the model with raw tensor data and without debugging information.',
  },
  onnx_graph_missing: {
    meaning: 'The file holds no graph.',
    remedy: 'Give an inference model, not a training checkpoint.',
  },
  onnx_graph_too_large: {
    meaning: 'The graph has more nodes, initializers, inputs or outputs than are read.',
    remedy: 'Simplify the model or split it; the limits stand in docs/reference/models.md.',
  },
  onnx_sparse_tensor: {
    meaning: 'The model holds sparse tensors.',
    remedy: 'Export the model with dense weights.',
  },
  onnx_attribute_repeated: {
    meaning: 'A node has two attributes of one name.',
    remedy: 'Export the model again; this is not valid ONNX.',
  },
  onnx_opset_unsupported: {
    meaning: 'The model uses a version of the operator set whose ops may mean something else.',
    remedy: 'Export the model with operator set 17 to 20.',
  },
  onnx_op_unknown: {
    meaning: 'A node has an op that is not imported.',
    remedy: 'See docs/reference/models.md for the ops; write the node with these.',
  },
  onnx_attribute_unsupported: {
    meaning: 'A node has an attribute, or a value of one, that is not imported.',
    remedy: 'See docs/reference/models.md for what is taken of the op.',
  },
  onnx_attribute_missing: {
    meaning: 'A node lacks an attribute without which it means nothing.',
    remedy: 'Export the model again; this is not valid ONNX.',
  },
  onnx_operand_missing: {
    meaning: 'A node lacks an operand without which it means nothing.',
    remedy: 'Export the model again; this is not valid ONNX.',
  },
  onnx_operand_not_constant: {
    meaning: 'An operand that decides about shapes or ops is only known at run time.',
    remedy: 'Programs have static shapes: fix the sizes with --dim or --input-shape, or rewrite.',
  },
  onnx_operand_unsupported: {
    meaning: 'A constant operand has a value that is not imported.',
    remedy: 'See docs/reference/models.md for what is taken of the op.',
  },
  onnx_output_unsupported: {
    meaning: 'An output of a node beyond those that are imported is used.',
    remedy: 'Remove its users: masks of dropout, indices of pools and statistics are not made.',
  },
  onnx_output_constant: {
    meaning: 'An output of the model does not depend on its inputs.',
    remedy: 'Remove the output; its value is known.',
  },
  onnx_output_missing: {
    meaning: 'The graph names no output.',
    remedy: 'Export the model with outputs.',
  },
  onnx_external_data: {
    meaning: 'A tensor lies in another file, which is not read.',
    remedy: 'Save the model with its weights inside, or give them with --weights.',
  },
  onnx_tensor_malformed: {
    meaning: 'A tensor does not have as many elements as its sizes say.',
    remedy: 'Export the model again; this is not valid ONNX.',
  },
  onnx_dtype_unsupported: {
    meaning: 'A value has an element type that is not taken there.',
    remedy: 'Use floats; whole numbers serve as shapes, indices and quantised values.',
  },
  onnx_integer_too_large: {
    meaning: 'A whole number does not fit 32 bits.',
    remedy: 'Integers of a program are s32.',
  },
  onnx_name_repeated: {
    meaning: 'Two values of the graph have one name.',
    remedy: 'Export the model again; this is not valid ONNX.',
  },
  onnx_value_undefined: {
    meaning: 'A node or output names a value that nothing makes.',
    remedy: 'Check the names; a part of the model may be missing.',
  },
  onnx_cycle: {
    meaning: 'A node depends on its own output.',
    remedy: 'Programs are straight lines; unroll the loop.',
  },
  onnx_dim_unknown: {
    meaning: 'A size of an input is not fixed.',
    remedy: 'Fix it with --dim NAME=SIZE or --input-shape NAME=SIZE,SIZE,...',
  },
  onnx_axis_out_of_range: {
    meaning: 'An axis or index lies outside the tensor, or stands twice.',
    remedy: 'Check the sizes that were given for the inputs.',
  },
  onnx_rank_unsupported: {
    meaning: 'An operand has a number of axes that is not imported for the op.',
    remedy: 'Convolutions and pools take one or two spatial axes.',
  },
  weights_unmatched: {
    meaning: 'No tensor of the weights file has the name of an initializer of the model.',
    remedy: 'Compare the names; the weights of another model may have been given.',
  },
  quantise_nothing: {
    meaning: 'The program has no product with constant weights that could become int8.',
    remedy: 'Quantise an f32 program with matrix products or convolutions, and keep fewer in f32.',
  },
  array_malformed: {
    meaning: 'A file of samples is cut off or holds elements that are not read.',
    remedy:
      'Give raw little-endian f32, a .npy array of numbers in C order, or IDX of bytes or f32.',
  },
  safetensors_oversized: {
    meaning: 'The file, its header, a name in it or the number of its tensors is too large.',
    remedy: 'Split the file; the limits stand in docs/reference/models.md.',
  },
  safetensors_malformed: {
    meaning: 'The header of the safetensors file cannot be read.',
    remedy: 'Fetch the file again and compare its digest.',
  },
  safetensors_name_repeated: {
    meaning: 'Two tensors of the safetensors file have one name.',
    remedy: 'Write the file again; readers would disagree about it.',
  },
  safetensors_dtype_unknown: {
    meaning: 'A tensor of the safetensors file has an element type that is not read.',
    remedy: 'Convert to F32, F16, BF16, F64, I32, I8 or U8.',
  },
  safetensors_offsets: {
    meaning: 'The tensors do not lie end to end in the order of the header, or have a wrong size.',
    remedy: 'Write the file again without gaps, overlaps or padding.',
  },
}
